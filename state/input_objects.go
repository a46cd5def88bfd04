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
	Hash    []byte // of the bytes before Offset
	Done    bool
	Problem string    // why it was not read to its end
	Counted int64     // lines whose names were counted in [Batch].Unlisted; not to be stored
	ReadAt  time.Time // when it was read last; not to be stored
}

// ObjectState looks up how far an object was read.
func (d *DB) ObjectState(ctx context.Context, source, name string) (o Object, found bool, err error) {
	err = d.view(ctx, func(v *view) error {
		found, err = v.Get(`SELECT source, name, etag, size, nullif(mod_time, 0), read_bytes, read_lines, read_hash, done, coalesce(problem, ''), counted_lines, read_at FROM objects WHERE source = ? AND name = ?`,
			[]any{source, name}, &o.Source, &o.Name, &o.ETag, &o.Size, moment{&o.ModTime}, &o.Offset, &o.Line, &o.Hash, &o.Done, &o.Problem, &o.Counted, moment{&o.ReadAt})
		return err
	})
	return o, found, err
}

func (t *tx) putObject(o Object) (int64, error) {
	var id int64
	_, err := t.Get(`INSERT INTO objects (source, name, etag, size, mod_time, read_bytes, read_lines, read_hash, done, problem, read_at, counted_lines)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?7)
		ON CONFLICT (source, name) DO UPDATE SET etag = excluded.etag, size = excluded.size, mod_time = excluded.mod_time,
			read_bytes = excluded.read_bytes, read_lines = excluded.read_lines, read_hash = excluded.read_hash,
			done = excluded.done, problem = excluded.problem, read_at = excluded.read_at, counted_lines = max(counted_lines, excluded.read_lines)
		RETURNING id`, []any{o.Source, o.Name, o.ETag, o.Size, unix(o.ModTime), o.Offset, o.Line, o.Hash, o.Done, null(o.Problem), t.now}, &id)
	return id, err
}
