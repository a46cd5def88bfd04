package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/mattn/go-sqlite3"
)

// untorn is the context of statements that write. It never ends, so a transaction is
// committed or rolled back as a whole, and the driver needs no goroutine per statement.
var untorn = context.Background()

// Tx is a transaction that writes. Its statements are prepared once for the life
// of the file, and no context ends them.
type Tx struct {
	db *DB
}

// Update runs fn in a transaction, which is committed if fn returns nil and rolled
// back otherwise. It calls point, unless that is nil, with "before a commit" and
// "after a commit".
func (d *DB) Update(point func(string), fn func(Tx) error) error {
	if d.writer == nil {
		return ErrReadOnly
	}
	begin, commit, rollback := "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"
	if d.rehearsal {
		begin, commit, rollback = "SAVEPOINT step", "RELEASE step", "ROLLBACK TO step; RELEASE step"
	}
	t := Tx{d}
	if _, err := d.writer.ExecContext(untorn, begin); err != nil {
		return Classify(d.path, fmt.Errorf("begin: %w", err))
	}
	err := fn(t)
	if err == nil {
		tell(point, "before a commit")
		_, err = d.writer.ExecContext(untorn, commit)
	}
	if err != nil {
		_, _ = d.writer.ExecContext(untorn, rollback) // on a full disk SQLite has rolled back already
		return Classify(d.path, err)
	}
	tell(point, "after a commit")
	return nil
}

func tell(point func(string), what string) {
	if point != nil {
		point(what)
	}
}

func (t Tx) stmt(query string) (*sql.Stmt, error) {
	if s, ok := t.db.stmts[query]; ok {
		return s, nil
	}
	s, err := t.db.writer.PrepareContext(untorn, query)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", firstWords(query), err)
	}
	t.db.stmts[query] = s
	return s, nil
}

// Exec executes a statement and returns how many rows it changed.
func (t Tx) Exec(query string, args ...any) (changed int64, err error) {
	if err := t.Put(query, args...); err != nil {
		return 0, err
	}
	err = t.raw(`SELECT changes()`, nil, func(rows driver.Rows) error {
		row := make([]driver.Value, 1)
		err := rows.Next(row)
		changed, _ = row[0].(int64)
		return err
	})
	return changed, err
}

// Put is Exec for a statement of which nobody needs to know how many rows it changed.
func (t Tx) Put(query string, args ...any) error { return t.raw(query, args, nil) }

// raw executes a statement as a query, past database/sql: then the driver binds all of
// its values in one call instead of each in one of its own, which halves what a row of
// many columns costs.
func (t Tx) raw(query string, args []any, fn func(driver.Rows) error) error {
	err := t.db.writer.Raw(func(conn any) error {
		rows, err := t.db.rawRows(conn, query, args)
		if err != nil {
			return err
		}
		if fn != nil {
			err = fn(rows)
		}
		return errors.Join(err, rows.Close())
	})
	if err != nil {
		return fmt.Errorf("%s: %w", firstWords(query), err)
	}
	return nil
}

func (d *DB) rawRows(conn any, query string, args []any) (driver.Rows, error) {
	s, err := d.rawStmt(conn.(*sqlite3.SQLiteConn), query) //nolint:forcetypeassert // our own driver
	if err != nil {
		return nil, err
	}
	values, err := d.valuesOf(args)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(untorn, values)
}

// Chunks calls fn for so many rows of a query at a time, valid until it returns. Fn
// may write, but not execute the query itself. It goes past database/sql, too.
func (t Tx) Chunks(query string, args []any, size int, fn func(rows [][]driver.Value) error) (err error) {
	var rows driver.Rows
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", firstWords(query), err)
		}
	}()
	err = t.db.writer.Raw(func(conn any) error {
		rows, err = t.db.rawRows(conn, query, args)
		return err
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.db.writer.Raw(func(any) error { return rows.Close() })) }()
	chunk := make([][]driver.Value, 0, size)
	for done := false; !done && err == nil; {
		err = t.db.writer.Raw(func(any) error {
			chunk, done, err = readChunk(rows, chunk[:0])
			return err
		})
		if err == nil && len(chunk) > 0 {
			err = fn(chunk)
		}
	}
	return err
}

// readChunk fills a chunk, as far as there are rows, and uses the rows in it again.
func readChunk(rows driver.Rows, chunk [][]driver.Value) (filled [][]driver.Value, done bool, err error) {
	columns := len(rows.Columns())
	for n := range cap(chunk) {
		if chunk = chunk[:n+1]; chunk[n] == nil {
			chunk[n] = make([]driver.Value, columns)
		}
		if err := rows.Next(chunk[n]); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return chunk[:n], true, err
		}
	}
	return chunk, false, nil
}

func (d *DB) rawStmt(conn *sqlite3.SQLiteConn, query string) (*sqlite3.SQLiteStmt, error) {
	if s, ok := d.raws[query]; ok {
		return s, nil
	}
	s, err := conn.PrepareContext(untorn, query)
	if err != nil {
		return nil, err
	}
	d.raws[query] = s.(*sqlite3.SQLiteStmt) //nolint:forcetypeassert // our own driver
	return d.raws[query], nil
}

// valuesOf returns values as the driver takes them, valid until the next call.
func (d *DB) valuesOf(args []any) ([]driver.NamedValue, error) {
	d.values = d.values[:0]
	for i, arg := range args {
		switch arg.(type) {
		case nil, int64, string, bool, []byte:
		default:
			var err error
			if arg, err = driver.DefaultParameterConverter.ConvertValue(arg); err != nil {
				return nil, err
			}
		}
		d.values = append(d.values, driver.NamedValue{Ordinal: i + 1, Value: arg})
	}
	return d.values, nil
}

// Insert executes a statement and returns the new row's id.
func (t Tx) Insert(query string, args ...any) (int64, error) {
	s, err := t.stmt(query) //nolint:sqlclosecheck // lives as long as the file is open
	if err != nil {
		return 0, err
	}
	res, err := s.ExecContext(untorn, args...)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", firstWords(query), err)
	}
	return res.LastInsertId()
}

// Script executes statements that are used once.
func (t Tx) Script(text string) error {
	_, err := t.db.writer.ExecContext(untorn, text)
	return err
}

// Get scans one row and reports whether there was one.
func (t Tx) Get(query string, args []any, dest ...any) (bool, error) {
	s, err := t.stmt(query) //nolint:sqlclosecheck // lives as long as the file is open
	if err != nil {
		return false, err
	}
	err = s.QueryRowContext(untorn, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", firstWords(query), err)
	}
	return true, nil
}

// Each calls fn for every row. Fn must not write to the tables that are read.
func (t Tx) Each(query string, args []any, fn func(*sql.Rows) error) error {
	s, err := t.stmt(query) //nolint:sqlclosecheck // lives as long as the file is open
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(untorn, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", firstWords(query), err)
	}
	return EachRow(rows, fn)
}

func firstWords(q string) string {
	const most = 40
	if len(q) > most {
		return q[:most] + "..."
	}
	return q
}
