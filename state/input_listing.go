package state

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
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

// Listing gathers what buckets hold that is still to be read, and sorts it. It is
// a temporary table that only this process sees (TMPDIR says where), of about 150
// bytes an object on disk, in some megabytes of memory however many there are (and
// as much again on disk while it is read). An object that was read to its end and
// has not changed since costs a look-up and no room. It is for one goroutine.
type Listing struct {
	db        *DB
	conn      *sql.Conn // nil until there is something to list
	find, add *sql.Stmt
	left      map[string]Left
	before    int64 // objects read before are forgotten when they are not listed; 0: none
	seen      bits  // ids of the objects that are listed
}

// Left is what a listing holds of one source.
type Left struct {
	Objects int64
	Bytes   int64 // as they are stored
}

// bits are a set of small numbers.
type bits []uint64

func (b *bits) set(n int64) {
	for int64(len(*b)) <= n/64 {
		*b = append(*b, 0)
	}
	(*b)[n/64] |= 1 << (n % 64)
}

func (b bits) has(n int64) bool { return n/64 < int64(len(b)) && b[n/64]&(1<<(n%64)) != 0 }

// NewListing makes an empty listing. The caller closes it. Keep is how long
// [Listing.Forget] keeps what is known of an object that vanished; 0 means for
// good.
func (d *DB) NewListing(keep time.Duration) *Listing {
	l := &Listing{db: d, left: map[string]Left{}}
	if keep > 0 {
		l.before = d.now().Add(-keep).UnixNano()
	}
	return l
}

const (
	listedTable = `CREATE TEMP TABLE listed (source TEXT, mod_time INTEGER, name TEXT, key TEXT, etag TEXT, size INTEGER,
		read_bytes INTEGER, read_lines INTEGER, read_hash BLOB, counted_lines INTEGER)`
	// What was read to its end, or cannot be read, is passed over until it changes.
	findObject = `SELECT id, read_bytes, read_lines, read_hash, counted_lines, etag = ?3 AND size = ?4 AND mod_time = ?5 AND (done OR problem IS NOT NULL)
		FROM main.objects WHERE source = ?1 AND name = ?2`
	// forgetObjects leaves the newest row, whose id must not be used again, and those
	// that an event came from.
	forgetObjects = `DELETE FROM main.objects WHERE id IN (SELECT value FROM json_each(?))
		AND id < (SELECT max(id) FROM main.objects) AND id NOT IN (SELECT origin FROM main.deliveries WHERE origin IS NOT NULL)`
)

