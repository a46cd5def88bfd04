package sqlengine

import (
	"strings"
	"time"
)

// Table names a table or view.
type Table struct {
	Schema string // "": the one that the connection uses
	Name   string
}

// Dialect says how statements are written for an engine. Expressions and names that
// it is given are put into statements as they are, so they must be the program's own;
// names that somebody else chose go through Quote, values into parameters.
type Dialect interface {
	// Name returns the engine's name, for people.
	Name() string
	// Quote returns a name that is used exactly as it is, whatever it holds.
	Quote(name string) string
	// Param returns the n-th parameter of a statement, from 1.
	Param(n int) string
	// Text returns an expression's value as text; NULL stays NULL. For booleans, see
	// [BoolText].
	Text(expr string) string
	// Micros returns a time in microseconds since 1970.
	Micros(expr string) string
	// Moment returns an expression for a time, without a second's fraction, as columns of
	// times are compared with.
	Moment(at time.Time) string
	// Column returns the name that a column has there if it was made for a name, such
	// as for Redshift, which has _3_views for 3_views.
	Column(name string) string
	// ColumnsOf returns the statement that gives name and type of each column of a
	// table in order.
	ColumnsOf(t Table) (statement string, args []any)
	// TablesOf returns the statement that gives the names of a schema's tables and views.
	TablesOf(schema string) (statement string, args []any)
	// Schemas returns the statement that gives the names of the schemas.
	Schemas() string
}

// Name returns how a table is named in a statement.
func Name(d Dialect, t Table) string {
	if t.Schema == "" {
		return d.Quote(t.Name)
	}
	return d.Quote(t.Schema) + "." + d.Quote(t.Name)
}

// BoolText returns the value of a boolean expression as the text true or false; NULL stays
// NULL. Not every database casts booleans to text (Redshift does not).
func BoolText(expr string) string {
	return "CASE WHEN " + expr + " THEN 'true' WHEN NOT " + expr + " THEN 'false' END"
}

// quoted puts a name between quotes and doubles those in it.
func quoted(name, quote string) string {
	return quote + strings.ReplaceAll(name, quote, quote+quote) + quote
}

// utc returns a time as texts of SQL have it.
func utc(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05") }
