// Package enginetest starts real database servers for tests, on loopback, and stops
// them by their process.
package enginetest

import (
	"cmp"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // for database/sql
	"github.com/stretchr/testify/require"
)

// Postgres is a PostgreSQL server of a test's own.
type Postgres struct {
	DSN string // of its superuser, for the database postgres

	dir, bin, port string
	owner          *syscall.Credential // PostgreSQL does not run as root
	process        *exec.Cmd
	pool           *sql.DB
}

// StartPostgres starts PostgreSQL: the programs in the folder that
// IMPACTSYNC_POSTGRES names, or Debian's newest. A machine without them skips the test.
func StartPostgres(t *testing.T) *Postgres {
	t.Helper()
	bin := os.Getenv("IMPACTSYNC_POSTGRES")
	if bin == "" {
		found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
		require.NoError(t, err)
		if len(found) == 0 {
			t.Skip("PostgreSQL is not installed: bash .ci/run servers")
		}
		bin = slices.MaxFunc(found, func(a, b string) int { return cmp.Or(len(a)-len(b), cmp.Compare(a, b)) })
	}
	dir, err := os.MkdirTemp("", "impactsync-postgres") // t.TempDir lets nobody else in
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	p := &Postgres{dir: filepath.Join(dir, "data"), bin: bin, port: freePort(t)}
	if os.Getuid() == 0 {
		p.owner = credential(t, "postgres")
		require.NoError(t, os.Chown(dir, int(p.owner.Uid), int(p.owner.Gid)))
	}
	init := p.command("initdb", "--no-sync", "--no-instructions", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "-D", p.dir)
	out, err := init.CombinedOutput()
	require.NoError(t, err, "%s", out)
	p.DSN = "postgres://postgres@127.0.0.1:" + p.port + "/postgres"
	p.pool, err = sql.Open("pgx", p.DSN)
	require.NoError(t, err)
	p.Start(t)
	t.Cleanup(func() {
		require.NoError(t, p.pool.Close())
		p.Kill(t)
	})
	return p
}

// Database returns a new database of the server.
func (p *Postgres) Database(t *testing.T) *Postgres {
	t.Helper()
	name := fmt.Sprintf("test%d", databases.Add(1))
	p.Exec(t, "CREATE DATABASE "+name)
	own := *p
	own.DSN = strings.TrimSuffix(p.DSN, "postgres") + name
	var err error
	own.pool, err = sql.Open("pgx", own.DSN)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, own.pool.Close()) })
	return &own
}

var databases atomic.Int64

// Start starts the server, if it does not run, and waits until it answers.
func (p *Postgres) Start(t *testing.T) {
	t.Helper()
	if p.process != nil {
		return
	}
	p.process = p.command("postgres", "-D", p.dir, "-p", p.port, "-h", "127.0.0.1", "-k", "",
		"-c", "fsync=off", "-c", "shared_buffers=64MB", "-c", "max_wal_size=4GB")
	require.NoError(t, p.process.Start())
	require.Eventually(t, func() bool { return p.pool.PingContext(t.Context()) == nil }, time.Minute, 20*time.Millisecond)
}

// Kill ends the server at once, as a crash does.
func (p *Postgres) Kill(t *testing.T) {
	t.Helper()
	if p.process == nil {
		return
	}
	require.NoError(t, p.process.Process.Signal(syscall.SIGQUIT)) // without a checkpoint; its children end, too
	_ = p.process.Wait()
	p.process = nil
}

// Exec runs statements.
func (p *Postgres) Exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, s := range statements {
		_, err := p.pool.ExecContext(t.Context(), s)
		require.NoError(t, err, "%s", s)
	}
}

// Value returns the one value of a query, as text.
func (p *Postgres) Value(t *testing.T, query string, args ...any) string {
	t.Helper()
	var value any
	require.NoError(t, p.pool.QueryRowContext(t.Context(), query, args...).Scan(&value), "%s", query)
	return fmt.Sprint(value)
}

func (p *Postgres) command(program string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(p.bin, program), args...) //nolint:gosec,noctx // a program of the machine; it is stopped by Kill
	c.Dir = filepath.Dir(p.dir)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: p.owner, Pdeathsig: syscall.SIGQUIT}
	return c
}

func credential(t *testing.T, name string) *syscall.Credential {
	t.Helper()
	who, err := user.Lookup(name)
	require.NoError(t, err)
	uid, err := strconv.ParseUint(who.Uid, 10, 32)
	require.NoError(t, err)
	gid, err := strconv.ParseUint(who.Gid, 10, 32)
	require.NoError(t, err)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}
