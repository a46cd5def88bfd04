package sqlengine

import (
	"context"
	"database/sql"
	"errors"
)

// Statement is a statement with the values of its parameters.
type Statement struct {
	Text string
	Args []any
}

// Writer is an engine that can also write. Only what keeps tables of our own asks for
// it: readers of a customer's tables do not.
type Writer interface {
	Engine
	// Write runs statements one after another: in one transaction where the engine has
	// transactions.
	Write(ctx context.Context, statements ...Statement) error
}

// Write implements [Writer].
func (d *DB) Write(ctx context.Context, statements ...Statement) error {
	ctx, cancel := WithTimeout(ctx, d.Timeout)
	defer cancel()
	err := d.write(ctx, statements)
	if err != nil {
		return d.classify(ctx, err)
	}
	return nil
}

func (d *DB) write(ctx context.Context, statements []Statement) error {
	if !d.Atomic {
		return d.execute(ctx, d.Pool, statements)
	}
	tx, err := d.Pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if d.Limit != nil && d.Timeout > 0 {
		statements = append([]Statement{{Text: d.Limit(d.Timeout)}}, statements...)
	}
	if err := d.execute(ctx, tx, statements); err != nil {
		return errors.Join(err, ended(tx.Rollback()))
	}
	return tx.Commit()
}

// execer is a pool or a transaction.
type execer interface {
	ExecContext(ctx context.Context, statement string, args ...any) (sql.Result, error)
}

func (d *DB) execute(ctx context.Context, on execer, statements []Statement) error {
	for _, s := range statements {
		args := s.Args
		if d.Args != nil {
			args = d.Args(args)
		}
		if _, err := on.ExecContext(ctx, s.Text, args...); err != nil {
			return err
		}
	}
	return nil
}
