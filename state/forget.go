package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
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
			if err := f.guests(id); err != nil {
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
	done    map[int64]bool
	ids     map[string]string    // every id of the forgotten, with the one they were named by
	visit   func(id int64) error // what is done with each profile
	asked   int64                // people, under whatever ids
	removed int64
}

func newForgetting(t *tx) *forgetting {
	f := &forgetting{tx: t, done: map[int64]bool{}, ids: map[string]string{}}
	f.visit = f.rows
	return f
}

// everybody forgets the person and, by an address alone, whoever is known by it.
func (f *forgetting) everybody(p Person) error {
	if err := f.person(p); err != nil || p.UserID != "" || p.AnonymousID != "" {
		return err
	}
	people, err := knownBy(f, p.EmailSHA1)
	if err != nil {
		return err
	}
	for _, prof := range people {
		if err := f.profile(prof, p.EmailSHA1); err != nil {
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
	return f.profile(prof, name)
}

// profile forgets one profile, the anonymous ids that it absorbed, and what is
// stored under its riders alone.
func (f *forgetting) profile(prof profile, name string) error {
	if f.done[prof.id] {
		return nil
	}
	f.done[prof.id] = true
	if err := f.riders(prof, name); err != nil {
		return err
	}
	var aliases []profile
	err := f.Each(`SELECT id, anonymous_id FROM profiles WHERE absorbed_into = ?`, []any{prof.id}, func(rows *sql.Rows) error {
		var a profile
		err := rows.Scan(&a.id, &a.person.AnonymousID)
		aliases = append(aliases, a)
		return err
	})
	if err != nil {
		return err
	}
	for _, a := range aliases {
		f.ids[a.person.AnonymousID] = name
		if err := f.visit(a.id); err != nil { // events from before it was absorbed
			return err
		}
	}
	_, key := prof.person.kindAndKey()
	f.ids[key] = name
	return f.visit(prof.id)
}

// riders takes a user's anonymous id and hashed address along, unless they
// are another's by now.
func (f *forgetting) riders(prof profile, name string) error {
	p := prof.person
	if p.UserID == "" {
		return nil
	}
	for _, rider := range []Person{{AnonymousID: p.AnonymousID}, {EmailSHA1: p.EmailSHA1}} {
		if rider.IsZero() {
			continue
		}
		of, _, err := f.find(rider)
		if err != nil {
			return err
		}
		if of.absorbed != 0 && of.absorbed != prof.id {
			continue
		}
		_, key := rider.kindAndKey()
		f.ids[key] = name
		if of.absorbed == 0 {
			if err := f.profile(of, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// rows removes everything under one profile's number.
func (f *forgetting) rows(id int64) error {
	for _, remove := range []func(int64) (int64, error){f.deletePerson, f.deleteEvents, f.deleteAttempts} {
		n, err := remove(id)
		if err != nil {
			return err
		}
		f.removed += n
	}
	return nil
}

// finish takes the ids out of what belongs to nobody or to others, and bars
// them where there is a key. It reads all profiles once.
func (f *forgetting) finish() error {
	ids := make([]string, 0, len(f.ids))
	for id := range f.ids {
		if id != "" {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	text, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	// Of a device that two users share, the other one's row may name it still.
	if err := f.forgetDevices(string(text)); err != nil {
		return err
	}
	for _, q := range []string{
		// impact.com's remarks may quote what was sent.
		`DELETE FROM warnings WHERE EXISTS (SELECT 1 FROM json_each(?1) j WHERE instr(message || ' ' || field, j.value) > 0)`,
		`UPDATE rejected SET reason = 'removed with a forgotten person' WHERE EXISTS (SELECT 1 FROM json_each(?1) j WHERE instr(reason, j.value) > 0)`,
	} {
		if _, err := f.Exec(q, string(text)); err != nil {
			return err
		}
	}
	f.countRun("people_forgotten", f.asked)
	return f.bar(f.ids)
}
