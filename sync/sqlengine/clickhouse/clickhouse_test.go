package clickhouse

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/sqlengine/enginetest"
)

func TestClickHouse(t *testing.T) {
	t.Parallel()
	server := enginetest.StartClickHouse(t)
	as := func(who string) string { return strings.Replace(server.DSN, "default@", who+"@", 1) }
	enginetest.Check(t, enginetest.Subject{
		Server: server, Open: Open, DSN: server.DSN,
		Setup: []string{
			"CREATE DATABASE ps", "CREATE TABLE ps.`od\"d` (id Nullable(String), `3_views` Nullable(UInt8), seen Nullable(DateTime)) ENGINE = Memory",
			"INSERT INTO ps.`od\"d` VALUES ('u1', 1, toDateTime('2026-01-02 03:04:05', 'UTC')), (NULL, NULL, NULL)",
			"CREATE TABLE ps.plain (a UInt8) ENGINE = Memory",
		},
		Columns: []sqlengine.Column{{Name: "id", Type: "nullable(string)"}, {Name: "3_views", Type: "nullable(uint8)"}, {Name: "seen", Type: "nullable(datetime)"}},
		Schemas: []string{"default", "ps"}, True: "1",
		Many: "SELECT number, toString(number) FROM system.numbers LIMIT 100000000", Slow: "SELECT max(sipHash64(number)) FROM system.numbers",
		Write: "INSERT INTO ps.plain VALUES (1)", Written: "readonly mode (164)",
		Wrong: map[string]error{
			"SELECT 1 FROM ps.nothing":      sqlengine.ErrNoTable,
			"SELECT 1 FROM nowhere.nothing": sqlengine.ErrNoTable,
			"SELECT nothing FROM ps.plain":  sqlengine.ErrNoColumn,
			"SELEC":                         sqlengine.ErrStatement,
			"SELECT toInt32('x')":           sqlengine.ErrStatement,
			"SELECT 1 FORMAT JSON":          sqlengine.ErrStatement,
			"SELECT number, toInt32(if(number < 3000000, '1', 'x')) FROM system.numbers": sqlengine.ErrStatement, // in the middle of the rows
			"SELECT toInt32(if(number < 3000000, '1', 'x')) FROM system.numbers":         sqlengine.ErrStatement,
		},
		Limited: as("limited:s3cret"), LimitedTable: sqlengine.Table{Schema: "ps", Name: "plain"}, LimitedError: sqlengine.ErrDenied,
		WrongPassword: as("limited:s3cret2"),
	})
	t.Run("somebody who cannot change settings is told what to do", func(t *testing.T) {
		e, err := Open(sqlengine.Config{DSN: as("strict:s3cret"), Timeout: time.Minute})
		require.NoError(t, err)
		_, err = enginetest.Lines(t, e, "SELECT 1")
		require.ErrorIs(t, err, sqlengine.ErrDenied)
		require.ErrorContains(t, err, "give this user a profile with readonly = 2")
	})
	t.Run("what a join does not find is NULL", func(t *testing.T) {
		e, err := Open(sqlengine.Config{DSN: server.DSN})
		require.NoError(t, err)
		got, err := enginetest.Lines(t, e, "SELECT a, b FROM (SELECT 1 AS a) ANY LEFT JOIN (SELECT 2 AS a, 'x' AS b) USING a;\n")
		require.NoError(t, err)
		require.Equal(t, []string{"1|NULL"}, got)
	})
}

// answer is a server that gives one answer to everything.
func answer(t *testing.T, header map[string]string, status int, body string) sqlengine.Engine {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/tab-separated-values; charset=UTF-8")
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	e, err := Open(sqlengine.Config{DSN: "clickhouse" + strings.TrimPrefix(server.URL, "http")})
	require.NoError(t, err)
	return e
}

