// Package sqlengine talks to the databases in which customers keep their Segment
// data: it says how statements are written for each of them, streams the rows of one,
// and gives their errors names. The drivers are in the packages below.
package sqlengine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Config says which database is read, and how patiently.
type Config struct {
	// DSN is its address. What stands before :// names the engine. It may hold a
	// password, so it is never part of an error.
	DSN string
	// Timeout is the longest that a statement may take, all its rows included; zero: no
	// limit of ours.
	Timeout time.Duration
}

// Opener returns a database that it does not reach yet. Its errors do not show the DSN.
type Opener func(Config) (Engine, error)

// Engine is a database. It is safe for concurrent use.
type Engine interface {
	Dialect() Dialect
	// Query runs a statement that only reads and returns its rows as they arrive, in
	// memory that does not grow with them. Where the engine has read-only
	// transactions, it runs in one, which ends when the rows are closed.
	Query(ctx context.Context, statement string, args ...any) (Rows, error)
	// Close closes the connections.
	Close() error
}

// Estimator is an engine that can say what a statement takes without running it, in its
// own words, such as "cost 1234, 10000 rows".
type Estimator interface {
	Estimate(ctx context.Context, statement string, args ...any) (string, error)
}

// Joiner is an engine that is to know which statements join whole tables.
type Joiner interface {
	// QueryJoins is [Engine.Query] for a statement that does.
	QueryJoins(ctx context.Context, statement string, args ...any) (Rows, error)
}

// Rows are the rows of a statement. [database/sql.Rows] are some.
type Rows interface {
	Columns() ([]string, error)
	Next() bool
	Scan(dest ...any) error
	// Err returns the error that ended Next, if any.
	Err() error
	Close() error
}

// Errors of all engines. What an engine itself says is part of the text.
var (
	ErrUnreachable = errors.New("the database cannot be reached")
	ErrLogin       = errors.New("the database refuses the login")
	ErrDenied      = errors.New("the database refuses the right")
	ErrNoTable     = errors.New("there is no such table")
	ErrNoColumn    = errors.New("there is no such column")
	ErrTimeout     = errors.New("the statement took too long")
	ErrLocked      = errors.New("somebody else has locked the table")
	ErrStatement   = errors.New("the database does not take the statement")
)

// Error is an error of an engine.
type Error struct {
	Kind error  // one of those above; nil: another
	Text string // what the engine says
	Code string // its own code, such as 42P01
}

// Error implements error.
func (e *Error) Error() string {
	text := e.Text
	if e.Code != "" {
		text += " (" + e.Code + ")"
	}
	if e.Kind == nil {
		return text
	}
	return fmt.Sprintf("%v: %s", e.Kind, text)
}

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }

// Column is a column of a table.
type Column struct {
	Name string
	Type string // as the engine names it, in lower case
}

// Columns returns the columns of a table in their order; none, if there is no such
// table or nothing of it may be seen.
func Columns(ctx context.Context, e Engine, t Table) ([]Column, error) {
	statement, args := e.Dialect().ColumnsOf(t)
	var all []Column
	err := each(ctx, e, statement, args, func(rows Rows) error {
		var c Column
		err := rows.Scan(&c.Name, &c.Type)
		all = append(all, c)
		return err
	})
	return all, err
}

// Tables returns the names of the tables and views of a schema, sorted.
func Tables(ctx context.Context, e Engine, schema string) ([]string, error) {
	statement, args := e.Dialect().TablesOf(schema)
	return Texts(ctx, e, statement, args...)
}

// Schemas returns the names of the schemas, sorted.
func Schemas(ctx context.Context, e Engine) ([]string, error) {
	return Texts(ctx, e, e.Dialect().Schemas())
}

// Texts returns the texts of a short statement's one column, without NULLs.
func Texts(ctx context.Context, e Engine, statement string, args ...any) ([]string, error) {
	var all []string
	err := each(ctx, e, statement, args, func(rows Rows) error {
		var text sql.NullString
		err := rows.Scan(&text)
		if text.Valid {
			all = append(all, text.String)
		}
		return err
	})
	return all, err
}

// each calls fn with each row of a short statement.
func each(ctx context.Context, e Engine, statement string, args []any, fn func(Rows) error) (err error) {
	rows, err := e.Query(ctx, statement, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
