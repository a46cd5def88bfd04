package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/impactsync/impactsync/state/internal/sqlite"
)

// resolve returns the profile that a person's changes belong to. It stores the
// person, follows an absorbed anonymous id to its user, and absorbs one that is seen
// with another user id than the last time.
func (t *tx) resolve(p Person, seenAt int64) (profile, error) {
	p, err := t.single(p)
	if err != nil {
		return profile{}, err
	}
	if p.UserID == "" {
		return t.ownerOrNew(p, seenAt)
	}
	prof, meets, err := t.user(p, seenAt)
	if err != nil || !meets {
		return prof, err
	}
	inherited, err := t.absorb(Person{AnonymousID: p.AnonymousID}, prof.id, seenAt, ofList)
	return prof, errors.Join(err, t.click(&prof, inherited))
}

// ownerOrNew returns the profile of a person who is seen by one id alone.
func (t *tx) ownerOrNew(p Person, seenAt int64) (profile, error) {
	prof, found, err := t.owner(p)
	if err == nil && !found {
		prof.seenAt = seenAt
		err = t.putProfile(prof)
	}
	return prof, err
}

// user stores a user, or somebody known by an address alone. It reports whether the
// user was last seen with another visitor, or with none.
func (t *tx) user(p Person, seenAt int64) (prof profile, meets bool, err error) {
	prof, found, err := t.owner(p)
	if err != nil {
		return prof, false, err
	}
	if !found {
		prof.seenAt = seenAt
		return prof, p.hasVisitor(), t.putProfile(prof)
	}
	meets = p.hasVisitor() && prof.person.AnonymousID != p.AnonymousID
	return prof, meets, t.refresh(&prof, p, seenAt)
}

// hasVisitor reports whether a user was seen with an anonymous id.
func (p Person) hasVisitor() bool { return p.UserID != "" && p.AnonymousID != "" }

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

// ofList stands for the event that said whose visitor somebody is, if it was a list.
// Such a visitor is not known to have been seen: see [tx.dropBare].
const ofList = math.MaxInt64

// absorb makes an anonymous profile part of a user's, and returns the click id that
// the user inherits. The newest wanted value wins, a delivered value becomes doubt, and
// nothing is ever sent under the anonymous id alone again. If the device was another
// user's, the events read before one stay theirs.
func (t *tx) absorb(anon Person, user, seenAt, event int64) (inherited click, err error) {
	old, found, err := t.find(anon)
	if err != nil || found && old.absorbed == user {
		return click{}, err
	}
	before := old.absorbed
	if old.absorbed = user; old.seenAt == 0 && event != ofList {
		old.seenAt = seenAt
	}
	if err := t.putProfile(old); err != nil {
		return click{}, err
	}
	if _, first := t.absorbed[old.id]; !first {
		t.absorbed[old.id] = user
	}
	t.joined[user] = true
	if before == 0 {
		if err := t.callHome(anon); err != nil {
			return click{}, err
		}
	}
	switch {
	case before != 0:
		return click{}, t.keepEvents(old.id, before, event)
	case !found:
		return click{}, nil
	}
	return old.click, errors.Join(t.movePassed(old.id, user), t.absorbTraits(old.id, user))
}

// follow replaces visitors who were absorbed by the users who have them. The visitors are
// sorted by number.
func (v *view) follow(visitors []member) error {
	numbers := make([]int64, len(visitors))
	for i := range visitors {
		numbers[i] = visitors[i].id
	}
	ids, err := json.Marshal(numbers)
	if err != nil {
		return err
	}
	var packed [2]sqlite.Packed // most visitors were not absorbed, so few profiles have to be read whole
	if err := v.Scan(`SELECT (SELECT pack(id, iif(user_id IS NULL, anonymous_id, NULL), absorbed_into) FROM profiles WHERE id IN (SELECT value FROM json_each(?1))),
		(SELECT pack(id, iif(user_id IS NULL, anonymous_id, NULL), NULL) FROM newcomers WHERE id IN (SELECT value FROM json_each(?1)))`, []any{string(ids)}, &packed[0], &packed[1]); err != nil {
		return err
	}
	people, newcomers := newCursor(packed[0], 3), newCursor(packed[1], 3)
	var others []*Person // who were absorbed, or whose number belongs to somebody else
	for i := range visitors {
		m := &visitors[i]
		for _, c := range [...]*cursor{&people, &newcomers} {
			if c.seek(m.id); c.at(m.id) && (c.values[1].Text != m.person.AnonymousID || c.values[2].Type != sqlite.Null) {
				others = append(others, &m.person)
				break
			}
		}
	}
	if people.damaged || newcomers.damaged {
		return fmt.Errorf("%w: the visitors on a list cannot be looked up", ErrUnusable)
	}
	return v.followAll(others)
}

// Follow replaces visitors who were absorbed by the users who have them.
func (d *DB) Follow(ctx context.Context, people []Person) error {
	return d.view(ctx, func(v *view) error {
		var visitors []*Person
		for i := range people {
			if p := &people[i]; p.UserID == "" && p.AnonymousID != "" {
				visitors = append(visitors, p)
			}
		}
		return v.followAll(visitors)
	})
}

func (v *view) followAll(visitors []*Person) error {
	if len(visitors) == 0 {
		return nil
	}
	numbers, known := make([]int64, len(visitors)), known{}
	for i, p := range visitors {
		numbers[i] = p.ProfileID()
		known[numbers[i]] = profile{}
	}
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
		if !to.doubt || !to.told() { // else what the user may have been told would be lost
			next.sent = from.mayHold()
		}
	}
	if from.status != statusSettled {
		t.countRun("absorbed", 1)
	}
	if err := t.deleteTraitRow(from); err != nil {
		return err
	}
	if from.trait.elsewhere && from.delivered.Valid {
		if err := t.goneOf(from); err != nil {
			return err
		}
	}
	next = next.moved()
	if next.status == statusPending {
		next = next.heldAs(&to, &from)
	}
	t.countMove(to, next)
	if err := t.put(to, next); err != nil {
		return err
	}
	if from.isWanted() && next.isWanted() && !to.isWanted() {
		t.countRenamed(from.trait.id)
	}
	return nil
}

// mayHold returns the value that impact.com may hold of a row.
func (r *traitRow) mayHold() sql.NullString {
	switch {
	case r.trait.class == Audience && r.told():
		return sql.NullString{String: trueText, Valid: true}
	case r.sent.Valid:
		return r.sent
	}
	return r.delivered
}

// heldAs returns the row held if one of those that it comes from is: who a row belongs to
// is no verdict. If that one is of the same direction, it stays held for the same reason,
// until that is approved; else it is judged anew.
func (r traitRow) heldAs(from ...*traitRow) traitRow {
	for _, old := range from {
		if old.status != statusHeld {
			continue
		}
		r.status = statusHeld
		if old.isExit() == r.isExit() {
			r.fault = old.fault
			break
		}
	}
	return r
}
