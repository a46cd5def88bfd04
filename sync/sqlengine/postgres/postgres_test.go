package postgres_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/sqlengine/enginetest"
	"github.com/impactsync/impactsync/sync/sqlengine/postgres"
)

func TestPostgres(t *testing.T) {
	t.Parallel()
	server := enginetest.StartPostgres(t)
	server.Exec(t, "CREATE ROLE reader LOGIN")
	as := func(who string) string { return strings.Replace(server.DSN, "postgres@", who+"@", 1) }
	enginetest.Check(t, enginetest.Subject{
		Server: server, Open: postgres.Open, DSN: server.DSN,
		Setup: []string{
			`CREATE SCHEMA ps`, `CREATE TABLE ps."od""d" (id text, "3_views" boolean, seen timestamptz)`,
			`INSERT INTO ps."od""d" VALUES ('u1', true, '2026-01-02 03:04:05+00'), (NULL, NULL, NULL)`, `CREATE VIEW ps.plain AS SELECT 1 AS a`,
		},
		Columns: []sqlengine.Column{{Name: "id", Type: "text"}, {Name: "3_views", Type: "boolean"}, {Name: "seen", Type: "timestamp with time zone"}},
		Schemas: []string{"ps", "public"}, True: "true",
		Many: "SELECT generate_series(1, 100000000)", Slow: "SELECT pg_sleep(60)",
		Write: `WITH x AS (INSERT INTO ps."od""d" VALUES ('u2') RETURNING id) SELECT id FROM x`, Written: "read-only transaction (25006)",
		Wrong: map[string]error{
			`SELECT 1 FROM ps.nothing`:                  sqlengine.ErrNoTable,
			`SELECT 1 FROM nowhere.nothing`:             sqlengine.ErrNoTable,
			`SELECT nothing FROM ps."od""d"`:            sqlengine.ErrNoColumn,
			`SELEC`:                                     sqlengine.ErrStatement,
			`SELECT CAST('x' AS int)`:                   sqlengine.ErrStatement,
			`SELECT 1/(count(*)-1) FROM (VALUES (1)) v`: sqlengine.ErrStatement,
		},
		Limited: as("reader"), LimitedTable: sqlengine.Table{Schema: "ps", Name: "plain"}, LimitedError: sqlengine.ErrDenied,
		WrongPassword: as("nobody:s3cret"),
	})
	t.Run("microseconds are exact", func(t *testing.T) {
		e, err := postgres.Open(sqlengine.Config{DSN: server.DSN})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, e.Close()) })
		got, err := enginetest.Lines(t, e, "SELECT "+e.Dialect().Micros("CAST('2026-01-02 03:04:05.678901+00' AS timestamptz)"))
		require.NoError(t, err)
		require.Equal(t, []string{"1767323045678901"}, got)
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
