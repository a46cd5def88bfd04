package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/told"
)

// comparable is a source whose warehouse can compare a list with what was told.
type comparable interface {
	Wanted(ctx context.Context, in source.Input) (told.Wanted, error)
	ReadRows(ctx context.Context, in source.Input, w told.Wanted, rows sqlengine.Rows, good bool, fn func(source.Batch) error) error
}

// openTold opens the tables of what impact.com was told, and writes to them what a run
// before left to be written.
func (p *pass) openTold(ctx context.Context) error {
	p.elsewhere = &Elsewhere{State: p.State, Places: Places(p.Feeds), Point: p.Point, Waits: WaitsFor(p.Log), Deadline: p.options.Deadline}
	p.unwell = map[*Place]error{}
	down := func(at *Place, err error) {
		p.unwell[at] = err
		p.Log.Error("the table of what impact.com was told cannot be used; lists that are compared with it wait", "schema", at.Name, "error", err)
	}
	err := p.elsewhere.Open(ctx, p.rehearsal, down)
	switch {
	case err != nil:
		return err
	case p.rehearsal:
		p.elsewhere.Ready(ctx, down)
		return nil
	}
	return p.flushTold(ctx)
}

// flushTold writes what was delivered to the tables. If that fails, the next run does it.
func (p *pass) flushTold(ctx context.Context) error {
	err := p.elsewhere.Flush(ctx)
	var mine *storeError
	if errors.As(err, &mine) {
		return mine.err
	}
	return err
}

// allKept returns an error if what is known of some list's trait is not where its source
// says. No list is applied then.
func (p *pass) allKept(ctx context.Context, found []inputs) error {
	for _, in := range found {
		place := ""
		if in.feed.Told != nil {
			place = in.feed.Told.Name
		}
		for _, list := range slices.Concat(in.lists, in.gone) {
			if err := wronglyKept(p.State.KeptAt(ctx, list.Key, place)); err != nil {
				return err
			}
		}
	}
	return nil
}

// keep has what is settled of a list's trait kept where its source says.
func (p *pass) keep(ctx context.Context, f Feed, in source.Input) error {
	if f.Told == nil {
		return nil
	}
	if err := p.unwell[f.Told]; err != nil {
		return err
	}
	return wronglyKept(p.State.KeepElsewhere(ctx, p.listInfo(f, in).Trait, f.Told.Name, false))
}

