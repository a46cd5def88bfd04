package state

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
)

// tooMany selects the users of a list who have more than ?2 visitors.
const tooMany = `SELECT value FROM json_each(?1) AS u WHERE (SELECT count(*) FROM (SELECT 1 FROM profiles WHERE absorbed_into = u.value LIMIT ?2 + 1)) > ?2`

// judgeJoined looks at the users that visitors were merged into by this transaction.
func (t *tx) judgeJoined() error {
	if len(t.joined) == 0 {
		return nil
	}
	users := slices.Sorted(maps.Keys(t.joined))
	clear(t.joined)
	var crowds []int64
	for some := range slices.Chunk(users, sightingChunk) {
		list, err := json.Marshal(some)
		if err != nil {
			return err
		}
		found, err := collect(t, tooMany, []any{string(list), MostVisitors}, itself[int64])
		if err != nil {
			return err
		}
		crowds = append(crowds, found...)
	}
	for _, id := range crowds {
		prof, _, err := t.byID(id)
		if err == nil {
			err = t.holdCrowd(prof, Crowd{Visitors: MostVisitors + 1})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// holdCrowd takes a crowd apart, and nothing is merged into it from now on.
func (t *tx) holdCrowd(prof profile, c Crowd) error {
	kind, key := prof.person.kindAndKey()
	if kind == 'e' || t.d.trusted != nil && t.d.trusted(key) {
		return nil
	}
	if known, err := t.crowd(prof.id); err != nil || known {
		return err
	}
	if c.Kind = "user_id"; kind == 'a' {
		c.Kind = "anonymous_id"
	}
	c.ID = key
	if err := t.addCrowd(prof.id, c); err != nil {
		return err
	}
	return t.split(prof)
}

// split separates people who were stored as one. A user's visitors become people
// of their own again, with their events that were not sent yet, and a click id that
// several people shared is removed.
func (t *tx) split(prof profile) error {
	if prof.person.UserID == "" {
		return t.splitVisitor(prof)
	}
	if err := t.partVisitors(prof.id); err != nil {
		return err
	}
	prof.person, prof.click = prof.person.keyOnly(), click{}
	if err := t.putProfile(prof); err != nil {
		return err
	}
	type event struct {
		id      int64
		visitor string
	}
	events, err := collect(t, `SELECT id, payload ->> '$.anonymousId' FROM deliveries WHERE id IN (SELECT delivery_id FROM events_by_person WHERE profile_id = ?) AND status > 0 AND payload ->> '$.anonymousId' <> ''`, []any{prof.id},
		func(e *event) []any { return []any{&e.id, &e.visitor} })
	if err != nil {
		return err
	}
	for _, e := range events {
		visitor, _, err := t.owner(Person{AnonymousID: e.visitor})
		if err == nil {
			err = t.giveEventBack(e.id, visitor.id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// splitVisitor separates a visitor from the user that it was merged into. The
// user's click id may be anybody's, so it is removed.
func (t *tx) splitVisitor(prof profile) error {
	id := prof.absorbed
	prof.absorbed, prof.click = 0, click{}
	if err := t.putProfile(prof); err != nil || id == 0 {
		return err
	}
	user, _, err := t.byID(id)
	if err != nil {
		return err
	}
	if user.click = (click{}); user.person.AnonymousID == prof.person.AnonymousID {
		user.person.AnonymousID = ""
	}
	if err := t.putProfile(user); err != nil {
		return err
	}
	return t.giveEventsBack(user.id, prof.id, prof.person.AnonymousID)
}

// HoldCrowds stops the merging of people who had too many of a run's messages,
// except for trusted ones. Each person has one id.
func (d *DB) HoldCrowds(ctx context.Context, found map[Person]int64, of int64) error {
	if len(found) == 0 {
		return nil
	}
	return d.update(ctx, func(t *tx) error {
		for p, n := range found {
			prof, _, err := t.find(p)
			if err == nil {
				err = t.holdCrowd(prof, Crowd{Messages: n, Of: of})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
