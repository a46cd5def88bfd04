package state

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/impactsync/impactsync/state/internal/sqlite"
)

// Errors that callers test for. All of them mean that the file cannot be used
// as it is, and none of them changes it.
var (
	// ErrUnusable says that the file is not SQLite's, damaged, or not readable
	// and writable.
	ErrUnusable = sqlite.ErrUnusable
	// ErrNotWritable says that the file or its folder may not be written.
	ErrNotWritable = sqlite.ErrNotWritable
	// ErrNetwork says that the file is on a network file system.
	ErrNetwork = sqlite.ErrNetwork
	// ErrMoved says that the file was moved, removed or replaced while it was open.
	ErrMoved = sqlite.ErrMoved
	// ErrLocked says that another process holds the state.
	ErrLocked = sqlite.ErrLocked
	// ErrMissing says that there is no state file, and the caller did not ask for a
	// new one.
	ErrMissing = sqlite.ErrMissing
	// ErrNoFolder says that not even the folder is there that the file belongs into.
	ErrNoFolder = sqlite.ErrNoFolder
	// ErrFull says that the disk is full or the file could not grow. The
	// transaction was rolled back.
	ErrFull = sqlite.ErrFull
	// ErrDisk says that the disk could not be read or written, for another reason than
	// its room. The transaction was rolled back.
	ErrDisk = sqlite.ErrDisk
	// ErrNewer says that a newer version of this program wrote the file.
	ErrNewer = errors.New("the state file is newer than this program")
	// ErrOlder says that an older version wrote the file, which was opened for
	// reading only. Opening it for writing migrates it.
	ErrOlder = fmt.Errorf("%w: its schema is older than this program's", ErrUnusable)
	// ErrBackup says that a backup is damaged or was copied in part. The state itself is
	// as it was. It is an ErrUnusable, too.
	ErrBackup error = backupError{}
	// ErrBound says that the file was made for another destination.
	ErrBound = errors.New("the state file belongs to another destination")
	// ErrNotFound says that the state does not know a trait key, person or id.
	ErrNotFound = errors.New("not found")
)

type backupError struct{}

func (backupError) Error() string { return "the backup cannot be used" }
func (backupError) Unwrap() error { return ErrUnusable }

// Lock is the right to change a state, until its process ends.
type Lock = sqlite.Lock

// Acquire takes the lock beside a state file, or returns [ErrLocked] with who
// holds it since when. It does not wait.
func Acquire(path string, now time.Time) (*Lock, error) { return sqlite.Acquire(path, now) }

// Held reports whether a process holds the lock beside a state file, as far as that can
// be seen.
func Held(path string) bool { return sqlite.Held(path) }

// CheckFileSystem returns [ErrNetwork] for a state file on a network file system.
func CheckFileSystem(path string) error { return sqlite.CheckFileSystem(path) }

// Binding names the destination of a state file.
type Binding struct {
	AccountSID string
	CampaignID string
	Official   bool   // impact.com's own hosts
	Hosts      string // both bases, for people
}

// Options say how to open a state file.
type Options struct {
	// Path of the file. Its folder must exist.
	Path string
	// Create makes the file if it is missing; otherwise that is [ErrMissing].
	Create bool
	// ReadOnly opens a snapshot reader: nothing is migrated or written.
	ReadOnly bool
	// AsIs lets a reader leave to the next run what logs left to be applied. Otherwise
	// [DB.Explain] applies it in a rehearsal, for which a run beside it waits.
	AsIs bool
	// Older lets a reader open an older schema as well. Only [DB.Backup] works then.
	Older bool
	// Rehearsal allows everything that can be done with a state, in one transaction
	// that [DB.Close] rolls back.
	Rehearsal bool
	// Binding is written to a new file and compared with that of an old one, before
	// anything is changed. Empty fields are not compared, and nil compares nothing
	// (for commands that only look).
	Binding *Binding
	// HashKey is the secret by which forgotten people are recognised. It is kept
	// outside the file. Without one, nobody is kept out, and [DB.BeginRun] returns
	// [ErrHashKey] for a file that keeps somebody out.
	HashKey []byte
	// Neighbours are the files of other destinations of the same account. What a host
	// takes is the account's: their requests count, too.
	Neighbours []string
	// Progress is called while an older schema's rows are moved, with how many of how
	// many are. It may be nil.
	Progress func(rows, of int64)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Point is for tests that kill the process: it is called with "before a commit"
	// and "after a commit" for every transaction.
	Point func(name string)
}

// DB is an open state file. Its methods are safe for concurrent use; writes
// wait for each other.
type DB struct {
	path   string
	file   *sqlite.DB
	asIs   bool
	beside []string // neighbours' files
	now    func() time.Time
	point  func(string) // of tests; nil otherwise

	copying conc.WaitGroup // of the write-ahead log

	mu sync.Mutex // held for a whole write transaction
	caches

	run         int64 // 0 outside a run
	seq         int64 // of the run's last attempt
	latest      int64 // the latest time that the clock showed, in this and earlier runs
	restored    int64 // when the file was restored; 0: never
	beat        int64 // the last heartbeat of the run
	version     int64 // of the file, as SQLite counts other processes' writes
	hashKey     []byte
	barred      atomic.Pointer[barred]
	trusted     func(id string) bool // of the run, as the following
	guards      Guards
	maxEventAge time.Duration // older events are not sent; 0: all are
	feeds       func(source, key string) bool
	next        func(after time.Time) time.Time // by the schedule; nil: there is none
	typesGiven  map[string]string               // our event types whose ActionTrackerId is configured
}

// caches hold what was read of the file. If a transaction is rolled back, or another
// process writes, they are dropped.
type caches struct {
	traits   map[string]*trait // by key
	byID     map[int64]*trait
	used     map[bool]int // traits that count, of lists or not; nil: not counted so far
	profiles known

	anyElsewhere bool // what is settled of some trait is in a table elsewhere

	unapplied *unapplied // nil: not known

	trackers map[string]bool // event types of impact.com that were noted
}

func (d *DB) forgetCaches() { d.caches = caches{profiles: known{}} }

// Path returns the file's path.
func (d *DB) Path() string { return d.path }

// Compact rewrites the file without its free pages and empties the write-ahead
// log. It needs as much free disk as the file has. The caller holds the lock.
func (d *DB) Compact(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.file.Compact(ctx)
}

// CopyLog begins to copy the write-ahead log into the file, beside what is written
// meanwhile.
func (d *DB) CopyLog(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	d.copying.Go(func() { _ = d.file.CopyLog(ctx) }) // if it fails, Close does it
}

// Close closes the file. A run that was not ended is ended by the next one.
func (d *DB) Close() error {
	d.copying.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.file.Close()
}