// Current versions do not run here: these are their answers as their documents show them.
func TestErrorsOfCurrentVersions(t *testing.T) {
	t.Parallel()
	const head = "a\tb\nString\tString\n"
	for name, c := range map[string]struct {
		header map[string]string
		status int
		body   string
		kind   error
		text   string
	}{
		"before the rows":      {map[string]string{"X-ClickHouse-Exception-Code": "60"}, 404, "Code: 60. DB::Exception: Table ps.x does not exist. (UNKNOWN_TABLE) (version 25.8.1.1 (official build))\n", sqlengine.ErrNoTable, "Table ps.x does not exist. (UNKNOWN_TABLE) (60)"},
		"behind the rows":      {nil, 200, head + "1\t2\nCode: 159. DB::Exception: Timeout exceeded: elapsed 1 seconds. (TIMEOUT_EXCEEDED) (version 24.3.1)\n", sqlengine.ErrTimeout, "Timeout exceeded: elapsed 1 seconds. (TIMEOUT_EXCEEDED) (159)"},
		"behind half a row":    {nil, 200, head + "1\t2\n1\tCode: 159. DB::Exception: Timeout exceeded (version 24.3.1)\n", sqlengine.ErrTimeout, "(159)"},
		"without a line's end": {nil, 200, head + "1\t2\nCode: 159. DB::Exception: Timeout exceeded", sqlengine.ErrTimeout, "(159)"},
		"behind a mark":        {map[string]string{"X-ClickHouse-Exception-Tag": "dmrdfnujjqvszhav"}, 200, head + "1\t2\n\r\n__exception__\r\ndmrdfnujjqvszhav\r\nCode: 241. DB::Exception: Memory limit exceeded\n(MEMORY_LIMIT_EXCEEDED)\r\n80 dmrdfnujjqvszhav\r\n__exception__\r\n", nil, "Memory limit exceeded (241)"},
		"in a 200 by header":   {map[string]string{"X-ClickHouse-Exception-Code": "516"}, 200, "Code: 516. DB::Exception: default: Authentication failed. (AUTHENTICATION_FAILED)", sqlengine.ErrLogin, "(516)"},
		"of a proxy":           {nil, 503, "<html>", sqlengine.ErrUnreachable, "503"},
		"that redirects":       {map[string]string{"Location": "https://elsewhere.example"}, 302, "", nil, "302"},
		"half a row":           {nil, 200, head + "1\t2\n1", sqlengine.ErrUnreachable, "unexpected EOF"},
		"a row that is short":  {nil, 200, head + "1\n", nil, "is 1 instead of 2"},
		"nothing":              {nil, 200, "", sqlengine.ErrUnreachable, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := enginetest.Lines(t, answer(t, c.header, c.status, c.body), "SELECT a, b")
			require.ErrorContains(t, err, c.text)
			if c.kind != nil {
				require.ErrorIs(t, err, c.kind)
			}
		})
	}
	got, err := enginetest.Lines(t, answer(t, nil, 200, head+"x\tCode: 60. DB::Exception: a value\ny\t\\N\n"), "SELECT a, b")
	require.NoError(t, err)
	require.Equal(t, []string{"x|Code: 60. DB::Exception: a value", "y|NULL"}, got)
}

func TestLongRows(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3<<20)
	got, err := enginetest.Lines(t, answer(t, nil, 200, "a\nString\n"+long+"\ny\n"), "SELECT a")
	require.NoError(t, err)
	require.Equal(t, []string{long, "y"}, got)
	_, err = enginetest.Lines(t, answer(t, nil, 200, "a\nString\n"+strings.Repeat("x", mostLine+1<<20)+"\n"), "SELECT a")
	require.ErrorContains(t, err, "a row has more than")
}

