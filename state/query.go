package state

import (
	"context"
	"database/sql"
	"time"
)

// reading is what a transaction and a view have in common.
type reading interface {
	Each(query string, args []any, fn func(*sql.Rows) error) error
}

// collect returns the rows of a query, which dest tells where to scan. Without
// rows the result is empty, not nil: JSON shows it as [].
func collect[T any](r reading, query string, args []any, dest func(*T) []any) ([]T, error) {
	all := []T{}
	err := r.Each(query, args, func(rows *sql.Rows) error {
		var row T
		err := rows.Scan(dest(&row)...)
		all = append(all, row)
		return err
	})
	return all, err
}

// itself is the dest of [collect] for queries of one column.
func itself[T any](row *T) []any { return []any{row} }

// moment is a time on its way out of a table, where it is in nanoseconds. NULL
// is the zero time.
type moment struct{ *time.Time }

// Scan implements [sql.Scanner].
func (m moment) Scan(from any) error {
	var at sql.NullInt64
	err := at.Scan(from)
	if *m.Time = (time.Time{}); at.Valid {
		*m.Time = time.Unix(0, at.Int64).UTC()
	}
	return err
}

// read returns what fn reads of one snapshot.
func read[T any](ctx context.Context, d *DB, fn func(*view) (T, error)) (of T, err error) {
	err = d.view(ctx, func(v *view) error {
		of, err = fn(v)
		return err
	})
	return of, err
}
