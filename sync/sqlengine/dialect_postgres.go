package sqlengine

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Postgres returns PostgreSQL's dialect.
func Postgres() Dialect { return postgres{} }

// Redshift returns Amazon Redshift's dialect. It speaks PostgreSQL's protocol and SQL
// of version 8, and Segment puts _ before names that begin with a digit there
// (https://segment.com/docs/connections/storage/catalog/redshift/).
func Redshift() Dialect { return redshift{} }

type postgres struct{}

func (postgres) Name() string             { return "PostgreSQL" }
func (postgres) Quote(name string) string { return quoted(name, `"`) }
func (postgres) Param(n int) string       { return "$" + strconv.Itoa(n) }
func (postgres) Text(expr string) string  { return "CAST(" + expr + " AS text)" }
func (postgres) Micros(expr string) string {
	return "CAST(EXTRACT(EPOCH FROM " + expr + ") * 1000000 AS bigint)"
}

func (postgres) Moment(at time.Time) string { return "TIMESTAMP WITH TIME ZONE '" + utc(at) + "+00'" }

// Column cuts a name as the server does: to 63 bytes, without half a character at the
// end (https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS).
func (postgres) Column(name string) string {
	const most = 63
	if len(name) <= most {
		return name
	}
	end := most
	for end > 0 && !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end]
}

func (p postgres) ColumnsOf(t Table) (string, []any) {
	return `SELECT column_name, lower(data_type) FROM information_schema.columns
WHERE table_schema = ` + p.schema(t.Schema, 2) + ` AND table_name = $1 ORDER BY ordinal_position`, p.args(t.Name, t.Schema)
}

func (p postgres) TablesOf(schema string) (string, []any) {
	statement := `SELECT table_name FROM information_schema.tables WHERE table_schema = ` + p.schema(schema, 1) + ` ORDER BY 1`
	if schema == "" {
		return statement, nil
	}
	return statement, []any{schema}
}

func (postgres) schema(name string, param int) string {
	if name == "" {
		return "current_schema()"
	}
	return "$" + strconv.Itoa(param)
}

func (postgres) args(table, schema string) []any {
	if schema == "" {
		return []any{table}
	}
	return []any{table, schema}
}

func (postgres) Schemas() string {
	return `SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\_%' ORDER BY 1` // the standard's view leaves out what others own
}

type redshift struct{ postgres }

func (redshift) Name() string            { return "Redshift" }
func (redshift) Text(expr string) string { return "CAST(" + expr + " AS varchar(65535))" }

// Micros counts: EXTRACT gives whole seconds as a 4-byte integer there, which does not hold
// microseconds (https://docs.aws.amazon.com/redshift/latest/dg/r_EXTRACT_function.html).
func (redshift) Micros(expr string) string {
	return "DATEDIFF(microsecond, TIMESTAMP '1970-01-01 00:00:00', CAST(" + expr + " AS timestamp))"
}

// Column returns a name in lower case, of 127 bytes at most
// (https://docs.aws.amazon.com/redshift/latest/dg/r_names.html).
func (redshift) Column(name string) string {
	if name != "" && name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return strings.ToLower(name[:min(len(name), 127)])
}
