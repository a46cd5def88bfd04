package state

import "database/sql/driver"

// applying applies what commits of logs have only appended: the index of events by
// person, and the sightings of people. Each table is gone through once, in the order
// of its keys.
type applying struct {
	*tx
	taken map[string]int64 // people whose number is somebody else's, by key; once in a lifetime
	first int64            // the id of the first sighting
	meets []byte           // from the first sighting on, 1: of a user with another visitor than the last one

	of   int64          // the user whose sightings are gone through
	with map[int64]bool // this user's visitors so far

	inherited []sighting // clicks of visitors that users get, not stored yet
}

// unapplied is how many events and sightings wait, and how many events there are.
type unapplied struct{ rows, events int64 }

const selectUnapplied = `SELECT max(coalesce((SELECT max(id) FROM deliveries), 0) - events_applied, 0) + coalesce((SELECT max(id) FROM sightings), 0), events_applied FROM store`

// unapplied returns what waits to be applied.
func (t *tx) unapplied() (*unapplied, error) {
	if t.d.unapplied == nil {
		u := &unapplied{}
		if _, err := t.Get(selectUnapplied, nil, &u.rows, &u.events); err != nil {
			return nil, err
		}
		t.d.unapplied = u
	}
	return t.d.unapplied, nil
}

// Rows wait for each other until they are as many as the events that are there, so that
// all of them together change each page a few times only, however many there are. The
// upper bound is one of memory and of the write-ahead log.
const (
	fewestUnapplied = 50_000
	mostUnapplied   = 2_000_000
)

// full reports whether it is time to apply them.
func (u *unapplied) full() bool {
	return u.rows >= min(max(fewestUnapplied, u.events), mostUnapplied)
}

// applyLogs applies everything that waits. Whoever needs to know people or their events
// as they are calls it first; every transaction but those of logs begins with it. It
// takes 3 us a row.
func (t *tx) applyLogs() error {
	u, err := t.unapplied()
	if err != nil || u.rows == 0 {
		return err
	}
	s := &applying{tx: t, taken: map[string]int64{}, with: map[int64]bool{}}
	for _, step := range []func() error{t.indexEvents, s.begin, s.users, s.visitors, s.addInherited, s.clicks, s.judge, t.dropSightings} {
		if err := step(); err != nil {
			return err
		}
	}
	t.d.unapplied = nil
	return nil
}

func (s *applying) begin() error {
	var last int64
	if _, err := s.Get(`SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM sightings`, nil, &s.first, &last); err != nil {
		return err
	}
	s.meets = make([]byte, last-s.first+1)
	return nil
}

// users stores the users, and those known by an address alone.
func (s *applying) users() error {
	return s.each(`profile_id IS NOT NULL ORDER BY profile_id, id`, nil, ofUser, func(g *sighting) error {
		p, err := s.single(g.person)
		if err != nil {
			return err
		}
		prof, meets, err := s.user(p, g.at)
		if err != nil {
			return err
		}
		if prof.id != g.profile {
			s.taken[g.person.key()] = prof.id
		}
		s.meets[g.id-s.first] = byte(one(meets))
		if s.throng(g) {
			return s.holdCrowd(prof, Crowd{Visitors: MostVisitors + 1})
		}
		if err := s.refresh(&prof, p, g.mailed); err != nil {
			return err
		}
		p.EmailSHA1 = ""
		return s.refresh(&prof, p, g.until)
	})
}

// throng reports whether a user has more visitors in the sightings alone than one
// person has. It is given all sightings of a user one after the other.
func (s *applying) throng(g *sighting) bool {
	if g.profile != s.of {
		s.of = g.profile
		clear(s.with)
	}
	if g.visitor == 0 || len(s.with) > MostVisitors {
		return false
	}
	s.with[g.visitor] = true
	return len(s.with) > MostVisitors
}

// ofVisitors selects the sightings that say something new of a visitor.
const ofVisitors = `visitor_id IS NOT NULL AND (user_id IS NULL OR click_id IS NOT NULL OR substr(?1, 1 + id - ?2, 1) = x'01') ORDER BY visitor_id, id`

