package state

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"
)

// tx is one write transaction. Its time is fixed when it begins, so that all
// of its rows share a clock. Counters move with it or not at all.
type tx struct {
	d     *DB
	ctx   context.Context
	now   int64
	moved map[counter]int64
	ran   map[string]int64 // counters of the run

	absent   map[int64]bool // numbers that no profile has; nil where that is not worth knowing
	absorbed []int64        // numbers of the anonymous profiles absorbed in this transaction
	joined   map[int64]bool // users that anonymous profiles were absorbed into
}

type counter struct {
	scope int64
	name  string
}

// Scopes of counters that belong to no trait.
const (
	scopePageLoads   = 0
	scopeConversions = -1
)

// update runs fn in one transaction. The context's end does not tear it: what
// was begun is committed or rolled back whole.
func (d *DB) update(ctx context.Context, fn func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.writer == nil {
		return errors.New("the state is closed or was opened for reading only")
	}
	// A context without an end also spares the driver a goroutine per statement.
	t := &tx{d: d, ctx: context.Background(), now: d.now().UnixNano(), moved: map[counter]int64{}, ran: map[string]int64{}, joined: map[int64]bool{}}
	if _, err := t.exec("BEGIN IMMEDIATE"); err != nil {
		return classify(d.path, fmt.Errorf("begin: %w", err))
	}
	err := t.refreshed()
	if err == nil {
		err = fn(t)
	}
	if err == nil {
		err = t.judgeJoined()
	}
	if err == nil {
		err = errors.Join(t.flushCounters(), t.heartbeat(), t.number())
	}
	if err == nil {
		d.point("before %s commits")
		_, err = t.exec("COMMIT")
	}
	if err != nil {
		_, _ = t.exec("ROLLBACK") // on a full disk SQLite has rolled back already
		d.traits, d.crowds = nil, nil
		d.profiles.clear()
		d.recentKeys = unknownKeys
		return classify(d.path, err)
	}
	d.point("after %s committed")
	return nil
}

// point tells a test where the process is: format takes the name of the method
// whose transaction this is, the caller of update.
func (d *DB) point(format string) {
	if d.at == nil {
		return
	}
	const up = 2 // past this function and update
	pc, _, _, _ := runtime.Caller(up)
	name := runtime.FuncForPC(pc).Name()
	d.at(fmt.Sprintf(format, name[strings.LastIndexByte(name, '.')+1:]))
}

// stmt prepares a statement once for the life of the file.
func (t *tx) stmt(query string) (*sql.Stmt, error) {
	if s, ok := t.d.stmts[query]; ok {
		return s, nil
	}
	s, err := t.d.writer.PrepareContext(t.ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", firstWords(query), err)
	}
	t.d.stmts[query] = s
	return s, nil
}

func (t *tx) exec(query string, args ...any) (int64, error) {
	s, err := t.stmt(query) //nolint:sqlclosecheck // lives as long as the file is open
	if err != nil {
		return 0, err
	}
	res, err := s.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", firstWords(query), err)
	}
	n, err := res.RowsAffected()
	return n, err
}

// many executes a statement n times, with what row gives, and tells done how
// many rows each changed. It goes to the driver itself: database/sql takes as
// long to look at the arguments as SQLite to store them. They must be of the
// types of a [driver.Value]. Row and done must not use the database.
func (t *tx) many(query string, n int, row func(i int) []driver.Value, done func(i int, changed int64)) error {
	return t.d.writer.Raw(func(conn any) (err error) {
		s, err := conn.(driver.ConnPrepareContext).PrepareContext(t.ctx, query) //nolint:forcetypeassert // the driver is given
		if err != nil {
			return fmt.Errorf("prepare %q: %w", firstWords(query), err)
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		args := make([]driver.NamedValue, s.NumInput())
		for i := range n {
			for j, v := range row(i) {
				args[j] = driver.NamedValue{Ordinal: j + 1, Value: v}
			}
			res, err := s.(driver.StmtExecContext).ExecContext(t.ctx, args) //nolint:forcetypeassert // as above
			if err != nil {
				return fmt.Errorf("%s: %w", firstWords(query), err)
			}
			changed, err := res.RowsAffected()
			if err != nil {
				return err
			}
			done(i, changed)
		}
		return nil
	})
}

// insert is exec for callers who want the new row's id.
func (t *tx) insert(query string, args ...any) (int64, error) {
	s, err := t.stmt(query) //nolint:sqlclosecheck // lives as long as the file is open
	if err != nil {
		return 0, err
	}
	res, err := s.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", firstWords(query), err)
	}
	return res.LastInsertId()
}

// get scans one row and reports whether there was one.
func (t *tx) get(query string, args []any, dest ...any) (bool, error) {
	s, err := t.stmt(query) //nolint:sqlclosecheck // lives as long as the file is open
	if err != nil {
		return false, err
	}
	err = s.QueryRowContext(t.ctx, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", firstWords(query), err)
	}
	return true, nil
}

// each calls fn for every row. Fn must not write to the tables that are read.
func (t *tx) each(query string, args []any, fn func(*sql.Rows) error) error {
	s, err := t.stmt(query) //nolint:sqlclosecheck // lives as long as the file is open
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(t.ctx, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", firstWords(query), err)
	}
	return eachRow(rows, fn)
}

func eachRow(rows *sql.Rows, fn func(*sql.Rows) error) (err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (t *tx) count(scope int64, name string, by int64) {
	if by == 0 || scope <= 0 && name == statusNames[statusSettled] {
		return // delivered events are pruned in bulk; nobody asks how many there are
	}
	t.moved[counter{scope, name}] += by
}

func (t *tx) countRun(name string, by int64) {
	if by != 0 {
		t.ran[name] += by
	}
}

func (t *tx) flushCounters() error {
	for c, by := range t.moved {
		if by == 0 {
			continue
		}
		if _, err := t.exec(`INSERT INTO counters (scope, name, value) VALUES (?, ?, ?)
			ON CONFLICT (scope, name) DO UPDATE SET value = value + excluded.value`, c.scope, c.name, by); err != nil {
			return err
		}
	}
	if t.d.run == 0 {
		return nil
	}
	for name, by := range t.ran {
		if _, err := t.exec(`INSERT INTO run_counters (run, name, value) VALUES (?, ?, ?)
			ON CONFLICT (run, name) DO UPDATE SET value = value + excluded.value`, t.d.run, name, by); err != nil {
			return err
		}
	}
	return nil
}

// heartbeatEvery is how often a run shows that it is alive.
const heartbeatEvery = 5 * time.Second

// heartbeat rides on the transactions that there are anyway.
func (t *tx) heartbeat() error {
	if since := t.now - t.d.beat; t.d.run == 0 || since >= 0 && since < int64(heartbeatEvery) { // less than 0: the clock was set back
		return nil
	}
	t.d.beat = t.now
	_, err := t.exec(`UPDATE runs SET heartbeat_at = ? WHERE run = ?`, t.now, t.d.run)
	return err
}

// countCommit counts the transaction, for [DB.checkLog].
const countCommit = `UPDATE store SET commits = commits + 1`

func (t *tx) number() error {
	_, err := t.exec(countCommit)
	return err
}

func firstWords(q string) string {
	const most = 40
	if len(q) > most {
		return q[:most] + "..."
	}
	return q
}

// nanos is a time as tables hold it; the zero time is NULL.
func nanos(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at.UnixNano()
}

// null makes an empty text NULL.
func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}
