package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"
)

// Store stores batches and the new positions of their objects in one transaction.
func (d *DB) Store(ctx context.Context, batches ...Batch) error {
	return d.StoreAll(ctx, func(yield func([]Batch) bool) { yield(batches) })
}

// StoreAll is Store for batches that come in pieces: a piece is no longer needed when
// the next one is asked for. An item takes about 10 microseconds, however much there
// is: what messages say of people is only noted, and applied many items at a time.
func (d *DB) StoreAll(ctx context.Context, pieces iter.Seq[[]Batch]) error {
	return d.appending(ctx, func(t *tx) error {
		s, err := newStoring(t)
		if err != nil {
			return err
		}
		for batches := range pieces {
			if err := s.piece(batches); err != nil {
				return err
			}
		}
		if err := errors.Join(s.countUnlisted(s.unlisted), s.touchTraits()); err != nil || !s.waits.full() {
			return err
		}
		return t.applyLogs()
	})
}

// piece stores some batches of a transaction.
func (s *storing) piece(batches []Batch) error {
	if err := s.lookUp(numbersOf(peopleChanged(batches))); err != nil {
		return err
	}
	for len(batches) > 0 {
		n := ofOneObject(batches)
		if err := s.object(batches[:n]); err != nil {
			return err
		}
		batches = batches[n:]
	}
	return s.flush()
}

// peopleChanged ranges over the people of changes.
func peopleChanged(batches []Batch) iter.Seq[Person] {
	return func(yield func(Person) bool) {
		for b := range batches {
			for i := range batches[b].Items {
				if it := &batches[b].Items[i]; it.Change != nil && !yield(it.Person) {
					return
				}
			}
		}
	}
}

// ofOneObject returns how many batches at the start are of the same object.
func ofOneObject(batches []Batch) int {
	n := 1
	for n < len(batches) && batches[n].Object.Source == batches[0].Object.Source && batches[n].Object.Name == batches[0].Object.Name {
		n++
	}
	return n
}

