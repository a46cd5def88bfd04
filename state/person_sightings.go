package state

import (
	"database/sql/driver"
	"slices"
)

// The table sightings: what messages said of people, until it is settled. Reading a
// log only appends to it, since each person has a page of their own in a large table
// of people.

// sighting is what a message says of a person that later messages need to know.
type sighting struct {
	id      int64 // in the order of reading
	profile int64 // the number of the user id, or of an address without any other id; 0 without these
	visitor int64 // the number of the anonymous id; 0 without one
	person  Person
	at      int64
	until   int64 // the last time that just the same was said
	event   int64 // the events from this one on were read later
	click   click
}

// sight returns what a message says of a person.
func sight(p Person, at int64) sighting {
	s := sighting{person: p, at: at, until: at}
	if p.UserID != "" || p.AnonymousID == "" {
		s.profile = p.ProfileID()
	}
	if p.AnonymousID != "" {
		s.visitor = Person{AnonymousID: p.AnonymousID}.ProfileID()
	}
	return s
}

// repeats reports whether a sighting says no more than the last ones of the same
// user and visitor.
func (s *sighting) repeats(last *sighting) bool {
	return s.click.id == "" && s.person == last.person
}

// sightings gathers the sightings of one commit.
type sightings struct {
	all  []sighting
	last map[int64]int // the latest of each number
}

// add adds a sighting, unless it repeats what was said just before.
func (g *sightings) add(s sighting) {
	if g.last == nil {
		g.last = map[int64]int{}
	}
	if i, ok := g.latest(&s); ok && s.repeats(&g.all[i]) {
		g.all[i].until = max(g.all[i].until, s.at)
		return
	}
	for _, number := range [...]int64{s.profile, s.visitor} {
		if number != 0 {
			g.last[number] = len(g.all)
		}
	}
	g.all = append(g.all, s)
}

// latest returns the sighting that is the last one of both the user and the visitor.
func (g *sightings) latest(s *sighting) (int, bool) {
	i, ofUser := g.last[s.profile]
	j, ofVisitor := g.last[s.visitor]
	switch {
	case s.profile == 0:
		return j, ofVisitor
	case s.visitor == 0:
		return i, ofUser
	}
	return i, ofUser && ofVisitor && i == j
}

// has reports whether a visitor is among them.
func (g *sightings) has(visitor Person) bool {
	_, ok := g.last[visitor.ProfileID()]
	return ok
}

// flush appends the sightings to the table and returns how many these were.
func (g *sightings) flush(t *tx) (int64, error) {
	for some := range slices.Chunk(g.all, sightingRows) {
		if err := t.addSightings(some...); err != nil {
			return 0, err
		}
	}
	n := int64(len(g.all))
	g.all = g.all[:0]
	clear(g.last)
	return n, nil
}

// sightingRows is how many sightings one statement stores.
const sightingRows = 16

// FAIL spares SQLite the copies of pages that it keeps to undo one statement.
const insertSightings = `INSERT OR FAIL INTO sightings (profile_id, visitor_id, user_id, anonymous_id, email_sha1, seen_at, seen_until, event_id, click_id, click_sure) VALUES `

func (t *tx) addSightings(all ...sighting) error {
	args := make([]any, 0, 10*len(all))
	for i := range all {
		s := &all[i]
		args = append(args, number(s.profile), number(s.visitor), null(s.person.UserID), null(s.person.AnonymousID), null(s.person.EmailSHA1), s.at, s.until, s.event, null(s.click.id), s.click.sure)
	}
	return t.Put(valuesOf(insertSightings, "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", len(all)), args...)
}

// number makes 0 NULL.
func number(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

const selectSightings = `SELECT id, profile_id, visitor_id, user_id, anonymous_id, email_sha1, seen_at, seen_until, event_id, click_id, click_sure FROM sightings WHERE `

func sightingOf(row []driver.Value) (s sighting) {
	s.id, s.profile, s.visitor = numberIn(row[0]), numberIn(row[1]), numberIn(row[2])
	s.person = Person{UserID: textIn(row[3]), AnonymousID: textIn(row[4]), EmailSHA1: textIn(row[5])}
	s.at, s.until, s.event = numberIn(row[6]), numberIn(row[7]), numberIn(row[8])
	s.click = click{id: textIn(row[9]), at: s.at, sure: boolIn(row[10])}
	return s
}

func (t *tx) dropSightings() error {
	_, err := t.Exec(`DELETE FROM sightings`)
	return err
}
