package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
)

// View is a transaction that reads one snapshot, for as long as the call of
// [DB.View] that made it.
type View struct {
	ctx  context.Context //nolint:containedctx // of that call
	from querier
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// View runs fn on a snapshot. In a rehearsal it reads what was written so far, and may
// be called within [DB.Update].
func (d *DB) View(ctx context.Context, fn func(*View) error) error {
	if d.rehearsal {
		return Classify(d.path, fn(&View{ctx, d.writer}))
	}
	tx, err := d.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return Classify(d.path, fmt.Errorf("read the state: %w", err))
	}
	defer tx.Rollback()
	return Classify(d.path, fn(&View{ctx, tx}))
}

// ViewFileOnly runs fn on what is in the file itself, without its write-ahead log.
// Opening the log would move it into the file.
func ViewFileOnly(ctx context.Context, path string, fn func(*View) error) error {
	file, err := sql.Open("sqlite3", uri(path, url.Values{"mode": {"ro"}, "immutable": {"1"}}))
	if err != nil {
		return err
	}
	defer file.Close()
	return fn(&View{ctx, file})
}

// Get scans one row and reports whether there was one.
func (v *View) Get(query string, args []any, dest ...any) (bool, error) {
	err := v.from.QueryRowContext(v.ctx, query, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// Scan scans one row. Without one, dest stays as it is.
func (v *View) Scan(query string, args []any, dest ...any) error {
	_, err := v.Get(query, args, dest...)
	return err
}

// Each calls fn for every row.
func (v *View) Each(query string, args []any, fn func(*sql.Rows) error) error {
	rows, err := v.from.QueryContext(v.ctx, query, args...)
	if err != nil {
		return err
	}
	return EachRow(rows, fn)
}

// EachRow calls fn for every row, then closes the rows.
func EachRow(rows *sql.Rows, fn func(*sql.Rows) error) (err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
