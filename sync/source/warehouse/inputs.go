package warehouse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/sqlengine"
)

// Inputs implements [source.Source]: there is a list for each trait. What is wrong with
// one of them is an error when it is read, so that the others can be used.
func (s *Source) Inputs(ctx context.Context, _ func(source.Object, int64, string)) iter.Seq2[source.Input, error] {
	return func(yield func(source.Input, error) bool) {
		c := s.catalogue()
		for _, t := range s.traits() {
			in, err := s.input(ctx, c, &t)
			if errors.Is(err, errPassed) {
				continue
			}
			if err != nil {
				err = s.named(err)
			}
			if !yield(in, err) || err != nil {
				return
			}
		}
	}
}

// errPassed says that the database does not have an optional trait.
var errPassed = errors.New("passed over")

// input lists a trait as of now: a list says who is a member when it is read, whenever
// Segment wrote that.
func (s *Source) input(ctx context.Context, c *catalogue, t *Trait) (source.Input, error) {
	now := time.Now()
	in := source.Input{
		Source: s.cfg.Name, Shape: source.ShapeList, Key: t.Key, Name: t.Name, Class: t.Class,
		ListedAt: now, OnMissing: cmp.Or(t.OnMissing, "keep"), Rule: t.Rule,
	}
	p, err := s.plan(ctx, c, t)
	one, only := ofTrait(err)
	switch {
	case only && t.Optional:
		return in, errPassed
	case only && one.absent && in.OnMissing == "exit":
		return in, nil
	case err != nil && !only:
		return in, err
	}
	o := source.Object{Name: cmp.Or(p.object, t.Key), ModTime: now, ETag: strconv.FormatInt(now.UnixNano(), 10)}
	if err == nil {
		if err := s.lookAt(ctx, c, p, &o); err != nil {
			return in, err
		}
	}
	in.Objects = []source.Object{o}
	return in, nil
}

// lookAt asks which version of a list there is. Once a day it is read whatever the
// answer is.
func (s *Source) lookAt(ctx context.Context, c *catalogue, p plan, o *source.Object) error {
	parts := []string{time.Now().UTC().Format(time.DateOnly)}
	newest := time.Time{}
	for _, v := range p.version {
		row, err := c.row(ctx, v.statement, v.args, v.columns)
		if err != nil {
			return c.explain(err, p.table)
		}
		for _, value := range row {
			text, _ := textOf(value)
			parts = append(parts, text)
		}
		text, _ := textOf(row[0])
		if micros, err := strconv.ParseInt(text, 10, 64); err == nil && time.UnixMicro(micros).After(newest) { // some databases give numbers as texts
			newest = time.UnixMicro(micros)
		}
	}
	if newest.IsZero() {
		return nil
	}
	o.ModTime, o.ETag = newest, strings.Join(parts, " ")
	return nil
}

// row returns the one row of a statement, or NULLs if it has none.
func (c *catalogue) row(ctx context.Context, statement string, args []any, columns int) (row []any, err error) {
	rows, err := c.engine.Query(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	row, dest := make([]any, columns), make([]any, columns)
	for i := range row {
		dest[i] = &row[i]
	}
	if rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		rows.Next() // there is one; at the end, the connection can be used again
	}
	return row, rows.Err()
}

func isMissing(err error) bool { return errors.Is(err, sqlengine.ErrNoTable) }

func someOf(names []string) string {
	const most = 8
	switch n := len(names); {
	case n == 0:
		return "no table that this user may see"
	case n > most:
		return listed(names[:most]) + fmt.Sprintf(" and %d more", n-most)
	}
	return listed(names)
}
