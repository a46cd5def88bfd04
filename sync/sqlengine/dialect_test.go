package sqlengine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

func TestDialects(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	for _, c := range []struct {
		d                                         sqlengine.Dialect
		name, param, text, micros, moment, column string
	}{
		{sqlengine.Postgres(), `"a"."b""` + "`" + `c"`, "$2", "CAST(x AS text)", "CAST(EXTRACT(EPOCH FROM x) * 1000000 AS bigint)", "TIMESTAMP WITH TIME ZONE '2026-01-02 02:04:05+00'", "3_views"},
		{sqlengine.Redshift(), `"a"."b""` + "`" + `c"`, "$2", "CAST(x AS varchar(65535))", "DATEDIFF(microsecond, TIMESTAMP '1970-01-01 00:00:00', CAST(x AS timestamp))", "TIMESTAMP WITH TIME ZONE '2026-01-02 02:04:05+00'", "_3_views"},
		{sqlengine.ClickHouse(), "`a`.`b\"\\`c`", "{p2:String}", "toString(x)", "toInt64(round(toFloat64(x) * 1000000))", "toDateTime(1767319445)", "3_views"},
		{sqlengine.BigQuery(), "`a`.`b\"\\`c`", "@p2", "CAST(x AS STRING)", "UNIX_MICROS(x)", "TIMESTAMP '2026-01-02 02:04:05+00'", "3_views"},
		{sqlengine.Snowflake(), `"a"."b""` + "`" + `c"`, ":2", "CAST(x AS VARCHAR)", "DATE_PART(EPOCH_MICROSECOND, x)", "TO_TIMESTAMP_TZ('2026-01-02 02:04:05 +00:00')", "3_VIEWS"},
		{sqlengine.Databricks(), "`a`.`b\"``c`", ":p2", "CAST(x AS STRING)", "unix_micros(CAST(x AS TIMESTAMP))", "TIMESTAMP '2026-01-02T02:04:05Z'", "3_views"},
	} {
		t.Run(c.d.Name(), func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.name, sqlengine.Name(c.d, sqlengine.Table{Schema: "a", Name: "b\"`c"}))
			require.Equal(t, c.param, c.d.Param(2))
			require.Equal(t, c.text, c.d.Text("x"))
			require.Equal(t, c.micros, c.d.Micros("x"))
			require.Equal(t, c.moment, c.d.Moment(at))
			require.Equal(t, c.column, c.d.Column("3_views"))
		})
	}
}

func TestOnlyReads(t *testing.T) {
	t.Parallel()
	for statement, reads := range map[string]bool{
		"SELECT 1": true, "\n-- x\n  with a AS (SELECT 1) SELECT * FROM a": true, "((SELECT 1))": true, "select\t1": true,
		"": false, "INSERT INTO t VALUES (1)": false, "-- SELECT": false, "SELECTED": false, "CALL p()": false,
	} {
		require.Equal(t, reads, sqlengine.OnlyReads(statement) == nil, "%s", statement)
	}
}