func (l *Listing) open(ctx context.Context) (err error) {
	pool := l.db.file.Pool()
	if pool == nil {
		return sqlite.ErrReadOnly
	}
	if l.conn, err = pool.Conn(ctx); err != nil {
		return err
	}
	// The sorter takes as much memory as main's cache may have. Without foreign keys
	// Forget need not search all deliveries for each object.
	if _, err = l.conn.ExecContext(ctx, `PRAGMA main.cache_size = -4096; PRAGMA foreign_keys = OFF; `+listedTable); err != nil {
		return err
	}
	if l.find, err = l.conn.PrepareContext(ctx, findObject); err != nil {
		return err
	}
	l.add, err = l.conn.PrepareContext(ctx, `INSERT INTO temp.listed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	return err
}

// Add adds an object, unless there is nothing to read in it.
func (l *Listing) Add(ctx context.Context, o Listed) error {
	ctx = context.WithoutCancel(ctx) // a statement that is cut off says nothing of the state
	if l.conn == nil {
		if err := l.open(ctx); err != nil {
			return sqlite.Classify(l.db.path, fmt.Errorf("list objects: %w", err))
		}
	}
	var id int64
	var read bool
	o.Offset, o.Line, o.Hash, o.Counted = 0, 0, nil, 0
	err := l.find.QueryRowContext(ctx, o.Source, o.Name, o.ETag, o.Size, unix(o.ModTime)).Scan(&id, &o.Offset, &o.Line, &o.Hash, &o.Counted, &read)
	switch {
	case err == nil:
		l.seen.set(id)
	case !errors.Is(err, sql.ErrNoRows):
		return sqlite.Classify(l.db.path, fmt.Errorf("look an object up: %w", err))
	}
	if read {
		return nil
	}
	if _, err := l.add.ExecContext(ctx, o.Source, unix(o.ModTime), o.Name, o.Key, o.ETag, o.Size, o.Offset, o.Line, o.Hash, o.Counted); err != nil {
		return sqlite.Classify(l.db.path, fmt.Errorf("list objects (TMPDIR says where): %w", err))
	}
	n := l.left[o.Source]
	l.left[o.Source] = Left{n.Objects + 1, n.Bytes + o.Size}
	return nil
}

// Left returns how much of a source is to be read.
func (l *Listing) Left(source string) Left { return l.left[source] }

// Objects returns what is to be read of a source: the oldest first, those of one
// time by name. An error ends it. Nothing may be added meanwhile.
func (l *Listing) Objects(ctx context.Context, source string) iter.Seq2[Listed, error] {
	return func(yield func(Listed, error) bool) {
		err := l.each(context.WithoutCancel(ctx), source, func(o Listed) bool { return yield(o, nil) })
		if err != nil {
			yield(Listed{}, sqlite.Classify(l.db.path, fmt.Errorf("sort the objects (TMPDIR says where): %w", err)))
		}
	}
}

// each calls fn until it returns false.
func (l *Listing) each(ctx context.Context, source string, fn func(Listed) bool) error {
	if l.left[source].Objects == 0 {
		return nil
	}
	rows, err := l.conn.QueryContext(ctx, `SELECT mod_time, name, key, etag, size, read_bytes, read_lines, read_hash, counted_lines
		FROM temp.listed WHERE source = ? ORDER BY mod_time, name`, source)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var at int64
		o := Listed{Object: Object{Source: source}}
		if err := rows.Scan(&at, &o.Name, &o.Key, &o.ETag, &o.Size, &o.Offset, &o.Line, &o.Hash, &o.Counted); err != nil {
			return err
		}
		if at != 0 {
			o.ModTime = time.Unix(0, at)
		}
		if !fn(o) {
			return nil
		}
	}
	return rows.Err()
}

// mostForgotten bounds what one call forgets; the next run goes on.
const mostForgotten = 100_000

// Forget drops what is known of a source's objects that were read long ago and
// are not listed any more: all of their messages would be too old by now. It
// is for a source that was listed to its end.
func (l *Listing) Forget(ctx context.Context, source string) error {
	if l.before == 0 || l.conn == nil || l.db.file.Rehearsal() {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	gone, err := l.gone(ctx, source)
	if err == nil && len(gone) > 0 {
		err = l.forget(ctx, gone)
	}
	return sqlite.Classify(l.db.path, err)
}

func (l *Listing) gone(ctx context.Context, source string) (gone []int64, err error) {
	rows, err := l.conn.QueryContext(ctx, `SELECT id FROM main.objects WHERE source = ? AND read_at < ?`, source, l.before)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() && len(gone) < mostForgotten {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		if !l.seen.has(id) {
			gone = append(gone, id)
		}
	}
	return gone, rows.Err()
}

func (l *Listing) forget(ctx context.Context, ids []int64) error {
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	l.db.mu.Lock()
	defer l.db.mu.Unlock()
	tx, err := l.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, forgetObjects, string(list)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, countCommit); err != nil {
		return err
	}
	return tx.Commit()
}

// Close drops the listing.
func (l *Listing) Close() error {
	if l.conn == nil {
		return nil
	}
	var errs []error
	for _, s := range []*sql.Stmt{l.find, l.add} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	// Nobody else is to get a connection with these pragmas.
	_ = l.conn.Raw(func(any) error { return driver.ErrBadConn })
	if err := l.conn.Close(); !errors.Is(err, sql.ErrConnDone) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
