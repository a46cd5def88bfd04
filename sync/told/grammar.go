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
	key, tail             string // behind the columns of told, and behind these
	now                   string
	after                 func(seconds int64) string // a moment from now
	at                    func(seconds string) string
	sha1                  func(text string) string // of a text, in lower-case hexadecimal digits; nil: there is none
	trim                  func(text string) string // without space around it
	// rows is a parameter with rows in JSON as a table r with the columns of
	// [incomingColumns]; for a [sqlengine.Loader] those of a key are enough.
	rows   func(param string) string
	most   int    // bytes of that parameter, where rows are written with it
	brief  string // what makes a table that does not last cheaper; it must not be emptied if the server crashes
	merges bool   // there is a MERGE that also deletes; otherwise, DELETE and INSERT are one transaction
	locks  bool   // a row that a transaction changed is nobody else's until its end
	once   string // behind a query whose expressions are to be evaluated once, although later ones name them more often
	traits string // a statement for the traits of %s; "": the usual one
}

// grammarOf returns the grammar of an engine.
func grammarOf(d sqlengine.Dialect) (*grammar, error) {
	switch d {
	case sqlengine.Postgres():
		return postgresGrammar(d), nil
	case sqlengine.Redshift():
		return redshiftGrammar(d), nil
	case sqlengine.ClickHouse():
		return clickhouseGrammar(d), nil
	case sqlengine.BigQuery():
		return bigQueryGrammar(d), nil
	case sqlengine.Snowflake():
		return snowflakeGrammar(d), nil
	case sqlengine.Databricks():
		return databricksGrammar(d), nil
	}
	return nil, fmt.Errorf("diff: warehouse is not known for %s", d.Name())
}

func call(function string) func(string) string {
	return func(expr string) string { return function + "(" + expr + ")" }
}

func postgresGrammar(d sqlengine.Dialect) *grammar {
	return &grammar{
		Dialect: d, text: "text", moment: "timestamp with time zone", integer: "bigint", key: ", PRIMARY KEY (trait, kind, id)", now: "now()", merges: true, locks: true,
		after: func(seconds int64) string {
			return fmt.Sprintf("clock_timestamp() + %d * INTERVAL '1 second'", seconds)
		},
		at:   call("to_timestamp"),
		trim: func(text string) string { return "BTRIM(" + text + `, E' \t\n\r\f\v')` },
		once: " OFFSET 0",
		rows: func(param string) string {
			return "jsonb_to_recordset(CAST(" + param + " AS jsonb)) AS r(kind text, id text)"
		},
		// The index gives one trait after another, without the rows between.
		traits: "WITH RECURSIVE t(trait) AS ((SELECT trait FROM %[1]s ORDER BY trait LIMIT 1) UNION ALL SELECT (SELECT n.trait FROM %[1]s n WHERE n.trait > t.trait ORDER BY n.trait LIMIT 1) FROM t WHERE t.trait IS NOT NULL) SELECT trait FROM t WHERE trait IS NOT NULL",
	}
}

// redshiftGrammar gives rows in pieces of at most 65,535 bytes, the longest text there is
// (https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html).
func redshiftGrammar(d sqlengine.Dialect) *grammar {
	member := func(name, kind string) string { return "CAST(j." + name + " AS " + kind + ") AS " + name }
	const text = "varchar(2048)"
	return &grammar{
		Dialect: d, text: text, moment: "timestamp with time zone", integer: "bigint", tail: " DISTKEY (id) SORTKEY (trait, kind, id)", now: "GETDATE()", most: 60_000, locks: true,
		after: func(seconds int64) string { return fmt.Sprintf("DATEADD(second, %d, GETDATE())", seconds) },
		at:    func(seconds string) string { return "TIMESTAMP 'epoch' + " + seconds + " * INTERVAL '1 second'" },
		sha1:  call("SHA1"), trim: call("TRIM"),
		rows: func(param string) string {
			return "(SELECT " + member("trait", text) + ", " + member("kind", text) + ", " + member("id", text) + ", " + member("value", text) + ", " + member("seconds", "bigint") + ", " +
				member("anonymous_id", text) + ", " + member("email_sha1", text) + ", " + member("gone", "boolean") + ", " + member("turn", "bigint") + " FROM (SELECT JSON_PARSE(CAST(" + param + " AS varchar(65535))) AS doc) d, d.doc AS j) r"
		},
	}
}

