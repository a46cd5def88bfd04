package sqlengine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// DB is an engine that is reached by database/sql.
type DB struct {
	Pool *sql.DB
	How  Dialect
	// ReadOnly are the options of a transaction that reads; nil: the engine has none.
	ReadOnly *sql.TxOptions
	// Limit is the statement that sets the time a statement may take in the transaction.
	Limit func(time.Duration) string
	// Joins is a statement that prepares a transaction for a statement which joins whole
	// tables; "": the engine needs none.
	Joins string
	// Timeout is that time; zero: no limit.
	Timeout time.Duration
	// Atomic means that statements which write together are one transaction.
	Atomic bool
	// Refuse returns an error for a query that is not to be sent; nil: there is none.
	Refuse func(statement string) error
	// Args returns the values of parameters as the driver takes them; nil: as they are.
	Args func([]any) []any
	// Classify returns an [Error] for one of the driver, or the error itself.
	Classify func(error) error
}

var (
	_ Writer = (*DB)(nil)
	_ Joiner = (*DB)(nil)
)

// Dialect implements [Engine].
func (d *DB) Dialect() Dialect { return d.How }

// Close implements [Engine].
func (d *DB) Close() error { return d.Pool.Close() }

// Query implements [Engine].
func (d *DB) Query(ctx context.Context, statement string, args ...any) (Rows, error) {
	return d.read(ctx, "", statement, args)
}

// QueryJoins implements [Joiner].
func (d *DB) QueryJoins(ctx context.Context, statement string, args ...any) (Rows, error) {
	return d.read(ctx, d.Joins, statement, args)
}

func (d *DB) read(ctx context.Context, before, statement string, args []any) (Rows, error) {
	if d.Refuse != nil {
		if err := d.Refuse(statement); err != nil {
			return nil, err
		}
	}
	if d.Args != nil {
		args = d.Args(args)
	}
	ctx, cancel := WithTimeout(ctx, d.Timeout)
	rows, err := d.query(ctx, before, statement, args)
	if err != nil {
		err = d.classify(ctx, err)
		cancel()
		return nil, err
	}
	rows.cancel = cancel
	return rows, nil
}

// WithTimeout ends a statement here, some time after the engine itself should have done
// so, whose own error says more. Zero means no limit.
func WithTimeout(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit == 0 {
		return context.WithCancel(ctx)
	}
	const grace = 5 * time.Second
	return context.WithTimeoutCause(ctx, limit+grace, &Error{Kind: ErrTimeout, Text: fmt.Sprintf("no end after %v", limit)})
}

func (d *DB) query(ctx context.Context, before, statement string, args []any) (*dbRows, error) {
	if d.ReadOnly == nil {
		rows, err := d.Pool.QueryContext(ctx, statement, args...) //nolint:rowserrcheck // its reader's
		return &dbRows{Rows: rows, db: d, ctx: ctx}, err
	}
	tx, err := d.Pool.BeginTx(ctx, d.ReadOnly)
	if err != nil {
		return nil, err
	}
	if d.Limit != nil && d.Timeout > 0 {
		if _, err := tx.ExecContext(ctx, d.Limit(d.Timeout)); err != nil {
			return nil, errors.Join(err, tx.Rollback())
		}
	}
	if before != "" {
		if _, err := tx.ExecContext(ctx, before); err != nil {
			return nil, errors.Join(err, ended(tx.Rollback()))
		}
	}
	rows, err := tx.QueryContext(ctx, statement, args...) //nolint:rowserrcheck // its reader's
	if err != nil {
		return nil, errors.Join(err, ended(tx.Rollback()))
	}
	return &dbRows{Rows: rows, db: d, ctx: ctx, tx: tx}, nil
}

// OnlyReads returns an error for a statement that does not begin as one that reads does,
// for engines without read-only transactions. Only the user's rights forbid the rest.
func OnlyReads(statement string) error {
	refused := &Error{Kind: ErrStatement, Text: "it does not begin with SELECT or WITH"}
	for line := range strings.Lines(statement) {
		line, _, _ = strings.Cut(line, "--")
		words := strings.Fields(strings.ReplaceAll(line, "(", " "))
		if len(words) == 0 {
			continue
		}
		if first := strings.ToUpper(words[0]); first == "SELECT" || first == "WITH" {
			return nil
		}
		break
	}
	return refused
}

func (d *DB) classify(ctx context.Context, err error) error {
	if at, ok := ctx.Deadline(); ok && !time.Now().Before(at) {
		<-ctx.Done() // a connection's own clock may be a moment ahead
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause // the driver only says that it was cancelled
	}
	return d.Classify(err)
}

// ended leaves out that a transaction is over already, since the connection is.
func ended(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// dbRows are the rows of a statement, with what ends with them.
type dbRows struct {
	*sql.Rows
	db     *DB
	ctx    context.Context
	tx     *sql.Tx
	cancel context.CancelFunc
	atEnd  bool
}

// Next implements [Rows].
func (r *dbRows) Next() bool {
	r.atEnd = !r.Rows.Next()
	return !r.atEnd
}

// Err implements [Rows].
func (r *dbRows) Err() error {
	if err := r.Rows.Err(); err != nil {
		return r.db.classify(r.ctx, err)
	}
	return nil
}

// Close implements [Rows]. Rows that were not read to their end are given up at once,
// with the connection: that is what a driver does when it is cancelled.
func (r *dbRows) Close() error {
	defer r.cancel()
	if !r.atEnd {
		r.cancel()
	}
	err := r.Rows.Close()
	if r.tx != nil {
		_ = r.tx.Rollback() // it only read
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
