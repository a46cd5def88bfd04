package postgres_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	t.Run("rows are loaded", func(t *testing.T) {
		server.Exec(t, `CREATE TABLE ps."lo""ad" (id text, "n""r" bigint, gone boolean)`)
		e, err := postgres.Open(sqlengine.Config{DSN: server.DSN, Timeout: time.Minute})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, e.Close()) })
		ids := []string{"", `"`, "a,\"b\"\n\\.\n\t'", `\.`, `\N`, "é\xff"}
		load := func(end error, columns ...string) error {
			l := e.(sqlengine.Loader).Load(t.Context(), sqlengine.Table{Schema: "ps", Name: `lo"ad`}, columns)
			for n := range 20_000 { // more than what is on the way
				if err := l.Add(ids[n%len(ids)], int64(n), n%2 == 0); err != nil {
					return l.End(err)
				}
			}
			return l.End(end)
		}
		require.NoError(t, load(nil, "id", `n"r`, "gone"))
		got, err := enginetest.Lines(t, e, `SELECT id, "n""r", gone FROM ps."lo""ad" WHERE "n""r" < $1 OR "n""r" = 19999 ORDER BY "n""r"`, len(ids))
		require.NoError(t, err)
		require.Equal(t, []string{"|0|true", `"|1|false`, "a,\"b\"\n\\.\n\t'|2|true", `\.|3|false`, `\N|4|true`, "é\uFFFD|5|false", `"|19999|false`}, got)
		require.ErrorIs(t, load(nil, "id", "nothing", "gone"), sqlengine.ErrNoColumn)
		require.ErrorContains(t, load(nil, `n"r`, "id", "gone"), "invalid input syntax for type bigint")
		require.ErrorIs(t, load(io.ErrClosedPipe, "id", `n"r`, "gone"), io.ErrClosedPipe, "given up")
		require.Equal(t, "20000", server.Value(t, `SELECT count(*) FROM ps."lo""ad"`), "all or nothing")
	})
	t.Run("statements follow one another on one connection", func(t *testing.T) {
		e, err := postgres.Open(sqlengine.Config{DSN: server.DSN, Timeout: time.Minute})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, e.Close()) })
		first, err := enginetest.Lines(t, e, "SELECT pg_backend_pid()")
		require.NoError(t, err)
		_, err = enginetest.Lines(t, e, "SELECT nothing")
		require.ErrorIs(t, err, sqlengine.ErrNoColumn)
		second, err := enginetest.Lines(t, e, "SELECT pg_backend_pid()")
		require.NoError(t, err)
		require.Equal(t, first, second)
	})
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ca.pem")
	for dsn, want := range map[string]string{
		"postgres://u:s3cret@127.0.0.1:1/x":                         "the database cannot be reached: 127.0.0.1:1 (127.0.0.1): dial error: dial tcp 127.0.0.1:1: connect: connection refused",
		"postgres://u:s3cret@127.0.0.1:1/x?sslrootcert=" + file:     "sslrootcert in the DSN: open " + file,
		"postgres://u:s3cret@" + stranger(t) + "?sslmode=verify-ca": "sslrootcert=/path/ca.pem in the DSN names the authority",
	} {
		e, err := postgres.Open(sqlengine.Config{DSN: dsn, Timeout: time.Minute})
		if err == nil {
			_, err = enginetest.Lines(t, e, "SELECT 1")
			require.ErrorIs(t, err, sqlengine.ErrUnreachable)
			require.NoError(t, e.Close())
		}
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "\n")
		require.NotContains(t, err.Error(), "s3cret")
	}
}

// stranger is a server whose certificate nobody knows, up to where it is verified.
func stranger(t *testing.T) string {
	t.Helper()
	web := httptest.NewTLSServer(nil) // which makes itself a certificate
	t.Cleanup(web.Close)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			asked := make([]byte, 8) // for TLS
			if _, err := io.ReadFull(c, asked); err == nil {
				_, _ = c.Write([]byte("S"))
				_ = tls.Server(c, web.TLS).HandshakeContext(t.Context())
			}
			_ = c.Close()
		}
	}()
	return l.Addr().String() + "/x"
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
