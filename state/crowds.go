package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// A crowd is an id that cannot belong to one person. A placeholder that no list of
// words contains would turn thousands of people into one, all with the click id of
// one of them. Only its merging is held; its events go on, each under the visitor's
// own id.

// MostVisitors is how many anonymous ids one person may have, and how many
// messages of one run, where they are more than [CrowdShare] of all.
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

// loadCrowds fills the cache of crowds.
func (t *tx) loadCrowds() error {
	if t.d.crowds != nil {
		return nil
	}
	t.d.crowds = map[int64]bool{}
	return t.Each(`SELECT profile_id FROM crowds`, nil, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		t.d.crowds[id] = true
		return err
	})
}

// crowdIn reports whether a person's user id is a crowd's, and whether the
// anonymous id is.
func (t *tx) crowdIn(p Person) (user, visitor bool, err error) {
	if err := t.loadCrowds(); err != nil || len(t.d.crowds) == 0 {
		return false, false, err
	}
	for _, one := range [...]struct {
		person Person
		is     *bool
	}{{Person{UserID: p.UserID}, &user}, {Person{AnonymousID: p.AnonymousID}, &visitor}} {
		if one.person.IsZero() {
			continue
		}
		prof, _, err := t.find(one.person)
		if err != nil {
			return false, false, err
		}
		*one.is = t.d.crowds[prof.id]
	}
	return user, visitor, nil
}

// single returns a person without the ids by which people would be merged into a
// crowd, or a crowd into somebody: where the user id is a crowd's, that id alone.
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

// apart returns the person whom an event belongs to: the visitor, where the user
// id is a crowd's. The crowd's id is removed from the event, because impact.com
// joins people by it.
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
	var crowds []int64
	err = t.Each(tooMany, []any{string(users), MostVisitors}, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		crowds = append(crowds, id)
		return err
	})
	for i := 0; i < len(crowds) && err == nil; i++ {
		var prof profile
		if prof, _, err = t.byID(crowds[i]); err == nil {
			err = t.holdCrowd(prof, Crowd{Visitors: MostVisitors + 1})
		}
	}
	return err
}

// holdCrowd takes a crowd apart and keeps it so.
func (t *tx) holdCrowd(prof profile, c Crowd) error {
	kind, key := prof.person.kindAndKey()
	if kind == 'e' || t.d.trusted != nil && t.d.trusted(key) {
		return nil
	}
	if err := t.loadCrowds(); err != nil || t.d.crowds[prof.id] {
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
	t.d.crowds[prof.id] = true
	t.countRun("crowds", 1)
	return t.split(prof)
}

// split gives what several people share under one id back to each: a user's
// visitors are their own again, with the events that were not sent yet, and no
// click id stays where several people had it.
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
	var events []event
	err := t.Each(`SELECT id, payload ->> '$.anonymousId' FROM deliveries WHERE profile_id = ? AND status > 0 AND payload ->> '$.anonymousId' <> ''`, []any{prof.id}, func(rows *sql.Rows) error {
		var e event
		err := rows.Scan(&e.id, &e.visitor)
		events = append(events, e)
		return err
	})
	if err != nil {
		return err
	}
	for _, e := range events {
		visitor, _, err := t.owner(Person{AnonymousID: e.visitor})
		if err != nil {
			return err
		}
		if err := t.giveEventBack(e.id, visitor.id); err != nil {
			return err
		}
	}
	return nil
}

// splitVisitor parts a visitor from the user that it was merged into, whose
// click id may be anybody's.
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

// HoldCrowds holds the merging of people who had too many of a run's messages,
// but for trusted ones. Each person has one id.
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

// Crowds lists the ids whose merging is held, the latest first.
func (d *DB) Crowds(ctx context.Context) ([]Crowd, error) {
	return read(ctx, d, (*view).crowds)
}

func (v *view) crowds() ([]Crowd, error) {
	return collect(v, `SELECT id, kind, visitors, messages, of_messages, found_at FROM crowds ORDER BY found_at DESC, id LIMIT 100`, nil,
		func(c *Crowd) []any {
			return []any{&c.ID, &c.Kind, &c.Visitors, &c.Messages, &c.Of, moment{&c.FoundAt}}
		})
}
