package state

import (
	"crypto/sha256"
	"database/sql"

	"github.com/impactsync/impactsync/state/internal/spill"
)

// absent handles a row whose number is not on the list. People who were told leave
// with the guard's verdict, after all lines are compared.
func (m *merge) absent(r *row) error {
	audience := m.trait.class == Audience
	switch {
	case m.absorbed[r.profile] != 0:
		return nil // it is the user's by now
	case !r.has(rowTold) && (!r.has(rowWanted) || audience && r.wanted != trueText):
		return nil
	case r.has(rowNewer) && m.trait.authority == AuthorityLatest:
		return nil
	}
	elsewhere, err := m.isElsewhere(r)
	if err != nil || elsewhere {
		return err
	}
	if !r.has(rowTold) { // impact.com was told nothing, so there is nothing to take back or to judge
		m.dropped++
		return m.exit(r.profile, statusPending)
	}
	m.verdict.Exits++
	if r.has(rowLeaving) {
		return nil // what was let through is not taken back
	}
	return m.exits.Add(r.profile, nil)
}

// isElsewhere reports whether the row's person is on the list under another
// number: two people can have one, and the second is stored under the next.
func (m *merge) isElsewhere(r *row) (bool, error) {
	home := profileID(sha256.Sum256([]byte(r.key)))
	if home == r.profile {
		return false, nil
	}
	texts, err := m.list.spill.Find(home)
	for i, text := range texts {
		texts[i] = ""
		mem, failed := decodeMember(home, text)
		if failed != nil {
			return false, failed
		}
		if out, _ := m.barred.filter(&mem.person); !out && r.is(mem.person) {
			return true, nil
		}
	}
	return false, err
}

// exit moves wanted to "not a member". A row that becomes due gets the given
// status.
func (m *merge) exit(id int64, due status) error {
	old, err := m.traitRow(m.trait, id)
	if err != nil || !old.exists {
		return err
	}
	if old.status == statusRefused && !old.isWanted() {
		return nil // the false itself was refused: the same again would be, too
	}
	next := old
	next.wanted = sql.NullString{String: falseText, Valid: m.trait.class == Audience}
	if !next.wanted.Valid {
		next.wanted.String = ""
	}
	if next.wanted != old.wanted {
		next.wantedAt, next.orderedAt = m.at, sql.NullInt64{}
		next.origin = sql.NullInt64{Int64: -m.list.gen, Valid: true}
		next.receivedAt, next.messageID = sql.NullInt64{}, sql.NullString{}
	}
	next = next.moved()
	if next.status == statusPending {
		next.status = due
	}
	m.countMove(old, next)
	if !next.wanted.Valid && old.wanted.Valid {
		m.countRun("cleared", 1)
	}
	return m.put(old, next)
}

// storeExits makes the exits due, or held.
func (m *merge) storeExits(held bool) error {
	due := statusPending
	if held {
		due = statusHeld
	}
	for c, err := range m.exits.Chunks(m.ranges) {
		if err != nil {
			return err
		}
		for len(c.Records) > 0 {
			n := min(joinChunk, len(c.Records))
			if err := m.leave(c.Records[:n], due); err != nil {
				return err
			}
			c.Records = c.Records[n:]
		}
	}
	if !held {
		return nil
	}
	return m.hold(m.trait.id, Exits)
}

// leave is exit for many people, in one statement for members who were told so and
// whose rows are otherwise settled.
func (m *merge) leave(people []spill.Record, due status) error {
	if m.trait.class == Audience {
		ids := make([]int64, len(people))
		for i, r := range people {
			ids[i] = r.Number
		}
		n, err := m.endMemberships(m.trait, m.at, -m.list.gen, due, ids)
		if err != nil {
			return err
		}
		if int(n) == len(people) {
			return nil
		}
	}
	for _, r := range people {
		if err := m.exit(r.Number, due); err != nil {
			return err
		}
	}
	return nil
}
