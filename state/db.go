package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mattn/go-sqlite3"
)

// Errors that callers test for. All of them mean that the file cannot be used
// as it is, and none of them changes it.
var (
	// ErrUnusable: not a SQLite file, damaged, or not readable and writable.
	ErrUnusable = errors.New("the state file cannot be used")
	// ErrNotWritable: a file that may not be opened for writing, or its folder.
	ErrNotWritable = fmt.Errorf("%w: it and its folder must be writable", ErrUnusable)
	// ErrMoved: the file was opened and is not in its place any more.
	ErrMoved = fmt.Errorf("%w: it was moved, removed or replaced while it was in use, and what was done since stands in the old one alone", ErrUnusable)
	// ErrNewer: written by a newer version of this program.
	ErrNewer = errors.New("the state file is newer than this program")
	// ErrOlder: written by an older version, and opened for reading only. Opening
	// it for writing brings it forward.
	ErrOlder = fmt.Errorf("%w: its schema is older than this program's", ErrUnusable)
	// ErrBound: made for another destination or shard.
	ErrBound = errors.New("the state file belongs to another destination")
	// ErrMissing: there is no state file, and the caller did not want a new one.
	ErrMissing = errors.New("there is no state file")
	// ErrNotFound: a trait key, person or id that the state does not know.
	ErrNotFound = errors.New("not found")
	// ErrFull: the disk is full or the file could not grow. The transaction
	// was rolled back.
	ErrFull = errors.New("no room to write the state")
)

// Binding names the destination that a state file vouches for.
type Binding struct {
	AccountSID string
	CampaignID string
	Official   bool   // impact.com's own hosts
	Hosts      string // both bases, for people
	ShardIndex int
	ShardCount int // 0 means 1
}

// Options say how to open a state file.
type Options struct {
	// Path of the file. Its folder must exist.
	Path string
	// Create makes the file when it is missing; otherwise that is ErrMissing.
	Create bool
	// ReadOnly opens a snapshot reader: nothing is migrated or written.
	ReadOnly bool
	// Older lets a reader open an older schema, too. [DB.Backup] is all that it
	// is good for then.
	Older bool
	// Binding is written into a new file and compared with an old one, before
	// anything is changed; what is empty in it is not compared. Nil skips the
	// comparison (for commands that only look).
	Binding *Binding
	// HashKey is the secret by which forgotten people are recognised, kept
	// outside the file. Without one nobody is kept out, and a file that keeps
	// somebody out is refused by runs ([ErrHashKey]).
	HashKey []byte
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Point is for tests that kill the process: it is told "before Turn
	// commits" and "after Turn committed", and so on for every transaction.
	Point func(name string)
}

// DB is an open state file. Its methods are safe for concurrent use; writes
// wait for each other.
type DB struct {
	path    string
	file    fs.FileInfo // as it was opened
	pool    *sql.DB
	writer  *sql.Conn
	readers *sql.DB
	now     func() time.Time
	at      func(point string) // of tests; nil otherwise

	mu          sync.Mutex // held for a whole write transaction
	stmts       map[string]*sql.Stmt
	traits      map[string]*trait // by key; reloaded after a rollback
	byID        map[int64]*trait
	used        map[bool]int // traits that count, of lists or not; nil: not counted so far
	run         int64        // 0 outside a run
	latest      int64        // what the clock showed at most, in this and earlier runs
	restored    int64        // when the file was restored; 0: never
	version     int64        // of the file, as SQLite counts other processes' writes
	hashKey     []byte
	barred      atomic.Pointer[barred]
	profiles    known
	crowds      map[int64]bool       // profiles whose merging is held; nil: to be read
	trusted     func(id string) bool // of the run
	recentKeys  int                  // in recent_event_keys, or unknownKeys
	keyPart     int64                // of the recent keys, which moves next
	beat        int64                // the last heartbeat of the run
	seq         int64                // attempts claimed by this process
	open        map[int64]bool       // profiles with an attempt in flight
	people      map[int64]bool       // profiles claimed in this run
	passed      map[queue]position   // up to where conversions were found to wait
	credit      [4]float64           // of the classes of the tracking host's queue
	oddTurn     bool                 // the odd one of a turn is for what was not tried before
	guards      Guards               // of the run
	maxEventAge time.Duration        // older events are not sent; 0: all are
	feeds       func(source, key string) bool
}

// Open opens or makes a state file, migrates an older schema and checks the
// binding. It takes no lock: see [Acquire].
func Open(ctx context.Context, o Options) (*DB, error) {
	ctx = context.WithoutCancel(ctx) // a signal must not tear the making of a file, nor a migration
	if err := prepareFile(ctx, o); err != nil {
		return nil, err
	}
	d := &DB{path: o.Path, now: o.Now, at: o.Point, hashKey: o.HashKey, recentKeys: unknownKeys, stmts: map[string]*sql.Stmt{}, open: map[int64]bool{}, people: map[int64]bool{}, passed: map[queue]position{}}
	if d.now == nil {
		d.now = time.Now
	}
	var err error
	if d.file, err = os.Stat(o.Path); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	if err := d.connect(ctx, o.ReadOnly); err != nil {
		_ = d.Close()
		return nil, classify(o.Path, err)
	}
	if err := d.checkLog(ctx); err != nil {
		_ = d.Close()
		return nil, err
	}
	if err := d.prepareSchema(ctx, o); err != nil {
		_ = d.Close()
		return nil, classify(o.Path, err)
	}
	return d, nil
}