// wronglyKept ends a run, whose configuration is wrong.
func wronglyKept(err error) error {
	if errors.Is(err, state.ErrElsewhere) {
		err = fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return stored(err)
}

// fill reads the members of a list: all of them, or, if the warehouse compares it with
// what was told, those whom that concerns.
func (p *pass) fill(ctx context.Context, f Feed, in source.Input, list *state.List, r *reader) (err error) {
	add := func(b source.Batch) error { return r.members(ctx, list, b) }
	if f.Told == nil || p.elsewhere.absent[f.Told.Name] {
		if r.forms, err = p.startFormCheck(ctx, in.Key); err != nil {
			return stored(err)
		}
		return f.Read(ctx, in, source.Position{}, add)
	}
	src, ok := f.Source.(comparable)
	if !ok {
		return fmt.Errorf("%w: source %q cannot be compared in its warehouse", ErrConfig, f.Name())
	}
	c := &comparing{pass: p, feed: f, input: in, list: list, reader: r}
	return c.run(ctx, src, add)
}

// comparing takes the difference of a list from its warehouse.
type comparing struct {
	*pass
	feed   Feed
	input  source.Input
	list   *state.List
	reader *reader

	outdated map[told.Key]state.Person // of a rehearsal: what the table has of them is no longer so
}

func (c *comparing) run(ctx context.Context, src comparable, add func(source.Batch) error) (err error) {
	if err := c.elsewhere.BringAbsorbed(ctx); err != nil {
		return err
	}
	if err := stored(c.State.BeginDifference(ctx, c.input.Key)); err != nil {
		return err
	}
	tables, err := c.State.Tables(ctx)
	if err != nil {
		return stored(err)
	}
	w, err := src.Wanted(ctx, c.input)
	if err != nil {
		return err
	}
	ids := c.Mapper.Placeholders().Fingerprint()
	w.Whole = tables[c.input.Key].IDs != ids
	if err := c.findOutdated(ctx); err != nil {
		return err
	}
	d, err := c.feed.Told.Table.Difference(ctx, c.input.Key, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := c.bringTold(ctx, d); err != nil {
		return err
	}
	if err := c.startForms(ctx, d.Counts); err != nil {
		return err
	}
	rows, err := d.List(ctx)
	if err != nil {
		return err
	}
	c.reader.others = d.Counts.Members > d.Counts.Joins
	if err := src.ReadRows(ctx, c.input, w, rows, d.Counts.Members > 0, add); err != nil {
		return err
	}
	if err := c.bringUnsure(ctx, d.Counts); err != nil {
		return err
	}
	seen := func(p state.Person) { c.reader.forms.add(segment.Identity(p)) }
	if err := stored(c.list.AddImplied(ctx, c.rehearsal, seen)); err != nil || c.rehearsal {
		return err
	}
	return c.note(ctx, d.Counts, ids)
}

// bringTold brings home the rows that the difference has of the table.
func (c *comparing) bringTold(ctx context.Context, d *told.Difference) error {
	h := homing{Elsewhere: c.elsewhere, differs: true}
	for row, err := range d.Told {
		if err != nil {
			return err
		}
		if !row.Kept {
			delete(c.outdated, row.Key)
		}
		if err := h.add(ctx, row); err != nil {
			return err
		}
	}
	return h.flush(ctx)
}

// startForms has the ids of the list compared with those of people who are known, unless
// more than a tenth of these are on it under the ids they had.
func (c *comparing) startForms(ctx context.Context, n told.Counts) (err error) {
	if 10*n.Exits < 9*n.Told {
		c.reader.forms, c.reader.sameIDs = newFormCheck(state.Known{}), true
		return nil
	}
	c.reader.forms, err = c.startFormCheck(ctx, c.input.Key)
	return stored(err)
}

// bringUnsure brings home people on the list whom the warehouse may know by another key
// than we do.
func (c *comparing) bringUnsure(ctx context.Context, n told.Counts) error {
	if err := c.list.Flush(ctx); err != nil {
		return stored(err)
	}
	if n.Rows == 0 {
		return nil
	}
	people, err := c.list.Unsure(ctx)
	if err != nil {
		return stored(err)
	}
	if err := c.elsewhere.Bring(ctx, people); err != nil {
		return err
	}
	return c.addOutdated(ctx)
}

// findOutdated finds, in a rehearsal, which writes nothing, visitors whose rows a run would
// remove from the table, as they are users' here by now; and those of whom the table does
// not have what was delivered last, since the run before was killed.
func (c *comparing) findOutdated(ctx context.Context) error {
	if !c.rehearsal {
		return nil
	}
	c.outdated = map[told.Key]state.Person{}
	gone, _, err := c.State.ToRemove(ctx)
	for _, r := range gone {
		if r.Trait == c.input.Key {
			c.outdated[keyOfPerson(r.Person)] = r.Person
		}
	}
	if err != nil {
		return stored(err)
	}
	for w := (state.Writing{Key: c.input.Key, Last: -1}); !w.Done; {
		var err error
		if w, err = c.State.ToWrite(ctx, w, toldBatch); err != nil {
			return stored(err)
		}
		for _, r := range w.Rows {
			c.outdated[keyOfPerson(r.Person)] = r.Person
		}
	}
	return nil
}

// addOutdated adds those of them who are on the list, since the table has of them what
// the list wants.
func (c *comparing) addOutdated(ctx context.Context) error {
	var keys []told.Key
	for key := range c.outdated {
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil
	}
	rows, err := c.feed.Told.Table.Of(ctx, keys)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.Trait == c.input.Key && (r.Value != "false" || c.input.Class == segment.ClassComputed) {
			if err := stored(c.list.Add(c.outdated[r.Key], r.Value, false)); err != nil {
				return err
			}
		}
	}
	return nil
}

// note corrects how many people are known to be away, and stores by which rules for ids
// the list was compared.
func (c *comparing) note(ctx context.Context, n told.Counts, ids string) error {
	more, err := c.State.SetAway(ctx, c.input.Key, n.Told, n.Rows)
	if err != nil {
		return stored(err)
	}
	if more != 0 {
		c.Log.Info("the table of what impact.com was told has another number of people than was counted", "trait", c.input.Key, "more", more)
	}
	return stored(c.State.Compared(ctx, c.input.Key, ids))
}
