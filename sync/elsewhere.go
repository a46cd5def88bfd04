package sync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/told"
)

// Place is a table of the customer's warehouse in which what is settled is kept, of lists
// of the same warehouse.
type Place struct {
	Name  string // its schema
	Table told.Table
}

// How many rows are asked for at a time, and how many are written. The engine reads the
// table once for a write, so these should be many; the state does not get smaller before.
var toldBatch, toldWrite = 20_000, 10_000_000

// leaseTime is how long a table stays another's that died.
const leaseTime = time.Minute

// Elsewhere are the tables that a state works with. Nothing of them is written without
// their leases.
type Elsewhere struct {
	State  *state.DB
	Places []*Place
	// Point is for tests that kill the process; nil: none.
	Point func(name string)
	// Waits is told once of a table whose lease a process of this state still has. It died,
	// if we have the state's lock, and the lease is waited for; nil: nobody waits.
	Waits func(at *Place, until time.Time)
	// Deadline is when waiting ends; zero: never.
	Deadline time.Time

	look    bool              // nothing is written
	open    map[string]*Place // that can be used, by name
	absent  map[string]bool   // those that were never there, and are not made
	kept    map[string]state.ToldTable
	release []func(context.Context) error
}

// Places returns the tables of some feeds, each once.
func Places(feeds []Feed) (all []*Place) {
	seen := map[*Place]bool{}
	for _, f := range feeds {
		if f.Told != nil && !seen[f.Told] {
			seen[f.Told] = true
			all = append(all, f.Told)
		}
	}
	return all
}

// Open checks the tables and takes their leases. A table that was never there is made.
// If only looking, nothing is made or taken. It returns [told.ErrGone],
// [told.ErrForeign] or [told.ErrOld] for a table that must not be used, and
// [told.ErrLeased] for one that another works with; a warehouse that cannot be reached
// is passed to down.
func (e *Elsewhere) Open(ctx context.Context, look bool, down func(*Place, error)) error {
	e.look, e.open, e.absent = look, map[string]*Place{}, map[string]bool{}
	if len(e.Places) == 0 {
		return nil
	}
	tables, err := e.State.Tables(ctx)
	if err != nil {
		return stored(err)
	}
	e.kept = tables
	for _, at := range e.Places {
		err := e.openOne(ctx, at, tables, look)
		switch {
		case e.absent[at.Name]:
		case err == nil:
			e.open[at.Name] = at
		case isTold(err) || ctx.Err() != nil:
			return err
		case errors.As(err, new(*storeError)):
			return err
		default:
			down(at, err)
		}
	}
	return nil
}

// Ready passes to down the places in which a run could not make the tables that it needs.
func (e *Elsewhere) Ready(ctx context.Context, down func(*Place, error)) {
	for _, at := range e.Places {
		if !e.absent[at.Name] && !e.There(at) {
			continue
		}
		if err := at.Table.Ready(ctx); err != nil {
			down(at, err)
		}
	}
}

// isTold reports whether an error is one of a table, rather than of its warehouse.
func isTold(err error) bool {
	return errors.Is(err, told.ErrGone) || errors.Is(err, told.ErrForeign) || errors.Is(err, told.ErrOld) || errors.Is(err, told.ErrLeased)
}

func (e *Elsewhere) openOne(ctx context.Context, at *Place, tables map[string]state.ToldTable, look bool) error {
	id, destination, err := e.State.Owner(ctx)
	if err != nil {
		return stored(err)
	}
	owner := told.Owner{StoreID: id, Destination: destination}
	var known int64 // rows that must be there
	for _, t := range tables {
		if t.Place == at.Name {
			known += max(t.Rows, 0)
		}
	}
	err = at.Table.Check(ctx, owner)
	if errors.Is(err, told.ErrGone) && known == 0 {
		if e.absent[at.Name] = look; look {
			return nil
		}
		err = at.Table.Create(ctx, owner)
	}
	if err != nil {
		return rebuild(at, err)
	}
	if !look {
		release, err := e.lease(ctx, at, e.holder(id))
		if err != nil {
			return err
		}
		e.release = append(e.release, release)
	}
	return e.whole(ctx, at, tables)
}

