package sqlengine

import (
	"strconv"
	"strings"
	"time"
)

// Databricks returns the dialect of Databricks SQL, with Unity Catalog.
func Databricks() Dialect { return databricks{} }

type databricks struct{}

func (databricks) Name() string              { return "Databricks" }
func (databricks) Quote(name string) string  { return quoted(name, "`") }
func (databricks) Param(n int) string        { return ":p" + strconv.Itoa(n) }
func (databricks) Text(expr string) string   { return "CAST(" + expr + " AS STRING)" }
func (databricks) Micros(expr string) string { return "unix_micros(CAST(" + expr + " AS TIMESTAMP))" }
func (databricks) Column(name string) string { return strings.ToLower(name) }

func (databricks) Moment(at time.Time) string {
	return "TIMESTAMP '" + at.UTC().Format("2006-01-02T15:04:05Z") + "'"
}

func (databricks) ColumnsOf(t Table) (string, []any) {
	if t.Schema == "" {
		return `SELECT column_name, lower(data_type) FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = :p1 ORDER BY ordinal_position`, []any{t.Name}
	}
	return `SELECT column_name, lower(data_type) FROM information_schema.columns WHERE table_schema = :p1 AND table_name = :p2 ORDER BY ordinal_position`, []any{t.Schema, t.Name}
}

func (databricks) TablesOf(schema string) (string, []any) {
	if schema == "" {
		return `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY 1`, nil
	}
	return `SELECT table_name FROM information_schema.tables WHERE table_schema = :p1 ORDER BY 1`, []any{schema}
}

func (databricks) Schemas() string {
	return `SELECT schema_name FROM information_schema.schemata WHERE schema_name <> 'information_schema' ORDER BY 1`
}
