package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"time"
)

// resolve returns the profile that a person's changes and events belong to. It
// stores the person, follows an absorbed anonymous id to its user, and absorbs
// one that is seen with a user id for the first time.
func (t *tx) resolve(p Person, seenAt int64) (profile, error) {
	p, err := t.single(p)
	if err != nil {
		return profile{}, err
	}
	prof, found, err := t.owner(p)
	if err == nil && !found {
		prof.seenAt = seenAt
		err = t.putProfile(prof)
	}
	if err != nil {
		return prof, err
	}
	if p.UserID != "" && p.AnonymousID != "" && (!found || prof.person.AnonymousID != p.AnonymousID) {
		if err := t.absorb(Person{AnonymousID: p.AnonymousID}, prof.id, seenAt); err != nil {
			return prof, err
		}
		// It may have got a click id or a trait.
		if prof, _, err = t.byID(prof.id); err != nil {
			return prof, err
		}
	}
	return prof, t.refresh(&prof, p, seenAt)
}

// refresh keeps the latest anonymous id and hashed e-mail of a user. Their
// change alone makes nothing due.
func (t *tx) refresh(prof *profile, p Person, seenAt int64) error {
	if prof.person.UserID == "" || p.UserID == "" || seenAt < prof.seenAt {
		return nil
	}
	next := prof.person
	if p.AnonymousID != "" {
		next.AnonymousID = p.AnonymousID
	}
	if p.EmailSHA1 != "" {
		next.EmailSHA1 = p.EmailSHA1
	}
	// The time alone is not worth a write for each message: a day is near enough for pruning.
	if next == prof.person && seenAt-prof.seenAt < int64(24*time.Hour) {
		return nil
	}
	prof.person, prof.seenAt = next, seenAt
	return t.putProfile(*prof)
}

// absorb makes an anonymous profile part of a user's. The newest wanted value wins, a
// delivered value becomes doubt, open events become the user's, and nothing is ever
// sent under the anonymous id alone again.
func (t *tx) absorb(anon Person, user, seenAt int64) error {
	old, found, err := t.find(anon)
	if err != nil {
		return err
	}
	if found && old.absorbed == user {
		return nil
	}
	before := old.absorbed
	if old.absorbed = user; !found {
		old.seenAt = seenAt
	}
	if err := t.putProfile(old); err != nil {
		return err
	}
	if _, first := t.absorbed[old.id]; !first {
		t.absorbed[old.id] = user
	}
	t.joined[user] = true
	if before != 0 {
		return nil // everything went to another user
	}
	// A visitor may have page loads without having a row of their own.
	if err := t.moveOpenEvents(old.id, user); err != nil || !found {
		return err
	}
	to, _, err := t.byID(user)
	if err != nil {
		return err
	}
	if err := errors.Join(t.click(&to, old.click), t.movePassed(old.id, user)); err != nil {
		return err
	}
	return t.absorbTraits(old.id, user)
}

// follow makes visitors who were absorbed the users who have them. It looks visitors
// up a thousand at a time, in the order of the table.
func (d *DB) follow(ctx context.Context, visitors iter.Seq[*Person]) error {
	for some := range slices.Chunk(slices.Collect(visitors), 1000) {
		if err := d.view(ctx, func(v *view) error { return v.follow(some) }); err != nil {
			return err
		}
	}
	return nil
}

func (v *view) follow(visitors []*Person) error {
	numbers, known := make([]int64, len(visitors)), known{}
	for i, p := range visitors {
		numbers[i] = p.ProfileID()
		known[numbers[i]] = profile{}
	}
	slices.Sort(numbers)
	ids, err := json.Marshal(numbers)
	if err != nil {
		return err
	}
	for prof, err := range each(v, selectProfiles+`id IN (SELECT value FROM json_each(?))`, []any{string(ids)}, (*profile).dest) {
		if err != nil {
			return err
		}
		known[prof.id] = prof
	}
	byID := finder(func(id int64) (profile, bool, error) {
		if prof, ok := known[id]; ok {
			return prof, prof.id != 0, nil
		}
		return v.byID(id)
	})
	for _, p := range visitors {
		user, found, err := byID.owner(*p)
		if err != nil {
			return err
		}
		if found && user.person.UserID != "" {
			*p = user.person
		}
	}
	return nil
}

func (t *tx) absorbTraits(anon, user int64) error {
	rows, err := t.rowsOf(anon)
	if err != nil {
		return err
	}
	for _, from := range rows {
		if err := t.absorbTrait(from, user); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) absorbTrait(from traitRow, user int64) error {
	to, err := t.traitRow(from.trait, user)
	if err != nil {
		return err
	}
	next := to
	if !to.exists || from.prevails(&to) {
		next.wanted, next.wantedAt, next.orderedAt, next.origin = from.wanted, from.wantedAt, from.orderedAt, from.origin
		next.receivedAt, next.messageID = from.receivedAt, from.messageID
	}
	if from.delivered.Valid || from.doubt {
		// impact.com may know this person by the anonymous id; say the value once under the user id.
		next.doubt = true
		next.sent = cmpNull(from.sent, from.delivered)
	}
	if from.status != statusSettled {
		t.countRun("absorbed", 1)
	}
	if err := t.deleteTraitRow(from); err != nil {
		return err
	}
	next = next.moved()
	if next.status == statusPending && (to.status == statusHeld || from.status == statusHeld) {
		next.status = statusHeld // who a row belongs to is no verdict
	}
	t.countMove(to, next)
	return t.put(to, next)
}

func cmpNull(a, b sql.NullString) sql.NullString {
	if a.Valid {
		return a
	}
	return b
}
