package state

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"iter"
	"strings"
)

// reading is what a transaction and a view have in common.
type reading interface {
	Each(query string, args []any, fn func(*sql.Rows) error) error
}

// each ranges over the rows of a query. Dest returns where to scan a row to.
func each[T any](r reading, query string, args []any, dest func(*T) []any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		err := r.Each(query, args, func(rows *sql.Rows) error {
			var row T
			err := rows.Scan(dest(&row)...)
			if err == nil && !yield(row, nil) {
				return errBreak
			}
			return err
		})
		if err != nil && !errors.Is(err, errBreak) {
			yield(*new(T), err)
		}
	}
}

var errBreak = errors.New("a loop over rows ended early")

// collect returns the rows of a query. Without rows the result is empty, not nil:
// JSON shows it as [].
func collect[T any](r reading, query string, args []any, dest func(*T) []any) ([]T, error) {
	all := []T{}
	for row, err := range each(r, query, args, dest) {
		if err != nil {
			return all, err
		}
		all = append(all, row)
	}
	return all, nil
}

// pairs returns the rows of a query of names and values.
func pairs[V any](r reading, query string, args ...any) (map[string]V, error) {
	all := map[string]V{}
	return all, r.Each(query, args, func(rows *sql.Rows) error {
		var name string
		var value V
		err := rows.Scan(&name, &value)
		all[name] = value
		return err
	})
}

// itself is the dest of [collect] for queries of one column.
func itself[T any](row *T) []any { return []any{row} }

// read returns what fn reads of one snapshot.
func read[T any](ctx context.Context, d *DB, fn func(*view) (T, error)) (of T, err error) {
	err = d.view(ctx, func(v *view) error {
		of, err = fn(v)
		return err
	})
	return of, err
}

// asJSON returns numbers and texts as a parameter of json_each.
func asJSON(all any) string {
	text, _ := json.Marshal(all) // these always can be
	return string(text)
}

// readApplied returns what fn reads of one snapshot in which everything is applied that
// logs have left. A reader beside a run applies that in a rehearsal, which takes 3 us
// for each message and lets the run wait as long.
func readApplied[T any](ctx context.Context, d *DB, fn func(*view) (T, error)) (of T, err error) {
	var rows int64
	if err := d.view(ctx, func(v *view) error { return v.Scan(selectUnapplied, nil, &rows, new(int64)) }); err != nil {
		return of, err
	}
	apply := func(*tx) error { return nil }
	switch {
	case rows == 0 || d.asIs:
	case d.file.Writable():
		err = d.update(ctx, apply)
	default:
		r, failed := Open(ctx, Options{Path: d.path, Rehearsal: true, Now: d.now})
		if failed != nil {
			break // it may not write; what was applied so far is better than nothing
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		if d, err = r, r.update(ctx, apply); err == nil {
			return read(ctx, r, fn)
		}
	}
	if err != nil {
		return of, err
	}
	return read(ctx, d, fn)
}

// valuesOf repeats an item n times behind a statement's start.
func valuesOf(start, item string, n int) string {
	return start + strings.Repeat(item+", ", n-1) + item
}

// numberIn is a number of [sqlite.Tx.Chunks], 0 for NULL.
func numberIn(v driver.Value) int64 {
	n, _ := v.(int64)
	return n
}

// textIn is a text, empty for NULL.
func textIn(v driver.Value) string {
	s, _ := v.(string)
	return s
}

// boolIn is a number that stands for yes or no, or NULL.
func boolIn(v driver.Value) sql.NullBool {
	return sql.NullBool{Bool: numberIn(v) == 1, Valid: v != nil}
}
