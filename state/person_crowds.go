package state

import (
	"context"
	"errors"
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
func (t *tx) apart(it *Item) (Person, error) {
	p := it.Person
	user, visitor, err := t.crowdIn(p)
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
		_, err = t.Get(`SELECT json_remove(CAST(? AS TEXT), ?)`, []any{it.Event.Payload, path}, &it.Event.Payload)
	}
	return p, err
}

// addCrowd stores a crowd.
func (t *tx) addCrowd(profile int64, c Crowd) error {
	_, err := t.Exec(`INSERT INTO crowds (profile_id, id, kind, visitors, messages, of_messages, found_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		profile, c.ID, c.Kind, c.Visitors, c.Messages, c.Of, t.now)
	t.crowds[profile] = true
	t.countRun("crowds", 1)
	return err
}

// releaseCrowds forgets those crowds of which the rules now say what they are.
func (t *tx) releaseCrowds(rules PeopleRules) error {
	type crowd struct {
		profile int64
		id      string
	}
	all, err := collect(t, `SELECT profile_id, id FROM crowds`, nil, func(c *crowd) []any { return []any{&c.profile, &c.id} })
	if err != nil {
		return err
	}
	for _, c := range all {
		if !rules.Trusted(c.id) && rules.Usable(c.id) {
			continue
		}
		if _, err := t.Exec(`DELETE FROM crowds WHERE profile_id = ?`, c.profile); err != nil {
			return err
		}
	}
	t.crowds = nil
	return nil
}

// Crowds returns the ids whose merging is held, the latest first.
func (d *DB) Crowds(ctx context.Context) ([]Crowd, error) {
	return readApplied(ctx, d, (*view).crowds)
}

func (v *view) crowds() ([]Crowd, error) {
	return collect(v, `SELECT id, kind, visitors, messages, of_messages, found_at FROM crowds ORDER BY found_at DESC, id LIMIT 100`, nil,
		func(c *Crowd) []any {
			return []any{&c.ID, &c.Kind, &c.Visitors, &c.Messages, &c.Of, moment{&c.FoundAt}}
		})
}
