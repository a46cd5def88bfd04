package state

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/impactsync/impactsync/state/internal/sqlite"
)

// Listed is an object as a bucket lists it. Offset, Line and Hash say how far
// it was read before.
type Listed struct {
	Object
	Key string // its name in the bucket, where that is not Name
}

// Listing gathers what buckets hold that is still to be read, and sorts it. It
// stands in a temporary table that only this process sees (TMPDIR says where),
// of about 150 bytes an object on disk, in some megabytes of memory however
// many there are (and as much again on disk while it is read). An object that
// was read to its end and has not changed since costs a look-up and no room.
// It is for one goroutine.
type Listing struct {
	db   *DB
	conn *sql.Conn
	add  *sql.Stmt // of listedRows
	wait []Listed  // of one source
	left map[string]Left

	before int64           // rows from before are forgotten when their object is not listed; 0: none
	seen   map[string]bits // rows whose object is listed, of sources with rows from before
}

// Left is what a listing holds of one source.
type Left struct {
	Objects int64
	Bytes   int64 // as they are stored
}

// listedRows is how many objects go into the table together.
const listedRows = 64

const (
	listedTable = `CREATE TEMP TABLE listed (source TEXT, mod_time INTEGER, name TEXT, key TEXT, etag TEXT, size INTEGER,
		read_bytes INTEGER, read_lines INTEGER, read_hash BLOB)`
	// What was read to its end, or cannot be read, is passed over until it changes.
	addListed = `INSERT INTO temp.listed
		SELECT l.column1, l.column2, l.column3, l.column4, l.column5, l.column6, coalesce(o.read_bytes, 0), coalesce(o.read_lines, 0), o.read_hash
		  FROM (VALUES `
	unlessRead = `) l LEFT JOIN main.objects o ON o.source = l.column1 AND o.name = l.column3
		 WHERE o.id IS NULL OR o.etag <> l.column5 OR o.size <> l.column6 OR o.mod_time <> l.column2 OR NOT o.done AND o.problem IS NULL
		RETURNING source, size`
)

// NewListing makes an empty listing. The caller closes it. Keep is how long
// [Listing.Forget] keeps what is known of an object that vanished; 0 means for
// good.
func (d *DB) NewListing(keep time.Duration) *Listing {
	l := &Listing{db: d, left: map[string]Left{}, seen: map[string]bits{}}
	if keep > 0 {
		l.before = d.now().Add(-keep).UnixNano()
	}
	return l
}

// open makes the table, when there is something to list.
func (l *Listing) open(ctx context.Context) error {
	if l.db.file.Pool() == nil {
		return sqlite.ErrReadOnly
	}
	conn, err := l.db.file.Pool().Conn(ctx)
	if err != nil {
		return err
	}
	l.conn = conn
	// The sorter takes as much memory as main's cache may have.
	for _, q := range []string{`PRAGMA main.cache_size = -4096`, `PRAGMA foreign_keys = OFF`, listedTable} {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	l.add, err = conn.PrepareContext(ctx, addQuery(listedRows))
	return err
}

// Add adds an object, unless there is nothing to read in it.
func (l *Listing) Add(ctx context.Context, o Listed) error {
	if len(l.wait) > 0 && l.wait[0].Source != o.Source { // what waits is of one source
		if err := l.flush(ctx); err != nil {
			return err
		}
	}
	l.wait = append(l.wait, o)
	if len(l.wait) < listedRows {
		return nil
	}
	return l.flush(ctx)
}

func (l *Listing) flush(ctx context.Context) (err error) {
	ctx = context.WithoutCancel(ctx) // a statement that is cut off says nothing of the state
	defer func() { l.wait, err = l.wait[:0], sqlite.Classify(l.db.path, err) }()
	if len(l.wait) == 0 {
		return nil
	}
	if l.conn == nil {
		if err := l.open(ctx); err != nil {
			return fmt.Errorf("list objects: %w", err)
		}
	}
	if err := l.look(ctx); err != nil {
		return fmt.Errorf("look objects up: %w", err)
	}
	if len(l.wait) == listedRows {
		return l.taken(l.add.QueryContext(ctx, l.args()...))
	}
	return l.taken(l.conn.QueryContext(ctx, addQuery(len(l.wait)), l.args()...))
}

func addQuery(n int) string { return valuesOf(addListed, "(?, ?, ?, ?, ?, ?)", n) + unlessRead }

func (l *Listing) args() []any {
	args := make([]any, 0, 6*listedRows)
	for i := range l.wait {
		o := &l.wait[i]
		args = append(args, o.Source, unix(o.ModTime), o.Name, o.Key, o.ETag, o.Size)
	}
	return args
}

// taken counts what went into the table.
func (l *Listing) taken(rows *sql.Rows, err error) error {
	if err != nil {
		return fmt.Errorf("list objects (TMPDIR says where): %w", err)
	}
	return sqlite.EachRow(rows, func(rows *sql.Rows) error {
		var source string
		var size int64
		if err := rows.Scan(&source, &size); err != nil {
			return err
		}
		n := l.left[source]
		n.Objects, n.Bytes = n.Objects+1, n.Bytes+size
		l.left[source] = n
		return nil
	})
}

// Left is how much of a source is to be read.
func (l *Listing) Left(ctx context.Context, source string) (Left, error) {
	err := l.flush(ctx)
	return l.left[source], err
}

// Objects returns what is to be read of a source: the oldest first, those of one
// time by name. An error ends it. Nothing may be added meanwhile.
func (l *Listing) Objects(ctx context.Context, source string) iter.Seq2[Listed, error] {
	return func(yield func(Listed, error) bool) {
		stopped := errors.New("stopped")
		err := l.each(context.WithoutCancel(ctx), source, func(o Listed) error {
			if !yield(o, nil) {
				return stopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, stopped) {
			yield(Listed{}, sqlite.Classify(l.db.path, fmt.Errorf("sort the objects (TMPDIR says where): %w", err)))
		}
	}
}

func (l *Listing) each(ctx context.Context, source string, fn func(Listed) error) error {
	if err := l.flush(ctx); err != nil || l.left[source].Objects == 0 {
		return err
	}
	//nolint:rowserrcheck // EachRow does
	rows, err := l.conn.QueryContext(ctx, `SELECT mod_time, name, key, etag, size, read_bytes, read_lines, read_hash
		FROM temp.listed WHERE source = ? ORDER BY mod_time, name`, source)
	if err != nil {
		return err
	}
	return sqlite.EachRow(rows, func(rows *sql.Rows) error {
		var at int64
		o := Listed{Object: Object{Source: source}}
		if err := rows.Scan(&at, &o.Name, &o.Key, &o.ETag, &o.Size, &o.Offset, &o.Line, &o.Hash); err != nil {
			return err
		}
		if at != 0 {
			o.ModTime = time.Unix(0, at)
		}
		return fn(o)
	})
}

// Close drops the listing.
func (l *Listing) Close() error {
	if l.conn == nil {
		return nil
	}
	var err error
	if l.add != nil {
		err = l.add.Close()
	}
	// Nobody else is to get a connection with these pragmas.
	_ = l.conn.Raw(func(any) error { return driver.ErrBadConn })
	if closed := l.conn.Close(); !errors.Is(closed, sql.ErrConnDone) {
		err = errors.Join(err, closed)
	}
	return err
}