func TestBind(t *testing.T) {
	t.Parallel()
	for statement, want := range map[string]string{
		"SELECT {p1:String}, {p2:String}, {p1:String}": `SELECT 'a\'', 7, 'a\''`,
		"SELECT '{p1:String}' AS `{p1:String}`":        "SELECT '{p1:String}' AS `{p1:String}`",
		"SELECT 'it''s', 'a\\'', {p2:String}":          "SELECT 'it''s', 'a\\'', 7",
		"SELECT 1 -- {p1:String}\n, {p2:String}":       "SELECT 1 -- {p1:String}\n, 7",
		"SELECT /* {p1:String} */ {p2:String}":         "SELECT /* {p1:String} */ 7",
		"SELECT {p3:String}, {p4:String}":              "SELECT 1, NULL",
	} {
		got, err := bind(statement, []any{"a'", int64(7), true, nil})
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, statement := range []string{"SELECT {p0:String}", "SELECT {p5:String}", "SELECT {p1:Int8}", "SELECT {p"} {
		_, err := bind(statement, []any{"a", 1, 2, 3})
		require.Error(t, err, "%s", statement)
	}
	_, err := bind("SELECT 1", []any{1.5})
	require.ErrorContains(t, err, "parameter 1: a float64 cannot be part of a statement")
}

func FuzzLiteral(f *testing.F) {
	f.Add("a'b")
	f.Add(`\`)
	f.Fuzz(func(t *testing.T, text string) {
		quoted, err := literal(text)
		require.NoError(t, err)
		require.Equal(t, len(quoted), quotedLength(quoted), "nothing ends the text early")
		require.Equal(t, text, string(unescape([]byte(quoted[1:len(quoted)-1]))))
	})
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]address{
		"clickhouse://u:p%40ss@db.example.com/seg":  {url: "https://db.example.com:8443/", database: "seg", user: "u", password: "p@ss"},
		"clickhouse://db.example.com:9999":          {url: "https://db.example.com:9999/", user: "default"},
		"clickhouse://10.0.0.1?secure=0":            {url: "http://10.0.0.1:8123/", user: "default"},
		"clickhouse://127.0.0.1/x":                  {url: "http://127.0.0.1:8123/", database: "x", user: "default"},
		"clickhouse://[::1]":                        {url: "http://[::1]:8123/", user: "default"},
		"clickhouses://localhost/x?ca=/etc/ca.pem":  {url: "https://localhost:8443/", database: "x", user: "default", authorities: "/etc/ca.pem"},
		"clickhouse://localhost:8443/x?secure=true": {url: "https://localhost:8443/", database: "x", user: "default"},
	} {
		got, err := parse(dsn)
		require.NoError(t, err)
		require.Equal(t, want, got, "%s", dsn)
	}
	for _, dsn := range []string{"", "clickhouse:", "http://u:s3cret@db", "clickhouse://u:s3cret%zz@db", "clickhouse://u:s3cret@db?tls=1", "clickhouse://u:s3cret@db?secure=s3cret", "clickhouse://u:s3cret@db?ca=/nowhere"} {
		_, err := Open(sqlengine.Config{DSN: dsn})
		require.Error(t, err, "%s", dsn)
		require.NotContains(t, err.Error(), "s3cret")
	}
}

func TestCertificatesAreVerified(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/tab-separated-values")
		fmt.Fprint(w, "a\nUInt8\n1\n")
	}))
	t.Cleanup(server.Close)
	dsn := "clickhouses" + strings.TrimPrefix(server.URL, "https")
	e, err := Open(sqlengine.Config{DSN: dsn})
	require.NoError(t, err)
	_, err = enginetest.Lines(t, e, "SELECT 1")
	require.ErrorIs(t, err, sqlengine.ErrUnreachable)
	require.ErrorContains(t, err, "certificate")
	file := t.TempDir() + "/ca.pem"
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	e, err = Open(sqlengine.Config{DSN: dsn + "?ca=" + file})
	require.NoError(t, err)
	got, err := enginetest.Lines(t, e, "SELECT 1")
	require.NoError(t, err)
	require.Equal(t, []string{"1"}, got)
}
