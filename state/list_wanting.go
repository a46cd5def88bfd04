package state

import (
	"database/sql"

	"github.com/impactsync/impactsync/state/internal/spill"
)

// wanting stores what a list wants of a trait's people.
type wanting struct {
	*tx
	trait   *trait
	at      int64 // when it was listed
	gen     int64
	verdict Verdict
	settled bool         // nobody is a newcomer, and nobody becomes one
	joins   []member     // wait to be stored together
	waiting int          // bytes of their values
	exits   *spill.Spill // people told true who are not on it
	// outranked reports whether another line of the list counts for somebody.
	outranked func(of profile, line *member) (bool, error)
}

// storedAtOnce is how many people one statement of a merge stores. In a rehearsal, where
// all goes through one connection, each statement has to wait for what is being read.
const storedAtOnce = 200

// valuesAtOnce is how many bytes of values wait to be stored, about.
const valuesAtOnce = 1 << 20

// join handles a member without a row of the trait. Such members are stored many at
// a time, unless their profiles must be looked up.
func (w *wanting) join(mem *member) error {
	if mem.cleared || w.joined[mem.id] { // no row to be due; a visitor's row may have come over
		return w.alone(mem)
	}
	w.joins = append(w.joins, *mem)
	if w.waiting += len(mem.value); len(w.joins) < storedAtOnce && w.waiting < valuesAtOnce {
		return nil
	}
	return w.storeJoins()
}

// storeJoins stores the members who wait, and their profiles if they are new.
func (w *wanting) storeJoins() error {
	wait := w.joins
	w.joins, w.waiting = wait[:0], 0
	if len(wait) == 0 {
		return nil
	}
	fresh, err := w.addProfiles(wait, w.settled)
	if err == nil && int(fresh) < len(wait) {
		wait, err = w.ownNumbers(wait)
	}
	if err != nil || len(wait) == 0 {
		return err
	}
	w.verdict.Joins += int64(len(wait))
	return w.addMembers(w.trait, w.at, -w.gen, wait)
}

// ownNumbers returns the members whose profiles have the numbers made from their
// keys. It stores the others itself: somebody else has the number, or the visitor is
// a user by now.
func (w *wanting) ownNumbers(wait []member) (own []member, err error) {
	err = w.lookUp(numbersOf(peopleOn(wait)))
	for i := range wait {
		if err != nil {
			return nil, err
		}
		var prof profile
		var found bool
		if prof, found, err = w.find(wait[i].person); err != nil {
			return nil, err
		}
		if found && prof.id == wait[i].id && prof.absorbed == 0 {
			own = append(own, wait[i])
			continue
		}
		err = w.alone(&wait[i])
	}
	return own, err
}

// origin returns the list as the origin of a row.
func (w *wanting) origin() sql.NullInt64 { return sql.NullInt64{Int64: -w.gen, Valid: true} }

// alone handles a member whose profile must be looked up: somebody else has the
// number, or a visitor has become a user. See [member.rank].
func (w *wanting) alone(mem *member) error {
	prof, err := w.resolve(mem.person, w.at)
	if err != nil {
		return err
	}
	if passed, err := w.outranked(prof, mem); err != nil || passed {
		return err
	}
	old, err := w.traitRow(w.trait, prof.id)
	if err != nil {
		return err
	}
	return w.want(old, mem)
}

// keeps reports whether a newer message prevails over the list.
func (w *wanting) keeps(at int64) bool {
	return at > w.at && w.trait.authority == AuthorityLatest
}

// want stores what the list says of a member.
func (w *wanting) want(old traitRow, mem *member) error {
	wanted := mem.wanted()
	if old.exists && (w.keeps(old.order()) || old.wanted == wanted) || !old.exists && mem.cleared {
		w.verdict.Unchanged++
		return nil
	}
	next := old.saying(wanted, w.at, w.origin()).moved()
	w.verdict.Joins++
	w.countMove(old, next)
	if mem.cleared {
		w.countRun("cleared", 1)
	}
	return w.put(old, next)
}

// exit stores that somebody is no member. A row that becomes due gets the given
// status.
func (w *wanting) exit(id int64, due status) error {
	old, err := w.traitRow(w.trait, id)
	if err != nil || !old.exists {
		return err
	}
	if old.status == statusRefused && !old.isWanted() {
		return nil // the false itself was refused: the same again would be, too
	}
	next := old
	wanted := sql.NullString{}
	if w.trait.class == Audience {
		wanted = sql.NullString{String: falseText, Valid: true}
	}
	if wanted != old.wanted {
		next = old.saying(wanted, w.at, w.origin())
	}
	next = next.moved()
	if next.status == statusPending {
		next.status = due
	}
	w.countMove(old, next)
	if !next.wanted.Valid && old.wanted.Valid {
		w.countRun("cleared", 1)
	}
	return w.put(old, next)
}

// storeExits makes the exits due, or held.
func (w *wanting) storeExits() error {
	due, held := statusPending, w.verdict.exits != ""
	if held {
		due = statusHeld
	}
	wait := make([]int64, 0, storedAtOnce)
	for c, err := range w.exits.Chunks(rangesOf(w.exits.Len(), w.exits.Size())) {
		if err != nil {
			return err
		}
		for _, r := range c.Records {
			if wait = append(wait, r.Number); len(wait) < storedAtOnce {
				continue
			}
			if err := w.leave(wait, due); err != nil {
				return err
			}
			wait = wait[:0]
		}
	}
	if err := w.leave(wait, due); err != nil {
		return err
	}
	if !held {
		return nil
	}
	return w.hold(w.trait.id, Exits)
}

// leave stores that people are no members: in one statement if all were told that
// they are, and their rows are settled.
func (w *wanting) leave(people []int64, due status) error {
	if w.trait.class == Audience && len(people) > 0 {
		n, err := w.endMemberships(w.trait, w.at, -w.gen, due, people)
		if err != nil {
			return err
		}
		if int(n) == len(people) {
			return nil
		}
	}
	for _, id := range people {
		if err := w.exit(id, due); err != nil {
			return err
		}
	}
	return nil
}
