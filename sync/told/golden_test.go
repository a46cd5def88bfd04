package told

import (
	"context"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

var update = flag.Bool("update", false, "write the statements")

// recorder is an engine that only notes what it is sent.
type recorder struct {
	dialect sqlengine.Dialect
	text    strings.Builder
}

var errRecorded = errors.New("there is no database")

func (e *recorder) Dialect() sqlengine.Dialect { return e.dialect }
func (e *recorder) Close() error               { return nil }

func (e *recorder) Query(_ context.Context, statement string, _ ...any) (sqlengine.Rows, error) {
	e.text.WriteString(statement + ";\n")
	return nil, errRecorded
}

func (e *recorder) Write(_ context.Context, statements ...sqlengine.Statement) error {
	for _, s := range statements {
		e.text.WriteString(s.Text + ";\n")
	}
	return nil
}

// loading is an engine that takes rows without statements.
type loading struct{ *recorder }

func (e loading) Load(_ context.Context, table sqlengine.Table, columns []string) sqlengine.Load {
	e.text.WriteString("-- COPY, or a load job: " + sqlengine.Name(e.dialect, table) + " (" + strings.Join(columns, ", ") + ")\n")
	return e
}

func (e loading) Add(...any) error    { return nil }
func (e loading) End(err error) error { return err }

// TestStatements keeps the statements that each engine is sent, to be read. No server of
// BigQuery, Snowflake, Databricks or Redshift runs here.
func TestStatements(t *testing.T) {
	t.Parallel()
	for name, dialect := range map[string]sqlengine.Dialect{
		"postgres": sqlengine.Postgres(), "redshift": sqlengine.Redshift(), "bigquery": sqlengine.BigQuery(), "snowflake": sqlengine.Snowflake(), "databricks": sqlengine.Databricks(),
	} {
		e := &recorder{dialect: dialect}
		var engine sqlengine.Engine = e
		if name == "postgres" || name == "bigquery" {
			engine = loading{e}
		}
		one, err := New(engine, "impactsync")
		require.NoError(t, err)
		table := one.(*table)
		table.probed = true
		title := func(text string) { e.text.WriteString("\n-- " + text + "\n") }
		ctx := t.Context()
		write := func(statements ...sqlengine.Statement) { require.NoError(t, e.Write(ctx, statements...)) }
		title("told create")
		write(table.create()...)
		title("the lease")
		require.ErrorIs(t, table.claim(ctx, "host#1", time.Minute), errRecorded)
		title("rows that are written")
		at := sqlengine.Table{Schema: "impactsync", Name: "told_incoming_1"}
		made, err := table.gather(ctx, at, func(yield func(Row, error) bool) {
			yield(Row{Trait: "vip", Key: Key{UserID, "u1"}, Value: "true"}, nil)
		})
		require.NoError(t, err)
		require.True(t, made)
		write(table.fence("host#1", "token", table.put("host#1", sqlengine.Name(dialect, at)))...)
		title("forget: the keys come in the same way")
		write(table.forget("host#1", sqlengine.Name(dialect, at))...)
		title("explain")
		_, err = table.Of(ctx, []Key{{UserID, "u1"}})
		require.ErrorIs(t, err, errRecorded)
		_, err = table.Riding(ctx, []Key{{AnonymousID, "a1"}})
		require.ErrorIs(t, err, errRecorded)
		title("status")
		_, err = table.Counts(ctx)
		require.ErrorIs(t, err, errRecorded)
		title("told drop")
		require.ErrorIs(t, table.Drop(ctx), errRecorded)
		title("the difference of Profiles Sync")
		_, err = table.Difference(ctx, "vip", Wanted{
			Statement: "SELECT 1 -- the reader's", Args: []any{"vip"}, Columns: []string{"profile", "value", "kind", "id", "sorted"},
			Roles: []Role{RoleProfile, RoleValue, RoleKind, RoleID, RoleIgnored}, Order: []int{4},
		})
		require.ErrorIs(t, err, errRecorded)
		title("the difference of a query")
		_, err = table.Difference(ctx, "ltv", Wanted{Statement: "SELECT 1 -- the reader's", Columns: []string{"user_id", "email", "value"}, Roles: []Role{RoleUserID, RoleEmail, RoleValue}, Computed: true})
		require.ErrorIs(t, err, errRecorded)
		golden(t, "testdata/"+name+".sql", strings.TrimLeft(e.text.String(), "\n"))
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}
