package told

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strconv"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// Difference implements [Table].
func (t *table) Difference(ctx context.Context, trait string, wanted Wanted) (*Difference, error) {
	s, err := t.compare(ctx, trait, wanted)
	if err != nil {
		return nil, err
	}
	query := t.engine.Query
	if e, ok := t.engine.(sqlengine.Joiner); ok {
		query = e.QueryJoins
	}
	rows, err := query(ctx, s.Text, s.Args...)
	if err != nil {
		return nil, t.explain(err)
	}
	d := &differing{Rows: rows, trait: trait, columns: wanted.Columns, explain: t.explain}
	d.head = make([]sql.NullString, extra)
	d.dest = make([]any, extra+len(wanted.Columns))
	for i := range d.head {
		d.dest[i] = &d.head[i]
	}
	for i := extra; i < len(d.dest); i++ {
		d.dest[i] = new(any)
	}
	counts, err := d.counts()
	if err != nil {
		return nil, errors.Join(err, rows.Close())
	}
	return &Difference{Counts: counts, Told: d.told(), List: d.list, Close: rows.Close}, nil
}

// Estimate implements [Table].
func (t *table) Estimate(ctx context.Context, trait string, wanted Wanted) (string, error) {
	e, ok := t.engine.(sqlengine.Estimator)
	if !ok {
		return "", nil
	}
	s, err := t.compare(ctx, trait, wanted)
	if err != nil {
		return "", err
	}
	text, err := e.Estimate(ctx, s.Text, s.Args...)
	return text, t.explain(err)
}

// compare returns the statement of a difference.
func (t *table) compare(ctx context.Context, trait string, wanted Wanted) (sqlengine.Statement, error) {
	g, err := t.grammar(ctx)
	if err != nil {
		return sqlengine.Statement{}, err
	}
	return g.compare(t.told, trait, wanted)
}

// differing reads the rows of a difference: its counts, the rows of the table, and those
// of the list, one part after another.
type differing struct {
	sqlengine.Rows
	trait   string
	columns []string // of the list
	explain func(error) error

	head  []sql.NullString // of the row
	dest  []any            // head, and where the list's columns are put when they are not wanted
	ahead bool             // the row is of the next part
	ended bool             // there is no row
}

// next goes to the next row, and reports whether it is of a part. That of another stays.
func (d *differing) next(part string) (bool, error) {
	if d.ended {
		return false, nil
	}
	if !d.ahead {
		if !d.Rows.Next() {
			d.ended = true
			return false, d.Err()
		}
		if err := d.Rows.Scan(d.dest...); err != nil {
			return false, err
		}
	}
	d.ahead = d.head[0].String != part
	return !d.ahead, nil
}

func (d *differing) counts() (c Counts, err error) {
	found, err := d.next(partCounts)
	if err != nil {
		return c, err
	}
	if !found {
		return c, errors.New("the difference has no counts")
	}
	for i, n := range []*int64{&c.Rows, &c.Told, &c.Members, &c.Joins, &c.Exits} {
		if *n, err = strconv.ParseInt(d.head[i+1].String, 10, 64); err != nil {
			return c, fmt.Errorf("counts: %w", err)
		}
	}
	return c, nil
}

func (d *differing) told() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		record := make([]string, rowColumns)
		for {
			found, err := d.next(partTold)
			if err != nil {
				yield(Row{}, err)
				return
			}
			if !found {
				return
			}
			record[0] = d.trait
			for i := range rowColumns - 1 {
				record[i+1] = d.head[i+1].String
			}
			row, err := rowOf(record)
			row.Kept = d.head[extra-1].String != ""
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

func (d *differing) list(context.Context) (sqlengine.Rows, error) {
	for _, err := range d.told() { // what the caller did not want
		if err != nil {
			return nil, err
		}
	}
	return &listed{d: d}, nil
}

// Err adds the schema to an error.
func (d *differing) Err() error { return d.explain(d.Rows.Err()) }

// listed are the rows of the list.
type listed struct {
	d   *differing
	err error
}

// Columns implements [sqlengine.Rows].
func (l *listed) Columns() ([]string, error) { return l.d.columns, nil }

// Next implements [sqlengine.Rows]. It only goes on, so that Scan reads the row once.
func (l *listed) Next() bool {
	if l.d.ended || l.err != nil {
		return false
	}
	if l.d.ahead {
		l.d.ahead = false
		return true
	}
	if l.d.ended = !l.d.Rows.Next(); l.d.ended {
		l.err = l.d.Err()
	}
	return !l.d.ended
}

// Scan implements [sqlengine.Rows].
func (l *listed) Scan(dest ...any) error {
	return l.d.Rows.Scan(append(l.d.dest[:extra:extra], dest...)...)
}

// Err implements [sqlengine.Rows].
func (l *listed) Err() error { return l.err }

// Close implements [sqlengine.Rows]. The difference itself is closed by its owner.
func (l *listed) Close() error { return nil }

// grammar returns the engine's, and finds out once whether it has a SHA-1.
func (t *table) grammar(ctx context.Context) (*grammar, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.probed || t.g.Dialect != sqlengine.Postgres() {
		return t.g, nil
	}
	schemas, err := t.texts(ctx, "SELECT n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pgcrypto'")
	if err != nil {
		return nil, err
	}
	if len(schemas) > 0 {
		name := t.g.Quote(schemas[0])
		t.g.sha1 = func(text string) string {
			return "encode(" + name + ".digest(convert_to(" + text + ", 'UTF8'), 'sha1'), 'hex')"
		}
	}
	t.probed = true
	return t.g, nil
}
