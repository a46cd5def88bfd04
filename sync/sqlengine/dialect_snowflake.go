package sqlengine

import (
	"strconv"
	"strings"
	"time"
)

// Snowflake returns Snowflake's dialect. Segment's names are in capitals there, as those
// that nobody quotes are.
func Snowflake() Dialect { return snowflake{} }

type snowflake struct{}

func (snowflake) Name() string               { return "Snowflake" }
func (snowflake) Quote(name string) string   { return quoted(name, `"`) }
func (snowflake) Param(n int) string         { return ":" + strconv.Itoa(n) }
func (snowflake) Text(expr string) string    { return "CAST(" + expr + " AS VARCHAR)" }
func (snowflake) Micros(expr string) string  { return "DATE_PART(EPOCH_MICROSECOND, " + expr + ")" }
func (snowflake) Moment(at time.Time) string { return "TO_TIMESTAMP_TZ('" + utc(at) + " +00:00')" }
func (snowflake) Column(name string) string  { return strings.ToUpper(name) }

func (snowflake) ColumnsOf(t Table) (string, []any) {
	if t.Schema == "" {
		return `SELECT column_name, lower(data_type) FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = :1 ORDER BY ordinal_position`, []any{t.Name}
	}
	return `SELECT column_name, lower(data_type) FROM information_schema.columns WHERE table_schema = :1 AND table_name = :2 ORDER BY ordinal_position`, []any{t.Schema, t.Name}
}

func (snowflake) TablesOf(schema string) (string, []any) {
	if schema == "" {
		return `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY 1`, nil
	}
	return `SELECT table_name FROM information_schema.tables WHERE table_schema = :1 ORDER BY 1`, []any{schema}
}

func (snowflake) Schemas() string {
	return `SELECT schema_name FROM information_schema.schemata WHERE schema_name <> 'INFORMATION_SCHEMA' ORDER BY 1`
}
