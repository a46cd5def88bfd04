package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// Forget removes a person: the profile, every id it is known by, its trait
// values, deliveries and attempts, and the ids from other rows. It gives how
// many rows went. What impact.com holds of the person stays there; the bytes
// stay in the file's free pages until [DB.Compact].
//
// Where the file was opened with a hash key, keyed hashes of the ids stay, and
// nothing of the person is taken in again until [DB.Readmit]; then a person who
// is not known is no error. It may run beside a run of another process.
func (d *DB) Forget(ctx context.Context, p Person) (removed int64, err error) {
	return removed, d.update(ctx, func(t *tx) error {
		if err := errors.Join(t.loadTraits(), t.checkHashKey()); err != nil {
			return err
		}
		f := newForgetting(t)
		if err := f.everybody(p); err != nil {
			return err
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
	ids     map[string]string // every id of the forgotten, with the one they were named by
	removed int64
}

func newForgetting(t *tx) *forgetting {
	return &forgetting{tx: t, done: map[int64]bool{}, ids: map[string]string{}}
}

// everybody forgets the person, and whoever is a user with this hashed address.
func (f *forgetting) everybody(p Person) error {
	if err := f.person(p); err != nil || p.UserID != "" || p.AnonymousID != "" {
		return err
	}
	var users []int64
	err := f.each(`SELECT id FROM profiles WHERE email_sha1 = ?`, []any{p.EmailSHA1}, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		users = append(users, id)
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range users {
		prof, found, err := f.byID(id)
		if err != nil {
			return err
		}
		if found {
			if err := f.profile(prof, p.EmailSHA1); err != nil {
				return err
			}
		}
	}
	return nil
}

// person forgets whom a key belongs to.
func (f *forgetting) person(p Person) error {
	prof, _, err := f.find(p)
	if err != nil {
		return err
	}
	if prof.absorbed != 0 {
		if prof, _, err = f.byID(prof.absorbed); err != nil {
			return err
		}
	}
	_, name := p.kindAndKey()
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
	err := f.each(`SELECT id, anonymous_id FROM profiles WHERE absorbed_into = ?`, []any{prof.id}, func(rows *sql.Rows) error {
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
		if err := f.rows(a.id); err != nil { // events from before it was absorbed
			return err
		}
	}
	_, key := prof.person.kindAndKey()
	f.ids[key] = name
	return f.rows(prof.id)
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
	f.d.profiles.clear()
	for _, tr := range f.d.traits {
		r, err := f.traitRow(tr, id)
		if err != nil {
			return err
		}
		if !r.exists {
			continue
		}
		f.countRun("forgotten", one(r.status != statusSettled))
		if err := f.deleteTraitRow(r); err != nil {
			return err
		}
		f.removed++
	}
	n, err := f.dropEvents(id)
	f.removed += n
	if err != nil {
		return err
	}
	for _, q := range []string{`DELETE FROM attempts WHERE profile_id = ?`, `DELETE FROM guard_passed WHERE profile_id = ?`, `DELETE FROM profiles WHERE id = ?`} {
		n, err := f.exec(q, id)
		if err != nil {
			return err
		}
		f.removed += n
	}
	return nil
}

// dropEvents removes a profile's events, delivered or not.
func (t *tx) dropEvents(id int64) (removed int64, err error) {
	for kind, scope := range map[Kind]int64{PageLoad: scopePageLoads, Conversion: scopeConversions} {
		for status := statusSettled; status <= statusHeld; status++ {
			n, err := t.exec(`DELETE FROM deliveries WHERE profile_id = ? AND kind = ? AND status = ?`, id, kind, status)
			if err != nil {
				return removed, err
			}
			if status != statusSettled {
				t.countRun("forgotten", n)
			}
			t.count(scope, statusNames[status], -n)
			removed += n
		}
	}
	return removed, nil
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
	for _, q := range []string{
		// Of a device that two users share, the other one's row may name it still.
		`UPDATE profiles SET anonymous_id = NULL WHERE user_id IS NOT NULL AND anonymous_id IN (SELECT value FROM json_each(?1))`,
		// impact.com's remarks may quote what was sent.
		`DELETE FROM warnings WHERE EXISTS (SELECT 1 FROM json_each(?1) j WHERE instr(message || ' ' || field, j.value) > 0)`,
		`UPDATE rejected SET reason = 'removed with a forgotten person' WHERE EXISTS (SELECT 1 FROM json_each(?1) j WHERE instr(reason, j.value) > 0)`,
	} {
		if _, err := f.exec(q, string(text)); err != nil {
			return err
		}
	}
	f.d.profiles.clear()
	f.countRun("people_forgotten", 1)
	return f.bar(f.ids)
}

// forgotten reports whether a claim's person was forgotten while the answer
// was awaited: nothing of it may be written.
func (t *tx) forgotten(c *Claim) (bool, error) {
	var there bool
	if c.Kind != TraitUpdate {
		_, err := t.get(`SELECT 1 FROM deliveries WHERE id = ? AND status = 2 AND attempt = ?`, []any{c.Delivery, c.Attempt}, &there)
		return !there, err
	}
	_, err := t.get(`SELECT 1 FROM profiles WHERE id = ?`, []any{c.Profile}, &there)
	return !there, err
}

// Suppress takes people out of the queue whose messages Segment blocks from
// now on: their events go, and so does all else that is known of them. But
// where sendFalse is set, an audience that impact.com may hold as true is kept
// until it was told false, once. It gives how many are kept for that. At most
// some thousands at a time, after the inputs are read and before anything is
// claimed: who is on the list is taken out again in each run.
func (d *DB) Suppress(ctx context.Context, people []Person, sendFalse bool) (waiting int64, err error) {
	return waiting, d.update(ctx, func(t *tx) error {
		waiting = 0
		if err := t.loadTraits(); err != nil {
			return err
		}
		f := newForgetting(t)
		for _, p := range people {
			kept, err := f.suppress(p, sendFalse)
			if err != nil {
				return err
			}
			waiting += one(kept)
		}
		return nil
	})
}

func (f *forgetting) suppress(p Person, sendFalse bool) (kept bool, err error) {
	prof, found, err := f.find(p)
	if err != nil {
		return false, err
	}
	if found && sendFalse && prof.absorbed == 0 {
		if kept, err = f.lastFalse(prof.id); err != nil || kept {
			return kept, err
		}
	}
	_, name := p.kindAndKey()
	return false, f.profile(prof, name)
}

// lastFalse makes false wanted of all that may be held as true, and removes
// the rest. It gives false where nothing is left to say.
func (f *forgetting) lastFalse(id int64) (kept bool, err error) {
	for _, tr := range f.d.traits {
		old, err := f.traitRow(tr, id)
		if err != nil {
			return false, err
		}
		if !old.exists {
			continue
		}
		if tr.class != Audience || !old.told() {
			f.countRun("forgotten", one(old.status != statusSettled))
			if err := f.deleteTraitRow(old); err != nil {
				return false, err
			}
			continue
		}
		kept = true
		if old.wanted.String == falseText && old.status != statusHeld {
			continue
		}
		next := old
		next.wanted, next.wantedAt, next.orderedAt = sql.NullString{String: falseText, Valid: true}, f.now, sql.NullInt64{}
		next.origin, next.receivedAt, next.messageID = sql.NullInt64{}, sql.NullInt64{}, sql.NullString{}
		next = next.moved()
		f.countMove(old, next)
		if err := f.put(old, next); err != nil {
			return false, err
		}
	}
	if !kept {
		return false, nil
	}
	_, err = f.dropEvents(id)
	return true, err
}
