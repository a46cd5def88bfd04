// Package postgres reaches PostgreSQL and Amazon Redshift.
package postgres

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// lockWait is how long a statement waits for a table that somebody has locked, such as
// a migration. Readers do not wait for those who write rows.
const lockWait = 30 * time.Second

// Open returns the database at an address such as
//
//	postgres://reader@db.example.com:5432/segment?sslmode=verify-full
//
// which it does not reach yet. With redshift:// it is a Redshift cluster. Without
// sslmode, the server's certificate is verified, except for a loopback address.
func Open(cfg sqlengine.Config) (sqlengine.Engine, error) {
	address, dialect, err := parse(cfg.DSN)
	if err != nil {
		return nil, err
	}
	if err := unreadable(address); err != nil {
		return nil, err
	}
	conn, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, errors.New("the DSN is not an address of the form postgres://user@host:5432/database?sslmode=verify-full")
	}
	conn.ConnectTimeout = cmp.Or(conn.ConnectTimeout, 15*time.Second)
	conn.RuntimeParams["application_name"] = "impactsync"
	if dialect == sqlengine.Postgres() {
		conn.RuntimeParams["timezone"] = "UTC" // in which Segment's times without a zone are; Redshift's default
	}
	db := &sqlengine.DB{
		Pool: stdlib.OpenDB(*conn), How: dialect, Timeout: cfg.Timeout, Classify: classify, Atomic: true,
		ReadOnly: &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
		Limit: func(d time.Duration) string {
			return "SET LOCAL statement_timeout = " + strconv.FormatInt(d.Milliseconds(), 10) +
				"; SET LOCAL lock_timeout = " + strconv.FormatInt(min(d, lockWait).Milliseconds(), 10)
		},
	}
	if dialect == sqlengine.Redshift() { // it has one isolation level, and its SET knows no LOCAL
		db.ReadOnly = &sql.TxOptions{ReadOnly: true}
		db.Limit = func(d time.Duration) string {
			return "SET statement_timeout TO " + strconv.FormatInt(d.Milliseconds(), 10)
		}
	}
	db.Pool.SetMaxOpenConns(4)
	db.Pool.SetConnMaxIdleTime(time.Minute)
	if dialect == sqlengine.Redshift() {
		return engine{db}, nil
	}
	// How many rows a WITH query has is guessed badly, which makes sorting for a merge join,
	// and compiling, look cheap. Versions before 11 have no jit.
	db.Joins = "SELECT set_config(name, 'off', true) FROM pg_catalog.pg_settings WHERE name IN ('enable_mergejoin', 'jit')"
	return loader{engine{db}}, nil
}

type engine struct{ *sqlengine.DB }

// planned is the first line of a plan: Sort  (cost=0.00..155.30 rows=120 width=64).
var planned = regexp.MustCompile(`\(cost=[0-9.]+?\.\.([0-9]+)[0-9.]* rows=([0-9]+)`)

// Estimate implements [sqlengine.Estimator].
func (e engine) Estimate(ctx context.Context, statement string, args ...any) (string, error) {
	lines, err := sqlengine.Texts(ctx, e, "EXPLAIN "+statement, args...)
	if err != nil || len(lines) == 0 {
		return "", err
	}
	m := planned.FindStringSubmatch(lines[0])
	if m == nil {
		return "", nil
	}
	return "cost " + m[1] + ", " + m[2] + " rows", nil
}

// parse returns the address as pgx takes it. Its errors do not show it.
func parse(dsn string) (address string, dialect sqlengine.Dialect, err error) {
	scheme, rest, found := strings.Cut(dsn, "://")
	dialect = sqlengine.Postgres()
	switch {
	case !found:
		return "", nil, errors.New("the DSN does not begin with postgres:// or redshift://")
	case scheme == "redshift":
		dialect = sqlengine.Redshift()
	}
	u, err := url.Parse("postgres://" + rest)
	if err != nil {
		return "", nil, errors.New("the DSN is not a URL: write special characters of the password as % and two digits")
	}
	q := u.Query()
	if !q.Has("sslmode") && !loopback(u.Hostname()) && !strings.HasPrefix(q.Get("host"), "/") {
		q.Set("sslmode", "verify-full")
		u.RawQuery = q.Encode()
	}
	return u.String(), dialect, nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "" || host == "localhost" || strings.HasPrefix(host, "/") || err == nil && addr.IsLoopback()
}

// kinds are the kinds of errors, by the beginning of their SQLSTATE; the longest wins
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
var kinds = map[string]error{
	"08": sqlengine.ErrUnreachable, "57P": sqlengine.ErrUnreachable, "53300": sqlengine.ErrUnreachable, "3D": sqlengine.ErrLogin,
	"28": sqlengine.ErrLogin, "42501": sqlengine.ErrDenied, "42P01": sqlengine.ErrNoTable, "3F": sqlengine.ErrNoTable,
	"42703": sqlengine.ErrNoColumn, "57014": sqlengine.ErrTimeout, "55P03": sqlengine.ErrLocked, "40P01": sqlengine.ErrLocked,
	"42": sqlengine.ErrStatement, "22": sqlengine.ErrStatement, "25006": sqlengine.ErrStatement,
}

func classify(err error) error {
	var said *pgconn.PgError
	var connect *pgconn.ConnectError
	var network net.Error
	switch {
	case errors.As(err, &said):
		return &sqlengine.Error{Kind: kindOf(said.Code), Text: said.Message, Code: said.Code}
	case errors.As(err, &connect):
		return &sqlengine.Error{Kind: sqlengine.ErrUnreachable, Text: cause(connect)}
	case errors.As(err, &network), pgconn.SafeToRetry(err), strings.Contains(err.Error(), "unexpected EOF"), strings.Contains(err.Error(), "conn closed"):
		return &sqlengine.Error{Kind: sqlengine.ErrUnreachable, Text: err.Error()}
	}
	return err
}

func kindOf(code string) error {
	for n := len(code); n >= 2; n-- {
		if kind, known := kinds[code[:n]]; known {
			return kind
		}
	}
	return nil
}

// cause leaves out the user and the database, which pgx names. There are several if
// several addresses were tried, or with and without TLS.
func cause(err *pgconn.ConnectError) string {
	inner := err.Unwrap()
	if inner == nil {
		return "no connection"
	}
	text := strings.Join(slices.Compact(strings.Split(inner.Error(), "\n")), "; ")
	if strings.Contains(text, "x509: ") { // pgx verifies in two ways, with errors of two types
		text += ": sslrootcert=/path/ca.pem in the DSN names the authority, and the host must be one that the certificate is for"
	}
	return text
}

// unreadable says which file of the address cannot be read: pgx does not tell.
func unreadable(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	for _, key := range []string{"sslrootcert", "sslcert", "sslkey", "passfile", "servicefile"} {
		path := u.Query().Get(key)
		if path == "" || path == "system" {
			continue
		}
		if _, err := os.ReadFile(path); err != nil {
			return fmt.Errorf("%s in the DSN: %w", key, err)
		}
	}
	return nil
}