// lease takes the lease of a table. With the state's lock, one that is held in this state's
// own name is that of a process that died: it ends soon.
func (e *Elsewhere) lease(ctx context.Context, at *Place, holder string) (func(context.Context) error, error) {
	patience := time.Now().Add(leaseTime + leaseTime/4)
	if !e.Deadline.IsZero() && e.Deadline.Before(patience) {
		patience = e.Deadline
	}
	for said := false; ; said = true {
		release, err := at.Table.Lease(ctx, holder, leaseTime)
		var leased *told.LeasedError
		if !errors.As(err, &leased) || leased.Holder != holder || e.Waits == nil || time.Now().After(patience) {
			return release, err
		}
		if !said {
			e.Waits(at, leased.Until)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
}

// WaitsFor logs that a table is waited for.
func WaitsFor(log *slog.Logger) func(*Place, time.Time) {
	return func(at *Place, until time.Time) {
		log.Info("a process of this state that died still has the table of what impact.com was told; waiting until that ends", "schema", at.Name, "until", until.UTC().Format(time.RFC3339))
	}
}

// holder names this state for others.
func (e *Elsewhere) holder(id string) string {
	host, _ := os.Hostname()
	path, err := filepath.Abs(e.State.Path())
	if err != nil {
		path = e.State.Path()
	}
	return fmt.Sprintf("%s on %s, %s", id, host, path)
}

// whole returns [told.ErrGone] for a table that has lost rows.
func (e *Elsewhere) whole(ctx context.Context, at *Place, tables map[string]state.ToldTable) error {
	counts, err := at.Table.Counts(ctx)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(tables)) {
		if t := tables[key]; t.Place == at.Name && counts[key].Rows < t.Rows {
			return rebuild(at, fmt.Errorf("%w: rows of %[4]s in schema %[2]s: %[3]d, and written were %[5]d", told.ErrGone, at.Name, counts[key].Rows, key, t.Rows))
		}
	}
	return nil
}

// rebuild adds to an error of a table what can be done.
func rebuild(at *Place, err error) error {
	if !errors.Is(err, told.ErrGone) {
		return err
	}
	return fmt.Errorf("%w: nothing was sent or changed; bring schema %s back as it was (time travel, a backup), or begin anew with: impactsync told create --lost (docs/state.md says what is sent then)", err, at.Name)
}

// Close releases the leases.
func (e *Elsewhere) Close(ctx context.Context) error {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	var errs []error
	for _, release := range e.release {
		errs = append(errs, release(ctx))
	}
	e.release = nil
	return errors.Join(errs...)
}

func (e *Elsewhere) point(name string) {
	if e.Point != nil {
		e.Point(name)
	}
}

// Flush writes what was delivered to the tables. What is settled then leaves the state.
// It may be repeated.
func (e *Elsewhere) Flush(ctx context.Context) error {
	gone, err := e.remove(ctx)
	if err != nil {
		return err
	}
	tables, err := e.State.Tables(ctx)
	if err != nil {
		return stored(err)
	}
	for _, at := range e.open {
		b := &writeBack{Elsewhere: e, at: at}
		for _, key := range slices.Sorted(maps.Keys(tables)) {
			if tables[key].Place == at.Name {
				b.todo = append(b.todo, state.Writing{Key: key, Last: -1})
			}
		}
		for len(b.todo) > 0 {
			if err := b.write(ctx); err != nil {
				return err
			}
		}
	}
	return e.removed(ctx, gone)
}

// removing is who is to be removed from the tables. It stays noted in the state until the
// rows are counted again: until then fewer of them are no loss.
type removing struct {
	single    []state.Told
	forgotten []state.Person
}

// remove takes out of the tables whoever is somebody else by now, or forgotten.
func (e *Elsewhere) remove(ctx context.Context) (r removing, err error) {
	if len(e.open) == 0 {
		return r, nil
	}
	if r.single, r.forgotten, err = e.State.ToRemove(ctx); err != nil {
		return r, stored(err)
	}
	for _, at := range e.open {
		if len(r.single) > 0 {
			if err := e.put(ctx, at, toldRows(r.single)); err != nil {
				return r, fmt.Errorf("remove rows of people who are others now: %w", err)
			}
		}
		for forgotten := range slices.Chunk(r.forgotten, toldBatch) {
			if err := e.forget(ctx, at, forgotten); err != nil {
				return r, fmt.Errorf("remove people who are forgotten: %w", err)
			}
		}
	}
	return r, nil
}

func (e *Elsewhere) forget(ctx context.Context, at *Place, people []state.Person) error {
	keys := keysOfPeople(people)
	rows, err := at.Table.Of(ctx, keys)
	if err != nil {
		return err
	}
	for _, r := range rows { // what rode along is theirs as well
		keys = append(keys, ridersOf(r)...)
	}
	return at.Table.Forget(ctx, keys)
}

// removed notes that they are removed. Everything that is here must be written.
func (e *Elsewhere) removed(ctx context.Context, r removing) error {
	if len(r.single)+len(r.forgotten) == 0 {
		return nil
	}
	all, telling := map[string]int64{}, map[string]int64{}
	for _, at := range e.open {
		counts, err := at.Table.Counts(ctx)
		if err != nil {
			return err
		}
		for key, n := range counts {
			all[key], telling[key] = n.Rows, n.Told
		}
	}
	return stored(e.State.Removed(ctx, r.single, r.forgotten, all, telling))
}

// Bring brings home what the tables have of people.
func (e *Elsewhere) Bring(ctx context.Context, people []state.Person) error {
	_, err := e.bring(ctx, people)
	return err
}

func (e *Elsewhere) bring(ctx context.Context, people []state.Person) (n int, err error) {
	for _, at := range e.open {
		for some := range slices.Chunk(people, toldBatch) {
			rows, err := at.Table.Of(ctx, keysOfPeople(some))
			if err != nil {
				return n, err
			}
			n += len(rows)
			if err := e.State.BringHome(ctx, toldOf(rows)); err != nil {
				return n, stored(err)
			}
		}
	}
	return n, nil
}

// keeps reports whether what is settled of a trait is elsewhere.
func (e *Elsewhere) keeps(key string) bool { return e.kept[key].Place != "" }

// valuesOf returns a person's values that are elsewhere. Somebody whom the state does not
// know is who the message says.
func (e *Elsewhere) valuesOf(ctx context.Context, profile int64, said state.Person) (map[string]string, error) {
	who, err := e.State.PersonOf(ctx, profile)
	if who.IsZero() {
		who = said
	}
	if err != nil || who.IsZero() {
		return nil, err
	}
	values := map[string]string{}
	for _, at := range e.Places {
		if e.absent[at.Name] {
			continue
		}
		if !e.There(at) {
			return nil, fmt.Errorf("the warehouse with schema %s cannot be used", at.Name)
		}
		rows, err := at.Table.Of(ctx, keysOfPeople([]state.Person{who}))
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			values[r.Trait] = r.Value
		}
	}
	return values, nil
}

