// Duckdb-except is a peer of cmd/bench: what differs between two lists, by
// DuckDB.
//
//	duckdb-except OLD.csv NEW.csv RESULT.db [MEMORY_LIMIT]
//
// It reads the column user_id of both, writes who is in one and not in the
// other to the tables leavers and joiners of a new database, and ends when that
// is on disk (CHECKPOINT). 2 threads, everything else as DuckDB has it, unless
// its own memory limit is given, such as 128MB. It prints how many differ.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"

	_ "github.com/duckdb/duckdb-go/v2"
)

func main() {
	if len(os.Args) != 4 && len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: duckdb-except OLD.csv NEW.csv RESULT.db [MEMORY_LIMIT]")
		os.Exit(64)
	}
	options := "?threads=2"
	if len(os.Args) == 5 {
		options += "&memory_limit=" + url.QueryEscape(os.Args[4])
	}
	n, err := differ(context.Background(), os.Args[1], os.Args[2], os.Args[3]+options)
	if err != nil {
		fmt.Fprintln(os.Stderr, "duckdb-except:", err)
		os.Exit(1)
	}
	fmt.Println(n)
}

// steps load each list once. To read both for each EXCEPT could not be told apart
// from it on a busy machine, with one and with five million members.
var steps = []string{
	"CREATE TEMP TABLE older AS SELECT user_id FROM read_csv(getvariable('older'), header = true, columns = {'user_id': 'VARCHAR'})",
	"CREATE TEMP TABLE newer AS SELECT user_id FROM read_csv(getvariable('newer'), header = true, columns = {'user_id': 'VARCHAR'})",
	"CREATE TABLE leavers AS SELECT user_id FROM older EXCEPT SELECT user_id FROM newer",
	"CREATE TABLE joiners AS SELECT user_id FROM newer EXCEPT SELECT user_id FROM older",
	"CHECKPOINT",
}

func differ(ctx context.Context, older, newer, result string) (n int64, err error) {
	db, err := sql.Open("duckdb", result)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1) // variables and temporary tables belong to a connection
	for name, file := range map[string]string{"older": older, "newer": newer} {
		if _, err := db.ExecContext(ctx, "SET VARIABLE "+name+" = ?", file); err != nil {
			return 0, fmt.Errorf("name %s: %w", file, err)
		}
	}
	for _, step := range steps {
		if _, err := db.ExecContext(ctx, step); err != nil {
			return 0, fmt.Errorf("%s: %w", step, err)
		}
	}
	err = db.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM leavers) + (SELECT count(*) FROM joiners)").Scan(&n)
	return n, err
}