func clickhouseGrammar(d sqlengine.Dialect) *grammar {
	return &grammar{
		Dialect: d,
		sha1:    func(text string) string { return "lower(hex(SHA1(" + text + ")))" },
		trim:    func(text string) string { return "replaceRegexpAll(" + text + `, '^\\s+|\\s+$', '')` },
	}
}

func bigQueryGrammar(d sqlengine.Dialect) *grammar {
	return &grammar{
		Dialect: d, text: "STRING", moment: "TIMESTAMP", integer: "INT64", tail: " CLUSTER BY trait, kind, id", now: "CURRENT_TIMESTAMP()", merges: true,
		after: func(seconds int64) string {
			return fmt.Sprintf("TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL %d SECOND)", seconds)
		},
		at: call("TIMESTAMP_SECONDS"), trim: call("TRIM"),
		sha1: func(text string) string { return "TO_HEX(SHA1(" + text + "))" },
		rows: func(param string) string {
			return "(SELECT JSON_VALUE(j, '$.kind') AS kind, JSON_VALUE(j, '$.id') AS id FROM UNNEST(JSON_QUERY_ARRAY(" + param + ")) AS j) r"
		},
	}
}

func snowflakeGrammar(d sqlengine.Dialect) *grammar {
	member := func(name, kind string) string { return "f.value:" + name + "::" + kind + " AS " + name }
	return &grammar{
		Dialect: d, text: "VARCHAR", moment: "TIMESTAMP_TZ", integer: "NUMBER(19)", tail: " CLUSTER BY (trait, kind, id)", now: "CURRENT_TIMESTAMP()", most: 8 << 20, brief: "TRANSIENT ", merges: true,
		after: func(seconds int64) string { return fmt.Sprintf("DATEADD(second, %d, CURRENT_TIMESTAMP())", seconds) },
		at:    call("TO_TIMESTAMP_TZ"), sha1: call("SHA1"), trim: call("TRIM"),
		rows: func(param string) string {
			return "(SELECT " + member("trait", "VARCHAR") + ", " + member("kind", "VARCHAR") + ", " + member("id", "VARCHAR") + ", " + member("value", "VARCHAR") + ", " + member("seconds", "NUMBER") + ", " +
				member("anonymous_id", "VARCHAR") + ", " + member("email_sha1", "VARCHAR") + ", " + member("gone", "BOOLEAN") + ", " + member("turn", "NUMBER") + " FROM TABLE(FLATTEN(INPUT => PARSE_JSON(" + param + "))) f) r"
		},
	}
}

func databricksGrammar(d sqlengine.Dialect) *grammar {
	return &grammar{
		Dialect: d, text: "STRING", moment: "TIMESTAMP", integer: "BIGINT", tail: " CLUSTER BY (trait, kind, id)", now: "current_timestamp()", most: 1 << 20, merges: true,
		after: func(seconds int64) string { return fmt.Sprintf("current_timestamp() + INTERVAL %d SECOND", seconds) },
		at:    call("timestamp_seconds"), sha1: call("sha1"), trim: call("TRIM"),
		rows: func(param string) string {
			return "(SELECT INLINE(from_json(" + param + ", 'array<struct<trait:string,kind:string,id:string,value:string,seconds:bigint,anonymous_id:string,email_sha1:string,gone:boolean,turn:bigint>>'))) r"
		},
	}
}
