package state

import (
	"context"
	"time"
)

// Object says how far an input object was read.
type Object struct {
	Source  string
	Name    string
	ETag    string
	Size    int64
	ModTime time.Time
	Offset  int64  // decoded bytes
	Line    int64  // lines
	Hash    []byte // SHA-256 of the bytes before Offset
	Done    bool
	Problem string // why it was not read to its end
}

// ObjectState looks up how far an object was read.
func (d *DB) ObjectState(ctx context.Context, source, name string) (o Object, found bool, err error) {
	err = d.view(ctx, func(v *view) error {
		found, err = v.Get(`SELECT source, name, etag, size, nullif(mod_time, 0), read_bytes, read_lines, read_hash, done, coalesce(problem, '') FROM objects WHERE source = ? AND name = ?`,
			[]any{source, name}, &o.Source, &o.Name, &o.ETag, &o.Size, moment{&o.ModTime}, &o.Offset, &o.Line, &o.Hash, &o.Done, &o.Problem)
		return err
	})
	return o, found, err
}

// NoteSource records how new a source's newest input is and which configured
// lists have no file, as a whole listing of it said. The zero time: it has none.
func (d *DB) NoteSource(ctx context.Context, name string, newest time.Time, missing string) error {
	return d.update(ctx, func(t *tx) error {
		_, err := t.Exec(`INSERT INTO sources (name, newest_at, read_at, missing) VALUES (?, ?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET newest_at = excluded.newest_at, read_at = excluded.read_at, missing = excluded.missing`,
			name, nanos(newest), t.now, missing)
		return err
	})
}

func (t *tx) putObject(o Object) (int64, error) {
	var id int64
	_, err := t.Get(`INSERT INTO objects (source, name, etag, size, mod_time, read_bytes, read_lines, read_hash, done, problem, read_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (source, name) DO UPDATE SET etag = excluded.etag, size = excluded.size, mod_time = excluded.mod_time,
			read_bytes = excluded.read_bytes, read_lines = excluded.read_lines, read_hash = excluded.read_hash,
			done = excluded.done, problem = excluded.problem, read_at = excluded.read_at
		RETURNING id`, []any{o.Source, o.Name, o.ETag, o.Size, unix(o.ModTime), o.Offset, o.Line, o.Hash, o.Done, null(o.Problem), t.now}, &id)
	return id, err
}
