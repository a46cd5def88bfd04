package sqlengine

import (
	"strconv"
	"strings"
	"time"
)

// BigQuery returns BigQuery's dialect. A schema is a dataset, perhaps with its project:
// other-project.prod_web.
func BigQuery() Dialect { return bigQuery{} }

type bigQuery struct{}

func (bigQuery) Name() string { return "BigQuery" }

func (bigQuery) Quote(name string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`", "\n", `\n`, "\r", `\r`).Replace(name) + "`"
}

func (bigQuery) Param(n int) string         { return "@p" + strconv.Itoa(n) }
func (bigQuery) Text(expr string) string    { return "CAST(" + expr + " AS STRING)" }
func (bigQuery) Micros(expr string) string  { return "UNIX_MICROS(" + expr + ")" }
func (bigQuery) Moment(at time.Time) string { return "TIMESTAMP '" + utc(at) + "+00'" }
func (bigQuery) Column(name string) string  { return name }
func (b bigQuery) in(schema string) string {
	if schema == "" {
		return "INFORMATION_SCHEMA" // of the dataset that the DSN names
	}
	return b.Quote(schema) + ".INFORMATION_SCHEMA"
}

func (b bigQuery) ColumnsOf(t Table) (string, []any) {
	return "SELECT column_name, lower(data_type) FROM " + b.in(t.Schema) + ".COLUMNS WHERE table_name = @p1 ORDER BY ordinal_position", []any{t.Name}
}

func (b bigQuery) TablesOf(schema string) (string, []any) {
	return "SELECT table_name FROM " + b.in(schema) + ".TABLES ORDER BY 1", nil
}

func (bigQuery) Schemas() string {
	return "SELECT schema_name FROM INFORMATION_SCHEMA.SCHEMATA ORDER BY 1"
}
