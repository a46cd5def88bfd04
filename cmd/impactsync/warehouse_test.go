package main

import (
	"database/sql"
	"os"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // for database/sql
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/impactsync/impactsync/sync/sqlengine/enginetest"
)

// TestWarehouseScripts runs scripts with a database of their own, whose address is in
// DSN. sql FILE runs statements in it.
func TestWarehouseScripts(t *testing.T) {
	t.Parallel()
	server := enginetest.StartPostgres(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/warehouse",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			own := server.Database(t)
			e.Setenv("DSN", own.DSN)
			e.Setenv("OWNER", own.DSN)
			e.Setenv("READER", strings.Replace(own.DSN, "postgres@", "reader@", 1))
			e.Setenv("WRITER", strings.Replace(own.DSN, "postgres@", "writer:s3cret@", 1))
			return setUp(e)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"sandbox": startSandbox, "exits": wantExit, "calls": countCalls, "rows": rows, "sql": runSQL,
		},
	})
}

// runSQL: sql FILE runs the statements in a file.
func runSQL(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("pgx", ts.Getenv("DSN"))
	ts.Check(err)
	defer db.Close()
	text, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = db.Exec(string(text))
	ts.Check(err)
}