// visitors stores the visitors, and merges them into their users.
func (s *applying) visitors() error {
	return s.each(ofVisitors, []any{s.meets, s.first}, ofVisitor, func(g *sighting) error {
		visitor := Person{AnonymousID: g.person.AnonymousID}
		crowdUser, crowdVisitor, err := s.crowdIn(g.person)
		switch {
		case err != nil || crowdVisitor:
			return err
		case crowdUser || g.person.UserID == "":
			return s.visit(visitor, g)
		case s.meets[g.id-s.first] == 1:
			inherited, err := s.absorb(visitor, s.numberOf(g), g.at, g.event)
			if err == nil {
				err = s.bequeath(s.numberOf(g), inherited)
			}
			if err != nil {
				return err
			}
		}
		return s.ownClick(visitor, g.click)
	})
}

// judge looks at the users whom visitors were merged into. What comes later knows of
// these merges, so they need not be remembered.
func (s *applying) judge() error {
	clear(s.absorbed)
	return s.judgeJoined()
}

// visit stores the click of a visitor who was seen without a user id.
func (s *applying) visit(visitor Person, g *sighting) error {
	if g.click.id == "" {
		return nil
	}
	prof, found, err := s.find(visitor)
	switch {
	case err != nil:
		return err
	case prof.absorbed != 0:
		return s.bequeath(prof.absorbed, g.click)
	case !found:
		prof.seenAt = g.at
		if err := s.putProfile(prof); err != nil {
			return err
		}
	}
	return s.click(&prof, g.click)
}

// bequeath lets a user have the click of a visitor, in the time between the user's own.
func (s *applying) bequeath(user int64, c click) error {
	if c.id == "" {
		return nil
	}
	s.inherited = append(s.inherited, sighting{profile: user, at: c.at, until: c.at, click: c})
	if len(s.inherited) < sightingRows {
		return nil
	}
	return s.addInherited()
}

// addInherited stores the clicks that users get.
func (s *applying) addInherited() error {
	some := s.inherited
	s.inherited = s.inherited[:0]
	if len(some) == 0 {
		return nil
	}
	return s.addSightings(some...)
}

// clicks stores the clicks of users and of those known by an address alone, by time.
func (s *applying) clicks() error {
	return s.each(`profile_id IS NOT NULL AND click_id IS NOT NULL ORDER BY profile_id, seen_at, id`, nil, ofUser, func(g *sighting) error {
		prof, found, err := s.byID(s.numberOf(g))
		if err != nil || !found {
			return err
		}
		return s.click(&prof, g.click)
	})
}

// numberOf returns the number of the profile of a sighting's user.
func (s *applying) numberOf(g *sighting) int64 {
	if len(s.taken) > 0 && !g.person.IsZero() {
		if id, ok := s.taken[g.person.key()]; ok {
			return id
		}
	}
	return g.profile
}

func ofUser(g *sighting) int64 { return g.profile }

func ofVisitor(g *sighting) int64 { return g.visitor }

// sightingChunk is how many people are looked up at a time.
const sightingChunk = 5_000

// each calls fn for the sightings of a selection, in its order, which needs to be
// sorted for: then fn may add sightings. The profiles of their numbers are looked up
// many at a time, and one that changes several times in a row is written once.
func (s *applying) each(which string, args []any, number func(*sighting) int64, fn func(*sighting) error) error {
	some := make([]sighting, 0, sightingChunk)
	return s.Chunks(selectSightings+which, args, sightingChunk, func(rows [][]driver.Value) error {
		some = some[:0]
		for _, row := range rows {
			some = append(some, sightingOf(row))
		}
		clear(s.d.profiles) // of numbers that were passed
		err := s.lookUp(func(yield func(int64) bool) {
			for i := range some {
				if !yield(number(&some[i])) {
					return
				}
			}
		})
		s.defers = true
		for i := 0; i < len(some) && err == nil; i++ {
			err = fn(&some[i])
		}
		if s.defers = false; err == nil {
			err = s.writeDeferred()
		}
		if err != nil || len(s.joined) < sightingChunk {
			return err
		}
		return s.judge()
	})
}
