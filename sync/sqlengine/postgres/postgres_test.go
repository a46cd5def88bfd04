package postgres_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/sqlengine/enginetest"
	"github.com/impactsync/impactsync/sync/sqlengine/postgres"
)

func open(t *testing.T, cfg sqlengine.Config) sqlengine.Engine {
	t.Helper()
	e, err := postgres.Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

// read returns all rows, their values joined with |.
func read(t *testing.T, e sqlengine.Engine, statement string, args ...any) (lines []string, err error) {
	t.Helper()
	rows, err := e.Query(t.Context(), statement, args...)
	if err != nil {
		return nil, err
	}
	defer func() { require.NoError(t, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(t, err)
	values, pointers := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		pointers[i] = &values[i]
	}
	for rows.Next() {
		require.NoError(t, rows.Scan(pointers...))
		texts := make([]string, len(values))
		for i, v := range values {
			if texts[i] = v.String; !v.Valid {
				texts[i] = "NULL"
			}
		}
		lines = append(lines, strings.Join(texts, "|"))
	}
	return lines, rows.Err()
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	server := enginetest.StartPostgres(t)
	e := open(t, sqlengine.Config{DSN: server.DSN, Timeout: time.Minute})
	d := e.Dialect()
	server.Exec(t, `CREATE SCHEMA ps`, `CREATE TABLE ps."od""d" (id text, "3_views" boolean, seen timestamptz)`,
		`INSERT INTO ps."od""d" VALUES ('u1', true, '2026-01-02 03:04:05.678901+00'), (NULL, NULL, NULL)`, `CREATE VIEW ps.seen AS SELECT 1 AS one`)
	odd := sqlengine.Table{Schema: "ps", Name: `od"d`}

	t.Run("values are read as texts", func(t *testing.T) {
		got, err := read(t, e, "SELECT "+d.Text("id")+", "+d.Text(d.Quote("3_views"))+", "+d.Micros("seen")+" FROM "+sqlengine.Name(d, odd)+" WHERE id = "+d.Param(1)+" OR id IS NULL ORDER BY id", "u1")
		require.NoError(t, err)
		require.Equal(t, []string{"u1|true|1767323045678901", "NULL|NULL|NULL"}, got)
	})
	t.Run("the catalogue is read", func(t *testing.T) {
		columns, err := sqlengine.Columns(t.Context(), e, odd)
		require.NoError(t, err)
		require.Equal(t, []sqlengine.Column{{Name: "id", Type: "text"}, {Name: "3_views", Type: "boolean"}, {Name: "seen", Type: "timestamp with time zone"}}, columns)
		tables, err := sqlengine.Tables(t.Context(), e, "ps")
		require.NoError(t, err)
		require.Equal(t, []string{`od"d`, "seen"}, tables)
		schemas, err := sqlengine.Schemas(t.Context(), e)
		require.NoError(t, err)
		require.Equal(t, []string{"ps", "public"}, schemas)
		none, err := sqlengine.Columns(t.Context(), e, sqlengine.Table{Name: "nothing"})
		require.NoError(t, err)
		require.Empty(t, none)
	})
	t.Run("nothing can be written", func(t *testing.T) {
		_, err := read(t, e, `WITH x AS (INSERT INTO ps."od""d" VALUES ('u2') RETURNING id) SELECT id FROM x`)
		require.ErrorIs(t, err, sqlengine.ErrStatement)
		require.Contains(t, err.Error(), "read-only transaction (25006)")
	})
	t.Run("errors have names", func(t *testing.T) {
		for statement, want := range map[string]error{
			`SELECT 1 FROM ps.nothing`:                  sqlengine.ErrNoTable,
			`SELECT 1 FROM nowhere.nothing`:             sqlengine.ErrNoTable,
			`SELECT nothing FROM ps."od""d"`:            sqlengine.ErrNoColumn,
			`SELEC`:                                     sqlengine.ErrStatement,
			`SELECT CAST('x' AS int)`:                   sqlengine.ErrStatement,
			`SELECT 1/(count(*)-1) FROM (VALUES (1)) v`: sqlengine.ErrStatement,
		} {
			_, err := read(t, e, statement)
			require.ErrorIs(t, err, want, "%s", statement)
		}
	})
	t.Run("rows can be given up", func(t *testing.T) {
		for range 10 { // more than there are connections
			rows, err := e.Query(t.Context(), "SELECT generate_series(1, 10000000)")
			require.NoError(t, err)
			require.True(t, rows.Next())
			require.NoError(t, rows.Close())
		}
	})
	t.Run("a statement ends in time", func(t *testing.T) {
		_, err := read(t, open(t, sqlengine.Config{DSN: server.DSN, Timeout: 50 * time.Millisecond}), "SELECT pg_sleep(60)")
		require.ErrorIs(t, err, sqlengine.ErrTimeout)
		require.Contains(t, err.Error(), "statement timeout (57014)")
	})
	t.Run("a cancelled statement says why", func(t *testing.T) {
		why := &sqlengine.Error{Text: "the run's deadline"}
		ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, why)
		defer cancel()
		_, err := e.Query(ctx, "SELECT pg_sleep(60)")
		require.ErrorIs(t, err, why)
	})
	t.Run("rights are needed", func(t *testing.T) {
		server.Exec(t, `CREATE ROLE reader LOGIN`)
		limited := open(t, sqlengine.Config{DSN: strings.Replace(server.DSN, "postgres@", "reader@", 1)})
		_, err := read(t, limited, `SELECT 1 FROM ps."od""d"`)
		require.ErrorIs(t, err, sqlengine.ErrDenied)
		_, err = read(t, open(t, sqlengine.Config{DSN: strings.Replace(server.DSN, "postgres@", "nobody:s3cret@", 1)}), "SELECT 1")
		require.ErrorIs(t, err, sqlengine.ErrLogin)
		require.NotContains(t, err.Error(), "s3cret")
	})
	t.Run("a server that is gone in the middle", func(t *testing.T) {
		rows, err := e.Query(t.Context(), "SELECT generate_series(1, 100000000)")
		require.NoError(t, err)
		require.True(t, rows.Next())
		server.Kill(t)
		for rows.Next() {
		}
		require.ErrorIs(t, rows.Err(), sqlengine.ErrUnreachable)
		require.NoError(t, rows.Close())
		_, err = read(t, e, "SELECT 1")
		require.ErrorIs(t, err, sqlengine.ErrUnreachable)
		server.Start(t)
		got, err := read(t, e, "SELECT 1")
		require.NoError(t, err)
		require.Equal(t, []string{"1"}, got)
	})
}

func TestUnusableAddresses(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{"", "host=db password=s3cret", "postgres://u:s3cret%zz@db/x", "postgres://u:s3cret@db:port/x", "postgres://u:s3cret@db/x?sslmode=some"} {
		_, err := postgres.Open(sqlengine.Config{DSN: dsn})
		require.Error(t, err, "%s", dsn)
		require.NotContains(t, err.Error(), "s3cret")
	}
}

func TestCertificatesAreVerified(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"postgres://u@db.example.com/x":                 "sslmode=verify-full",
		"redshift://u@db.example.com:5439/x":            "sslmode=verify-full",
		"postgres://u@db.example.com/x?sslmode=require": "sslmode=require",
		"postgres://u@127.0.0.1/x":                      "",
		"postgres://u@localhost/x":                      "",
		"postgres://u@/x?host=/run/postgresql":          "",
	} {
		address, err := postgres.Address(dsn)
		require.NoError(t, err)
		require.Equal(t, want, modeOf(address), "%s", dsn)
	}
}

func modeOf(address string) string {
	_, query, _ := strings.Cut(address, "?")
	for p := range strings.SplitSeq(query, "&") {
		if strings.HasPrefix(p, "sslmode=") {
			return p
		}
	}
	return ""
}
