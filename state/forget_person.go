package state

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Forget removes the person with this user id, anonymous id or SHA-1 of an
// address: the profile, every id it is known by, its trait values, deliveries and
// attempts, and the ids from other rows. It returns how many rows were removed.
// What impact.com holds of the person stays there; the bytes stay in the file's
// free pages until [DB.Compact].
//
// If the file was opened with a hash key, keyed hashes of the ids stay, and
// nothing of the person is taken in again until [DB.Readmit]; then a person who
// is not known is no error. It may run beside a run of another process.
//
// An id that is nobody's is looked for among the orders and messages of guests,
// who have none.
//
// It reads all profiles once. The SHA-1 of an address removes everybody who is
// known by it: that reads the content of everything that is due, too, while a run
// beside it waits to write.
func (d *DB) Forget(ctx context.Context, id string) (removed int64, err error) {
	return removed, d.update(ctx, func(t *tx) error {
		if err := t.checkHashKey(); err != nil {
			return err
		}
		f := newForgetting(t)
		for _, p := range named(id) {
			if err := f.everybody(p); err != nil {
				return err
			}
		}
		if f.removed == 0 {
			guests, err := guestsWith(t, id)
			if err != nil {
				return err
			}
			if f.removed, err = t.removeAll(guests); err != nil {
				return err
			}
		}
		if f.removed == 0 && len(d.hashKey) == 0 {
			return fmt.Errorf("%w: nobody with this id in the state", ErrNotFound)
		}
		removed = f.removed
		return f.finish()
	})
}

// forgetting removes people in one transaction and gathers their ids.
type forgetting struct {
	*tx
	ids     map[string]string // every id of the forgotten, with the one they were named by
	asked   int64             // people, under whatever ids
	removed int64             // rows
}

func newForgetting(t *tx) *forgetting { return &forgetting{tx: t, ids: map[string]string{}} }

// names reports whether somebody has an id of a person who was forgotten.
func (f *forgetting) names(p Person) bool {
	if f == nil {
		return false
	}
	for _, id := range [...]string{p.UserID, p.AnonymousID, p.EmailSHA1} {
		if _, named := f.ids[id]; named && id != "" {
			return true
		}
	}
	return false
}

// everybody forgets the person and, if named by an address, whoever is known by it.
func (f *forgetting) everybody(p Person) error {
	if err := f.person(p); err != nil || p.UserID != "" || p.AnonymousID != "" {
		return err
	}
	people, err := knownBy(f, p.EmailSHA1)
	if err != nil {
		return err
	}
	for _, prof := range people {
		if err := f.remove(prof, p.EmailSHA1); err != nil {
			return err
		}
	}
	return nil
}

// person forgets whom a key belongs to.
func (f *forgetting) person(p Person) error {
	prof, _, err := f.owner(p)
	if err != nil {
		return err
	}
	_, name := p.kindAndKey()
	if _, known := f.ids[name]; !known {
		f.asked++
	}
	f.ids[name] = name
	if err := f.goneFrom(nil, p.keyOnly()); err != nil { // of whom only a table may know
		return err
	}
	return f.remove(prof, name)
}

func (f *forgetting) remove(prof profile, name string) error {
	s, err := f.tracesOf(prof)
	if err != nil {
		return err
	}
	for _, id := range s.ids {
		f.ids[id] = name
	}
	n, err := f.removeAll(s.numbers)
	f.removed += n
	return err
}

// finish takes the ids out of rows that belong to nobody or to others, and bars
// them if there is a hash key. It reads all profiles once.
func (f *forgetting) finish() error {
	delete(f.ids, "")
	if len(f.ids) == 0 {
		return nil
	}
	text, err := json.Marshal(slices.Collect(maps.Keys(f.ids)))
	if err != nil {
		return err
	}
	for _, remove := range []func(string) error{f.forgetDevices, f.forgetWarnings, f.redactRejected} {
		if err := remove(string(text)); err != nil {
			return err
		}
	}
	f.countRun("people_forgotten", f.asked)
	return f.bar(f.ids)
}

// traces are the numbers and ids under which one person is stored.
type traces struct {
	numbers []int64
	ids     []string
}

// tracesOf returns the traces of a profile, of the visitors that it absorbed, and
// of what is stored under its other ids alone.
func (t *tx) tracesOf(prof profile) (*traces, error) {
	s := &traces{}
	return s, s.add(t, prof)
}

func (s *traces) add(t *tx, prof profile) error {
	if slices.Contains(s.numbers, prof.id) {
		return nil
	}
	// A visitor's events may be from before they were absorbed.
	visitors, err := collect(t, selectProfiles+`absorbed_into = ?`, []any{prof.id}, (*profile).dest)
	if err != nil {
		return err
	}
	for _, p := range append(visitors, prof) {
		_, key := p.person.kindAndKey()
		s.numbers, s.ids = append(s.numbers, p.id), append(s.ids, key)
	}
	if prof.person.UserID == "" {
		return nil
	}
	for _, rider := range []Person{{AnonymousID: prof.person.AnonymousID}, {EmailSHA1: prof.person.EmailSHA1}} {
		if rider.IsZero() {
			continue
		}
		of, _, err := t.find(rider)
		if err == nil && of.absorbed == 0 { // else it is another user's by now, or one of the visitors
			err = s.add(t, of)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// removeAll removes everything that is stored under some profiles' numbers, and
// returns how many rows that were.
func (t *tx) removeAll(numbers []int64) (removed int64, err error) {
	for _, number := range numbers {
		for _, remove := range []func(int64) (int64, error){t.deletePerson, t.deleteEvents, t.deleteAttempts} {
			n, err := remove(number)
			if err != nil {
				return removed, err
			}
			removed += n
		}
	}
	return removed, nil
}
