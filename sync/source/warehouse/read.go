package warehouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/told"
)

// mostBad is how many values may be of no use before the first good one: the column is
// another than was meant.
const mostBad = 100

const (
	batchRecords = 1000
	batchBytes   = 4 << 20
)

// Read implements [source.Source]. A list is planned anew, so that what changed since
// it was listed is noticed.
func (s *Source) Read(ctx context.Context, in source.Input, _ source.Position, fn func(source.Batch) error) error {
	t, err := s.trait(in.Key)
	if err != nil {
		return err
	}
	c := s.catalogue()
	p, err := s.plan(ctx, c, t)
	if err != nil {
		return s.named(err)
	}
	r := s.reader(ctx, t, p.object, fn)
	err = r.readAll(c.engine, p)
	if err == nil && r.line == 0 && p.none != nil && in.OnMissing != "exit" {
		return s.named(p.none) // who left has a row that says so
	}
	return s.finish(r, c, p.table, err)
}

func (s *Source) reader(ctx context.Context, t *Trait, object string, fn func(source.Batch) error) *reader {
	return &reader{trait: t, nobody: s.cfg.Placeholders, object: object, fn: fn, ctx: ctx}
}

// finish hands over what is left of a list that was read, or explains why it was not.
func (s *Source) finish(r *reader, c *catalogue, table sqlengine.Table, err error) error {
	switch {
	case r.stopped:
		return err
	case r.ctx.Err() != nil:
		return context.Cause(r.ctx)
	case err != nil:
		return s.named(c.explain(err, table))
	}
	return r.flush(true)
}

// Check implements [source.Database].
func (s *Source) Check(ctx context.Context, in source.Input) error {
	_, err := s.Estimate(ctx, in)
	return err
}

// Estimate implements [source.Database].
func (s *Source) Estimate(ctx context.Context, in source.Input) (string, error) {
	t, err := s.trait(in.Key)
	if err != nil {
		return "", err
	}
	c := s.catalogue()
	p, err := s.plan(ctx, c, t)
	if err != nil {
		return "", s.named(err)
	}
	e, ok := c.engine.(sqlengine.Estimator)
	if !ok {
		return "", nil
	}
	text, err := e.Estimate(ctx, p.statement, p.args...)
	if err != nil {
		return "", s.named(c.explain(err, p.table))
	}
	return text, nil
}

// reader makes batches of the rows of a list.
type reader struct {
	trait   *Trait
	nobody  *segment.Placeholders
	object  string
	fn      func(source.Batch) error
	ctx     context.Context
	stopped bool // by fn

	line    int64
	good    bool // a value could be used
	bad     int
	profile profile
	people  []segment.Identity
	records []source.Record
	members []source.Member
	bytes   int
}

func (r *reader) readAll(e sqlengine.Engine, p plan) (err error) {
	rows, err := e.Query(r.ctx, p.statement, p.args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	return r.readRows(rows, p.roles)
}

// readRows reads rows whose columns have roles; nil: their names tell.
func (r *reader) readRows(rows sqlengine.Rows, roles []told.Role) error {
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	if r.profile.roles = roles; roles == nil {
		if r.profile.roles, err = r.trait.roles(columns); err != nil {
			return err
		}
	}
	r.profile.columns = columns
	row, dest := make([]any, len(columns)), make([]any, len(columns))
	for i := range row {
		dest[i] = &row[i]
	}
	for rows.Next() {
		r.line++
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if err := r.row(row); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return r.end()
}

// row takes a row: it belongs to the profile before, or ends that.
func (r *reader) row(row []any) error {
	if r.profile.rows > 0 && !r.profile.same(row) {
		if err := r.end(); err != nil {
			return err
		}
	}
	if r.profile.rows == 0 {
		r.profile.reset(row)
	}
	r.profile.line = r.line
	return r.profile.add(row)
}

// end makes the records of the profile that was gathered.
func (r *reader) end() error {
	p := &r.profile
	if p.rows == 0 {
		return nil
	}
	p.rows = 0
	if p.gone {
		return nil
	}
	value, member, problem := r.valueOf(p)
	switch {
	case problem != "":
		if r.bad++; r.bad > mostBad && !r.good {
			return fmt.Errorf("none of the first values can be used: %s", problem)
		}
		// Who has an unknown value may be a member: nobody can be said to have left.
		r.add(source.Record{Rejected: problem, Unreadable: true})
	case !p.valid:
		r.add(source.Record{Rejected: "NULL instead of a profile's id", Unreadable: true})
	case member:
		r.addPeople(value)
	}
	r.good = r.good || problem == ""
	if len(r.records)+len(r.members) < batchRecords && r.bytes < batchBytes {
		return nil
	}
	return r.flush(false)
}

// valueOf returns a profile's value, and whether it is on the list.
func (r *reader) valueOf(p *profile) (value string, member bool, problem string) {
	if !slices.Contains(p.roles, told.RoleValue) {
		return "true", true, ""
	}
	text, _ := textOf(p.value)
	if r.trait.Class == segment.ClassComputed {
		return segment.Redact(segment.CleanText(text)), true, ""
	}
	switch strings.ToLower(text) {
	case "true", "t", "1":
		return "true", true, ""
	case "false", "f", "0", "":
		return "", false, ""
	}
	return "", false, fmt.Sprintf("%q is neither true nor false: set value: computed if it is not a membership", clip(segment.Redact(text)))
}

func (r *reader) addPeople(value string) {
	r.people = r.profile.people(r.people[:0], r.nobody)
	for _, who := range r.people {
		r.members = append(r.members, source.Member{Identity: who, Line: r.profile.line, Value: value, Cleared: value == ""})
		r.bytes += len(who.UserID) + len(who.AnonymousID) + len(who.EmailSHA1) + len(value)
	}
	if len(r.people) == 0 {
		r.add(source.Record{Rejected: source.NamesNobody})
	}
}

func (r *reader) add(record source.Record) {
	record.Object, record.Line = r.object, r.profile.line
	r.records = append(r.records, record)
}

// flush hands the records over.
func (r *reader) flush(done bool) error {
	err := r.fn(source.Batch{Records: r.records, Members: r.members, Position: source.Position{Line: r.line, Done: done}, Taken: int64(r.bytes)})
	r.stopped = err != nil
	clear(r.records)
	clear(r.members)
	r.records, r.members, r.bytes = r.records[:0], r.members[:0], 0
	if err == nil && r.ctx.Err() != nil {
		r.stopped = true
		return context.Cause(r.ctx)
	}
	return err
}

func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "..." // do not cut a character in half
	}
	return s
}
