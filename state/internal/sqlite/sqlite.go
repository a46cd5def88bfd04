package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	"github.com/mattn/go-sqlite3"
)

// Mode is what a file is opened for.
type Mode int

// The modes of [Open].
const (
	ReadWrite Mode = iota
	// ReadOnly opens a file that another process may be writing.
	ReadOnly
	// Rehearsal makes everything one transaction that [DB.Close] rolls back. Until then
	// what is written can be read.
	Rehearsal
)

// DB is an open file. One goroutine at a time may write it.
type DB struct {
	path      string
	opened    fs.FileInfo
	pool      *sql.DB // of the writer
	writer    *sql.Conn
	readers   *sql.DB
	stmts     map[string]*sql.Stmt           // of the writer
	raws      map[string]*sqlite3.SQLiteStmt // see [Tx.raw]
	values    []driver.NamedValue
	rehearsal bool
}

// Open opens a file.
func Open(ctx context.Context, path string, mode Mode) (*DB, error) {
	if err := check(ctx, path, mode); err != nil {
		return nil, err
	}
	d := &DB{path: path, rehearsal: mode == Rehearsal, stmts: map[string]*sql.Stmt{}, raws: map[string]*sqlite3.SQLiteStmt{}}
	err := d.connect(ctx, mode)
	if err == nil {
		d.opened, err = os.Stat(path)
	}
	if err != nil {
		return nil, errors.Join(Classify(path, err), d.Close())
	}
	return d, nil
}

func (d *DB) connect(ctx context.Context, mode Mode) (err error) {
	if d.readers, err = sql.Open("sqlite3", dsn(d.path, true)); err != nil {
		return err
	}
	d.readers.SetMaxOpenConns(4)
	if mode == ReadOnly {
		return d.readers.PingContext(ctx)
	}
	if d.pool, err = sql.Open("sqlite3", dsn(d.path, false)); err != nil {
		return err
	}
	if d.writer, err = d.pool.Conn(ctx); err != nil {
		return err
	}
	// With SQLite's default of 4 MiB, checkpoints cost more than the writes.
	const between = 64 << 20
	var page int
	if err := d.writer.QueryRowContext(ctx, "PRAGMA page_size").Scan(&page); err != nil {
		return err
	}
	begin := fmt.Sprintf("PRAGMA wal_autocheckpoint = %d", between/page)
	if mode == Rehearsal {
		// What is written stays in the cache. What exceeds it goes into the log, which Close
		// drops.
		begin = "PRAGMA cache_size = -40960; BEGIN IMMEDIATE"
	}
	_, err = d.writer.ExecContext(ctx, begin)
	return err
}

// dsn contains the pragmas, because each holds for one connection only. It has FULL,
// because with NORMAL a power loss can undo the last commits in WAL mode.
func dsn(path string, reader bool) string {
	q := url.Values{
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"},
		"_foreign_keys": {"on"},
		"_busy_timeout": {"60000"},
		"_mutex":        {"no"}, // database/sql lets one goroutine at a time use a connection
		"_cache_size":   {"-12288"},
		"mode":          {"rw"},
	}
	if reader {
		q.Set("_query_only", "on")
		q.Set("_cache_size", "-4096")
	}
	return uri(path, q)
}

// Path returns the file's path.
func (d *DB) Path() string { return d.path }

// Rehearsal reports whether the file was opened for a rehearsal.
func (d *DB) Rehearsal() bool { return d.rehearsal }

// Writable reports whether the file was opened for writing.
func (d *DB) Writable() bool { return d.writer != nil }

// Pool returns the connections that may write, for code with transactions of its own.
// It is nil if the file was opened for reading.
func (d *DB) Pool() *sql.DB { return d.pool }

// Readers returns so many connections that see what was committed, but not the
// transaction under way; in a rehearsal it is one, which sees everything. Release gives
// them back.
func (d *DB) Readers(ctx context.Context, n int) (conns []*sql.Conn, release func() error, err error) {
	if d.rehearsal {
		return []*sql.Conn{d.writer}, func() error { return nil }, nil
	}
	release = func() (err error) {
		for _, conn := range conns {
			err = errors.Join(err, conn.Close())
		}
		return err
	}
	for range n {
		conn, err := d.readers.Conn(ctx)
		if err != nil {
			return nil, nil, Classify(d.path, errors.Join(err, release()))
		}
		conns = append(conns, conn)
	}
	return conns, release, nil
}

// InPlace returns [ErrMoved] if the open file is no longer at its path.
func (d *DB) InPlace() error {
	now, err := os.Stat(d.path)
	if err != nil || !os.SameFile(d.opened, now) {
		return fmt.Errorf("%w: %s", ErrMoved, d.path)
	}
	return nil
}

// Close closes the file. What was committed stays.
func (d *DB) Close() error {
	var errs []error
	for _, s := range d.stmts {
		errs = append(errs, s.Close())
	}
	d.stmts = map[string]*sql.Stmt{}
	for _, s := range d.raws {
		errs = append(errs, s.Close())
	}
	d.raws = map[string]*sqlite3.SQLiteStmt{}
	if d.writer != nil {
		if d.rehearsal {
			_, _ = d.writer.ExecContext(untorn, "ROLLBACK") // after some errors SQLite has rolled back already
		}
		errs = append(errs, d.writer.Close())
		d.writer = nil
	}
	if d.readers != nil {
		errs = append(errs, d.readers.Close())
	}
	if d.pool != nil {
		errs = append(errs, d.pool.Close())
	}
	return errors.Join(errs...)
}
