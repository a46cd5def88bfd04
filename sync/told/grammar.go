package told

import (
	"fmt"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// grammar is what engines say in ways of their own, beyond [sqlengine.Dialect].
// Expressions are put together as they are: they are the program's own.
type grammar struct {
	sqlengine.Dialect
	text, moment, integer string // types of columns
	key                   string // behind the columns of told
	now                   string
	after                 func(seconds int64) string // a moment from now
	at                    func(seconds string) string
	sha1                  func(text string) string // of a text, in lower-case hexadecimal digits; nil: there is none
	// rows is a parameter with rows in JSON as a table with the columns of told, at in
	// seconds, and gone.
	rows   func(param string) string
	traits string // the traits of %s; "": the usual way
	merge  bool   // rows are put in place with MERGE, not with DELETE and ON CONFLICT
}

// grammarOf returns the grammar of an engine.
func grammarOf(d sqlengine.Dialect) (*grammar, error) {
	switch d {
	case sqlengine.Postgres():
		return postgresGrammar(d), nil
	}
	return nil, fmt.Errorf("diff: warehouse is not known for %s", d.Name())
}

func postgresGrammar(d sqlengine.Dialect) *grammar {
	return &grammar{
		Dialect: d, text: "text", moment: "timestamp with time zone", integer: "bigint", key: ", PRIMARY KEY (trait, kind, id)", now: "now()",
		after: func(seconds int64) string { return fmt.Sprintf("now() + INTERVAL '%d seconds'", seconds) },
		at:    func(seconds string) string { return "to_timestamp(" + seconds + ")" },
		rows: func(param string) string {
			return "jsonb_to_recordset(CAST(" + param + " AS jsonb)) AS r(trait text, kind text, id text, value text, at bigint, anonymous_id text, email_sha1 text, gone boolean)"
		},
		// The index gives one trait after another, without the rows between.
		traits: "WITH RECURSIVE t(trait) AS ((SELECT trait FROM %[1]s ORDER BY trait LIMIT 1) UNION ALL SELECT (SELECT n.trait FROM %[1]s n WHERE n.trait > t.trait ORDER BY n.trait LIMIT 1) FROM t WHERE t.trait IS NOT NULL) SELECT trait FROM t WHERE trait IS NOT NULL",
	}
}