// BringRiding brings home what the tables have of people with whom an anonymous id or an
// address rides along.
func (e *Elsewhere) BringRiding(ctx context.Context, people []state.Person) error {
	for _, at := range e.open {
		if len(people) == 0 {
			return nil
		}
		rows, err := at.Table.Riding(ctx, keysOfPeople(people))
		if err != nil {
			return err
		}
		if err := e.State.BringHome(ctx, toldOf(rows)); err != nil {
			return stored(err)
		}
	}
	return nil
}

// BringAll brings home everything that its table has of a trait.
func (e *Elsewhere) BringAll(ctx context.Context, key, place string, differs bool) error {
	at := e.open[place]
	switch {
	case e.absent[place]:
		return nil
	case at == nil:
		return fmt.Errorf("the warehouse with schema %s cannot be used", place)
	}
	h := homing{Elsewhere: e, differs: differs}
	for row, err := range at.Table.Rows(ctx, key) {
		if err == nil {
			err = h.add(ctx, row)
		}
		if err != nil {
			return err
		}
	}
	return h.flush(ctx)
}

// BringAbsorbed brings home what the tables have of visitors who turned out to be users:
// it is the users' now, and leaves the tables, so that no list is compared with it.
func (e *Elsewhere) BringAbsorbed(ctx context.Context) error {
	for len(e.open) > 0 {
		visitors, users, err := e.State.Calls(ctx, toldBatch)
		if err != nil || len(visitors) == 0 {
			return stored(err)
		}
		var theirs []told.Row
		for _, at := range e.open {
			rows, err := at.Table.Of(ctx, keysOfPeople(visitors))
			if err != nil {
				return err
			}
			theirs = append(theirs, rows...)
		}
		// The users' own come first. They come even if nothing is left of the visitors': a
		// pass that was killed may have removed it, after it became the users' here.
		if err := e.Bring(ctx, users); err != nil {
			return err
		}
		if err := e.State.BringHome(ctx, toldOf(theirs)); err != nil {
			return stored(err)
		}
		if err := e.State.Called(ctx, visitors); err != nil {
			return stored(err)
		}
		if len(theirs) > 0 && !e.look {
			if _, err := e.remove(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// homing brings rows home in groups.
type homing struct {
	*Elsewhere
	differs bool // from the list
	rows    []state.Told
}

func (h *homing) add(ctx context.Context, row told.Row) error {
	r := stateRow(row)
	r.Differs = h.differs && !row.Kept
	if h.rows = append(h.rows, r); len(h.rows) < toldBatch {
		return nil
	}
	return h.flush(ctx)
}

func (h *homing) flush(ctx context.Context) error {
	err := stored(h.State.BringHome(ctx, h.rows))
	h.rows = h.rows[:0]
	h.point("after rows came home")
	return err
}