// object stores batches of one object, and its position after the last one.
func (s *storing) object(batches []Batch) (err error) {
	o := batches[len(batches)-1].Object
	s.source, s.name = o.Source, o.Name
	if s.origin, err = s.putObject(o); err != nil {
		return err
	}
	for i := range batches {
		if err := s.batch(&batches[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *storing) batch(b *Batch) error {
	for i := range b.Items {
		if err := s.item(&b.Items[i]); err != nil {
			return err
		}
	}
	if err := s.endForgetting(); err != nil {
		return err
	}
	return s.storeRest(b)
}

func (s *storing) storeRest(b *Batch) error {
	for name, n := range b.Counts {
		s.countRun(name, n)
	}
	for u, n := range b.Unlisted {
		s.unlisted[u] += n
	}
	return s.reject(b.Rejected)
}

// storing stores the items of batches.
type storing struct {
	outbox
	source   string // these three of the object
	name     string
	origin   int64
	changed  map[*trait]int64
	unlisted map[Unlisted]int64

	seen  sightings
	waits *unapplied

	forgetting *forgetting // of delete messages; nil before the batch's first
}

func newStoring(t *tx) (*storing, error) {
	waits, err := t.unapplied()
	if err != nil {
		return nil, err
	}
	s := &storing{outbox: outbox{tx: t, waiting: map[eventKey]bool{}}, changed: map[*trait]int64{}, unlisted: map[Unlisted]int64{}, waits: waits}
	s.next, err = t.nextEvent()
	return s, err
}

// flush stores the events and sightings that were gathered.
func (s *storing) flush() error {
	n, err := s.seen.flush(s.tx)
	if err != nil {
		return err
	}
	s.waits.rows += n + int64(len(s.events))
	return s.outbox.flush()
}

// applyAll applies what was gathered and all that waited before. Then people and
// their events are known as they are.
func (s *storing) applyAll() error {
	if err := s.flush(); err != nil {
		return err
	}
	if err := s.applyLogs(); err != nil {
		return err
	}
	var err error
	s.waits, err = s.unapplied()
	return err
}

func (s *storing) item(it *Item) error {
	if it.Refund != nil { // which holds nothing of the person
		if err := s.storeRefund(it.Refund); err != nil {
			return err
		}
	}
	if out, stripped := s.d.barred.Load().filter(&it.Person); out || stripped && it.Event != nil {
		s.countRun("kept_out", 1)
		return nil
	}
	if !it.Forget && s.forgetting.names(it.Person) { // what is said afterwards stays, unless the ids are barred
		if err := s.endForgetting(); err != nil {
			return err
		}
	}
	switch {
	case it.Forget:
		return s.forget(it)
	case it.Change != nil:
		return s.change(it)
	}
	if it.Refund != nil && it.Person.IsZero() {
		return nil
	}
	who, err := s.sighted(it)
	if err != nil || it.Event == nil {
		return err
	}
	s.add(it, who, s.origin)
	return nil
}

func (s *storing) forget(it *Item) error {
	if err := s.applyAll(); err != nil {
		return err
	}
	if s.forgetting == nil {
		s.forgetting = newForgetting(s.tx)
	}
	if err := s.forgetting.person(it.Person); err != nil {
		return err
	}
	return s.bar(s.forgetting.ids) // the next line may be of the same person
}

// endForgetting removes what is left of the people who were forgotten. It reads all
// profiles, so it is done once for many.
func (s *storing) endForgetting() error {
	if s.forgetting == nil {
		return nil
	}
	f := s.forgetting
	s.forgetting = nil
	return f.finish()
}

// sighted returns the number under which an item's event is stored. Of the person it
// notes only what later messages need: that two ids are one person, and the last
// click id.
func (s *storing) sighted(it *Item) (int64, error) {
	if it.Person.IsZero() { // a guest, of whom nothing is stored
		if it.Event == nil {
			return 0, nil
		}
		return guestID(keyOf(it.Event)), nil
	}
	who, err := s.apart(it)
	if err != nil {
		return 0, err
	}
	if !who.hasVisitor() && it.ClickID == "" {
		if it.Event == nil {
			return 0, nil
		}
		return who.ProfileID(), nil
	}
	at := unix(it.SeenAt)
	return s.note(who, at, click{id: it.ClickID, at: at, sure: sql.NullBool{Bool: it.ClickSure, Valid: true}}), nil
}

// note notes what a message says of a person, and returns the number under which the
// person's events are stored.
func (s *storing) note(p Person, at int64, c click) int64 {
	return s.seen.add(p, at, s.next+int64(len(s.events)), c)
}

// whose returns the profile that a change belongs to, and stores a new one. What else
// the message says of the person is only noted.
func (s *storing) whose(p Person, at int64) (profile, error) {
	p, err := s.single(p)
	if err != nil {
		return profile{}, err
	}
	if p.UserID != "" {
		s.note(p, at, click{})
		return s.ownerOrNew(p.keyOnly(), 0)
	}
	if s.waits.rows > 0 || s.seen.has(p) { // perhaps a user's by now
		if err := s.applyAll(); err != nil {
			return profile{}, err
		}
	}
	return s.ownerOrNew(p, at)
}

func (s *storing) change(it *Item) error {
	c := it.Change
	tr, err := s.trait(c.Trait, false)
	if errors.Is(err, ErrTooManyTraits) || errors.Is(err, errOtherClass) { // anybody can send such a message; it must not stop the others
		return s.reject([]Rejected{{Source: s.source, Object: s.name, Line: it.Line, Reason: err.Error()}})
	}
	if err != nil {
		return err
	}
	if err := s.feed(tr, s.source, false); err != nil {
		return fmt.Errorf("%s line %d: %w", s.name, it.Line, err)
	}
	if tr.authority == AuthorityList && tr.listSource != "" {
		s.countRun("not_authority", 1)
		return nil
	}
	at := earliest(max(s.now, s.d.latest), c.At, c.ReceivedAt)
	prof, err := s.whose(it.Person, at)
	if err != nil {
		return fmt.Errorf("store a change of %q: %w", c.Trait.Key, err)
	}
	old, err := s.traitRow(tr, prof.id)
	if err != nil {
		return err
	}
	next := old
	next.wanted = sql.NullString{String: c.Value, Valid: !c.Cleared}
	next.wantedAt, next.orderedAt = at, sql.NullInt64{}
	next.receivedAt = sql.NullInt64{Int64: unix(c.ReceivedAt), Valid: !c.ReceivedAt.IsZero()}
	next.messageID = sql.NullString{String: c.MessageID, Valid: c.MessageID != ""}
	next.origin = sql.NullInt64{Int64: s.origin, Valid: true}
	if tr.authority == AuthorityLatest && at <= tr.listedAt { // a newer list decided whether this person is a member
		s.countRun("late", 1)
		return nil
	}
	passed := s.mayBeTold(&old, c, at)
	if passed {
		next.doubt, next.sent = true, sql.NullString{String: trueText, Valid: true}
	}
	if old.exists && !next.newerThan(&old) {
		s.countRun("late", 1)
		if !passed {
			return nil
		}
		return s.doubted(old)
	}
	s.changed[tr] = max(s.changed[tr], at)
	return s.move(old, next, c)
}

// mayBeTold reports whether a true that is read may already have been sent by a run
// that a restore has undone: the message is from before the restore, and nothing was
// sent about the person since.
func (s *storing) mayBeTold(old *traitRow, c *Change, at int64) bool {
	if at > s.d.restored || c.Trait.Class != Audience || c.Cleared || c.Value != trueText || old.status == statusInFlight {
		return false
	}
	return !old.doubt && (!old.delivered.Valid || old.deliveredAt.Int64 < s.d.restored/int64(time.Second))
}

// doubted sets doubt on a row whose wanted value does not change.
func (s *storing) doubted(old traitRow) error {
	next := old
	next.doubt, next.sent = true, sql.NullString{String: trueText, Valid: true}
	if next.status == statusSettled {
		if next = next.moved(); next.status == statusPending && s.d.awaits(&next) {
			next.status = statusHeld
		}
	}
	s.countMove(old, next)
	return s.put(old, next)
}

// move stores a row whose wanted value may have changed. A newer message with the same
// value changes the row's order, not the value's time. A row that becomes due waits
// for the guard's verdict or for the approval of its computation.
func (s *storing) move(old, next traitRow, c *Change) error {
	if old.exists && old.wanted == next.wanted {
		next.status = old.status
		if next.due() && old.status == statusSettled { // because of the doubt
			next.status = statusPending
			s.countMove(old, next)
		}
		next.wantedAt, next.orderedAt = old.wantedAt, sql.NullInt64{Int64: next.wantedAt, Valid: next.wantedAt > old.wantedAt}
		s.countRun("unchanged", 1)
		return s.put(old, next)
	}
	if c.Cleared {
		s.countRun("cleared", 1)
	}
	known, err := s.knows(next.trait, &c.Trait)
	if err != nil {
		return err
	}
	next = next.moved()
	due := next.status == statusPending
	if due && (!known || s.d.awaits(&next)) {
		next.status = statusHeld
	}
	if due && !known {
		next.fault = s.unapproved(computation{c.Trait.SpaceID, c.Trait.ComputationID})
	}
	s.countMove(old, next)
	return s.put(old, next)
}

func (s *storing) touchTraits() error {
	for tr, at := range s.changed {
		if _, err := s.Exec(`UPDATE traits SET last_change_at = max(coalesce(last_change_at, 0), ?) WHERE id = ?`, at, tr.id); err != nil {
			return err
		}
	}
	return nil
}

// earliest returns the effective time of a change. It is never later than now: a change
// from a clock that is ahead must not win over all others until that time has come.
func earliest(now int64, times ...time.Time) int64 {
	for _, at := range times {
		if !at.IsZero() {
			now = min(now, at.UnixNano())
		}
	}
	return now
}