func (d *DB) connect(ctx context.Context, readOnly bool) error {
	var err error
	if d.readers, err = sql.Open("sqlite3", dsn(d.path, true)); err != nil {
		return err
	}
	d.readers.SetMaxOpenConns(4)
	if readOnly {
		return d.readers.PingContext(ctx)
	}
	if d.pool, err = sql.Open("sqlite3", dsn(d.path, false)); err != nil {
		return err
	}
	if d.writer, err = d.pool.Conn(ctx); err != nil {
		return err
	}
	// With SQLite's 4 MiB between checkpoints they cost more than the writes.
	const between = 64 << 20
	var page int
	if err := d.writer.QueryRowContext(ctx, "PRAGMA page_size").Scan(&page); err != nil {
		return err
	}
	_, err = d.writer.ExecContext(ctx, fmt.Sprintf("PRAGMA wal_autocheckpoint = %d", between/page))
	return err
}

// dsn carries the pragmas, because they hold for one connection only. FULL,
// because with NORMAL a power loss can undo the last commits in WAL mode.
func dsn(path string, reader bool) string {
	q := url.Values{
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"},
		"_foreign_keys": {"on"},
		"_busy_timeout": {"60000"},
		"_mutex":        {"no"}, // database/sql lets one goroutine at a time use a connection
		"_cache_size":   {"-16384"},
		"mode":          {"rw"},
	}
	if reader {
		q.Set("_query_only", "on")
		q.Set("_cache_size", "-4096")
	}
	return fileURI(path, q)
}

// fileOnly opens what is in the file itself, without its write-ahead log.
func fileOnly(path string) string {
	return fileURI(path, url.Values{"mode": {"ro"}, "immutable": {"1"}})
}

func fileURI(path string, q url.Values) string {
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

// making ends the name of a file beside a state that is being made: until its
// schema is on disk, an empty state is ours; afterwards it is a lost one.
const making = ".making"

func inTheMaking(path string) bool {
	_, err := os.Stat(path + making)
	return err == nil
}

func makeFile(path string) error {
	for _, name := range []string{path + making, path} {
		flags := os.O_RDWR | os.O_CREATE
		if name == path {
			flags |= os.O_EXCL
		}
		f, err := os.OpenFile(name, flags, 0o600)
		if err != nil {
			return fmt.Errorf("%w: create %s: %w", ErrUnusable, name, err)
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

// prepareFile makes the file with mode 0600 before SQLite does it with another
// one, and narrows one that is wider.
func prepareFile(ctx context.Context, o Options) error {
	info, err := os.Stat(o.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && o.Create && !o.ReadOnly:
		if _, err := os.Stat(resolve(o.Path) + restoring); err == nil {
			return fmt.Errorf("%w: %s is missing because a restore was cut short; run impactsync state restore again", ErrUnusable, o.Path)
		}
		if err := makeFile(o.Path); err != nil {
			return err
		}
		return setPageSize(ctx, o.Path)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w at %s", ErrMissing, o.Path)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnusable, err)
	case info.IsDir():
		return fmt.Errorf("%w: %s is a folder; state.path names a file", ErrUnusable, o.Path)
	case info.Size() == 0 && !inTheMaking(o.Path):
		return fmt.Errorf("%w: %s is empty: what it held is lost; restore a backup, or delete the file to start over, which tells everybody again", ErrUnusable, o.Path)
	case o.ReadOnly && inTheMaking(o.Path):
		return fmt.Errorf("%w at %s: a first run was cut short while it made the file, or makes it just now; the next run goes on", ErrMissing, o.Path)
	case o.ReadOnly:
		return nil
	}
	f, err := os.OpenFile(o.Path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	defer f.Close()
	if info.Mode().Perm()&0o077 != 0 {
		if err := f.Chmod(0o600); err != nil {
			return fmt.Errorf("%w: narrow its mode to 0600: %w", ErrUnusable, err)
		}
	}
	if info.Size() == 0 {
		return setPageSize(ctx, o.Path)
	}
	return nil
}

// setPageSize gives an empty file pages of four times SQLite's size: a large list
// changes nearly every page, and each costs calls of its own. Once the file is
// in WAL mode it is too late.
func setPageSize(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite3", fileURI(path, url.Values{"mode": {"rw"}}))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL")
	return classify(path, errors.Join(err, db.Close()))
}

// classify gives SQLite's words the error that callers test for.
func classify(path string, err error) error {
	var se sqlite3.Error
	if err == nil || !errors.As(err, &se) {
		return err
	}
	if se.SystemErrno == syscall.EMFILE || se.SystemErrno == syscall.ENFILE {
		return fmt.Errorf("open %s: %w: %w", path, se.SystemErrno, err)
	}
	switch se.Code {
	case sqlite3.ErrBusy:
		return busy(path, err)
	case sqlite3.ErrNotADB:
		return fmt.Errorf("%w: %s is not a SQLite file: %w", ErrUnusable, path, err)
	case sqlite3.ErrCorrupt:
		return fmt.Errorf("%w: %s is damaged; restore a backup: %w", ErrUnusable, path, err)
	case sqlite3.ErrReadonly, sqlite3.ErrCantOpen, sqlite3.ErrPerm, sqlite3.ErrAuth:
		return fmt.Errorf("%w: %s: %w", ErrNotWritable, path, err)
	case sqlite3.ErrFull, sqlite3.ErrIoErr:
		return fmt.Errorf("%w at %s: free some space, then run again: %w", ErrFull, path, err)
	}
	return err
}

// Path is the file's path.
func (d *DB) Path() string { return d.path }

// Close gives the file up. What was committed stays; an open run stays open
// and is ended by the next one.
func (d *DB) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for _, s := range d.stmts {
		errs = append(errs, s.Close())
	}
	d.stmts = map[string]*sql.Stmt{}
	if d.writer != nil {
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
