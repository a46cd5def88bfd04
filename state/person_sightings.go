package state

import (
	"cmp"
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
	until   int64 // the last time that no more was said of the same ids
	mailed  int64 // the last time that the address was said with them; 0 without one
	event   int64 // the events from this one on were read later
	click   click
}

// sight returns what a message says of a person.
func sight(p Person, at int64) sighting {
	s := sighting{person: p, at: at, until: at}
	user, visitor := p.userAndVisitor()
	if !user.IsZero() {
		s.profile = user.ProfileID()
	}
	if !visitor.IsZero() {
		s.visitor = visitor.ProfileID()
	}
	if p.EmailSHA1 != "" {
		s.mailed = at
	}
	return s
}

// userAndVisitor returns the keys of the user, or of an address without any other id,
// and of the visitor; zero without one.
func (p Person) userAndVisitor() (user, visitor Person) {
	if p.AnonymousID != "" {
		visitor.AnonymousID = p.AnonymousID
	}
	if p.UserID != "" || p.AnonymousID == "" {
		user = p.keyOnly()
	}
	return user, visitor
}

// repeatedBy reports whether a person says no more than this sighting of the same user
// and visitor.
func (s *sighting) repeatedBy(p Person) bool {
	return p == s.person || p.EmailSHA1 == "" && p.UserID == s.person.UserID && p.AnonymousID == s.person.AnonymousID
}

// number returns the number under which the person's events are stored.
func (s *sighting) number() int64 { return cmp.Or(s.profile, s.visitor) }

// sightings gathers the sightings of a piece of a commit.
type sightings struct {
	all  []sighting
	last map[Person]int // the latest of each user and visitor, by their keys
}

// add adds a sighting, unless it repeats what was said just before, and returns the number
// under which the person's events are stored. Numbers cost a hash, hence the keys.
func (g *sightings) add(p Person, at, event int64, c click) int64 {
	if g.last == nil {
		g.last = map[Person]int{}
	}
	user, visitor := p.userAndVisitor()
	if i, ok := g.latest(user, visitor); ok && c.id == "" && g.all[i].repeatedBy(p) {
		last := &g.all[i]
		if last.until = max(last.until, at); p.EmailSHA1 != "" {
			last.mailed = max(last.mailed, at)
		}
		return last.number()
	}
	for _, key := range [...]Person{user, visitor} {
		if !key.IsZero() {
			g.last[key] = len(g.all)
		}
	}
	s := sight(p, at)
	s.event, s.click = event, c
	g.all = append(g.all, s)
	return s.number()
}

// latest returns the sighting that is the last one of both the user and the visitor.
func (g *sightings) latest(user, visitor Person) (int, bool) {
	i, ofUser := g.last[user]
	j, ofVisitor := g.last[visitor]
	switch {
	case user.IsZero():
		return j, ofVisitor
	case visitor.IsZero():
		return i, ofUser
	}
	return i, ofUser && ofVisitor && i == j
}

// has reports whether a visitor is among them.
func (g *sightings) has(visitor Person) bool {
	_, ok := g.last[visitor.keyOnly()]
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
const insertSightings = `INSERT OR FAIL INTO sightings (profile_id, visitor_id, user_id, anonymous_id, email_sha1, seen_at, seen_until, mailed_until, event_id, click_id, click_sure) VALUES `

func (t *tx) addSightings(all ...sighting) error {
	args := make([]any, 0, 11*len(all))
	for i := range all {
		s := &all[i]
		args = append(args, number(s.profile), number(s.visitor), null(s.person.UserID), null(s.person.AnonymousID), null(s.person.EmailSHA1), s.at, s.until, number(s.mailed), s.event, null(s.click.id), s.click.sure)
	}
	return t.Put(valuesOf(insertSightings, "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", len(all)), args...)
}

// number makes 0 NULL.
func number(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

const selectSightings = `SELECT id, profile_id, visitor_id, user_id, anonymous_id, email_sha1, seen_at, seen_until, mailed_until, event_id, click_id, click_sure FROM sightings WHERE `

func sightingOf(row []driver.Value) (s sighting) {
	s.id, s.profile, s.visitor = numberIn(row[0]), numberIn(row[1]), numberIn(row[2])
	s.person = Person{UserID: textIn(row[3]), AnonymousID: textIn(row[4]), EmailSHA1: textIn(row[5])}
	s.at, s.until, s.mailed, s.event = numberIn(row[6]), numberIn(row[7]), numberIn(row[8]), numberIn(row[9])
	s.click = click{id: textIn(row[10]), at: s.at, sure: boolIn(row[11])}
	return s
}

func (t *tx) dropSightings() error {
	_, err := t.Exec(`DELETE FROM sightings`)
	return err
}
