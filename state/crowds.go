package state

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"
)

// A crowd is an id that cannot belong to one person. A placeholder that is on no
// list of words would turn thousands of people into one, all with the click id of
// one of them. Nothing is merged into a crowd; its events are still sent, each under
// the visitor's own id.

// MostVisitors is how many anonymous ids one person may have. It is also how many
// messages of one run they may have, if these are more than [CrowdShare] of all.
const MostVisitors = 1000

// CrowdShare is the share of a run's messages that is too much for one person.
const CrowdShare = 0.01

// Crowd is an id with more visitors or messages than one person has.
type Crowd struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"` // user_id or anonymous_id
	Visitors int64     `json:"visitors,omitempty"`
	Messages int64     `json:"messages,omitempty"`
	Of       int64     `json:"of_messages,omitempty"`
	FoundAt  time.Time `json:"found_at"`
}

// crowd reports whether a profile is a crowd's.
func (t *tx) crowd(profile int64) (bool, error) {
	if t.crowds == nil {
		all, err := collect(t, `SELECT profile_id FROM crowds`, nil, itself[int64])
		if err != nil {
			return false, err
		}
		t.crowds = map[int64]bool{}
		for _, id := range all {
			t.crowds[id] = true
		}
	}
	return t.crowds[profile], nil
}

// crowdIn reports whether a person's user id is a crowd's, and whether the
// anonymous id is.
func (t *tx) crowdIn(p Person) (user, visitor bool, err error) {
	if _, err := t.crowd(0); err != nil || len(t.crowds) == 0 {
		return false, false, err
	}
	of := func(p Person) bool {
		prof, _, failed := t.find(p)
		err = errors.Join(err, failed)
		return t.crowds[prof.id]
	}
	user = p.UserID != "" && of(Person{UserID: p.UserID})
	visitor = p.AnonymousID != "" && of(Person{AnonymousID: p.AnonymousID})
	return user, visitor, err
}

// single returns a person without the ids by which people would be merged into a
// crowd, or a crowd into somebody. If the user id is a crowd's, only that id is left.
func (t *tx) single(p Person) (Person, error) {
	user, visitor, err := t.crowdIn(p)
	switch {
	case user:
		return Person{UserID: p.UserID}, err
	case visitor && p.UserID != "":
		p.AnonymousID = ""
	}
	return p, err
}

// apart returns the person whom an event belongs to: the visitor, if the user id is
// a crowd's. It removes the crowd's id from the event, because impact.com joins
// people by it.
func (s *storing) apart(it *Item) (Person, error) {
	p := it.Person
	user, visitor, err := s.crowdIn(p)
	if err != nil || p.UserID == "" || p.AnonymousID == "" || !user && !visitor {
		return p, err
	}
	path := "$.anonymousId"
	if user && !visitor {
		p.UserID, path = "", "$.userId"
	} else {
		p.AnonymousID = ""
	}
	if it.Event != nil {
		_, err = s.Get(`SELECT json_remove(CAST(? AS TEXT), ?)`, []any{it.Event.Payload, path}, &it.Event.Payload)
	}
	return p, err
}

// tooMany selects the users of a list who have more than ?2 visitors.
const tooMany = `SELECT value FROM json_each(?1) AS u WHERE (SELECT count(*) FROM (SELECT 1 FROM profiles WHERE absorbed_into = u.value LIMIT ?2 + 1)) > ?2`

// judgeJoined looks at the users that visitors were merged into by this transaction.
func (t *tx) judgeJoined() error {
	if len(t.joined) == 0 {
		return nil
	}
	users, err := json.Marshal(slices.Collect(maps.Keys(t.joined)))
	if err != nil {
		return err
	}
	crowds, err := collect(t, tooMany, []any{string(users), MostVisitors}, itself[int64])
	if err != nil {
		return err
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
	_, err := t.Exec(`INSERT INTO crowds (profile_id, id, kind, visitors, messages, of_messages, found_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		prof.id, key, c.Kind, c.Visitors, c.Messages, c.Of, t.now)
	if err != nil {
		return err
	}
	t.crowds[prof.id] = true
	t.countRun("crowds", 1)
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
	events, err := collect(t, `SELECT id, payload ->> '$.anonymousId' FROM deliveries WHERE profile_id = ? AND status > 0 AND payload ->> '$.anonymousId' <> ''`, []any{prof.id},
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

// Crowds returns the ids whose merging is held, the latest first.
func (d *DB) Crowds(ctx context.Context) ([]Crowd, error) {
	return read(ctx, d, (*view).crowds)
}

func (v *view) crowds() ([]Crowd, error) {
	return collect(v, `SELECT id, kind, visitors, messages, of_messages, found_at FROM crowds ORDER BY found_at DESC, id LIMIT 100`, nil,
		func(c *Crowd) []any {
			return []any{&c.ID, &c.Kind, &c.Visitors, &c.Messages, &c.Of, moment{&c.FoundAt}}
		})
}
