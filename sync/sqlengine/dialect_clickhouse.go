package sqlengine

import (
	"strconv"
	"strings"
	"time"
)

// ClickHouse returns ClickHouse's dialect, as far as version 18.16 and current ones have
// it in common.
func ClickHouse() Dialect { return clickhouse{} }

type clickhouse struct{}

func (clickhouse) Name() string { return "ClickHouse" }

// Quote escapes as in texts: old versions do not know doubled quotes.
func (clickhouse) Quote(name string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(name) + "`"
}

// Param is written as current versions write parameters; the engine itself puts the
// values in, since old ones have none.
func (clickhouse) Param(n int) string        { return "{p" + strconv.Itoa(n) + ":String}" }
func (clickhouse) Column(name string) string { return name }

// Text gives NULL itself a type, without which no table can be made of it.
func (clickhouse) Text(expr string) string {
	if expr == "NULL" {
		return "CAST(NULL AS Nullable(String))"
	}
	return "toString(" + expr + ")"
}

func (clickhouse) Micros(expr string) string {
	return "toInt64(round(toFloat64(" + expr + ") * 1000000))"
}
func (clickhouse) Moment(at time.Time) string {
	return "toDateTime(" + strconv.FormatInt(at.Unix(), 10) + ")"
}

func (clickhouse) Schemas() string {
	return `SELECT name FROM system.databases WHERE lower(name) NOT IN ('system', 'information_schema') ORDER BY name`
}

// ColumnsOf relies on the order of system.columns, which is the table's: old versions
// have no column to sort by.
func (c clickhouse) ColumnsOf(t Table) (string, []any) {
	if t.Schema == "" {
		return `SELECT name, lower(type) FROM system.columns WHERE database = currentDatabase() AND table = ` + c.Param(1), []any{t.Name}
	}
	return `SELECT name, lower(type) FROM system.columns WHERE database = ` + c.Param(1) + ` AND table = ` + c.Param(2), []any{t.Schema, t.Name}
}

func (c clickhouse) TablesOf(schema string) (string, []any) {
	if schema == "" {
		return `SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name`, nil
	}
	return `SELECT name FROM system.tables WHERE database = ` + c.Param(1) + ` ORDER BY name`, []any{schema}
}
