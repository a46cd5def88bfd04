package state

import (
	"database/sql"
	"errors"
)

// PeopleRules say which ids are people's.
type PeopleRules struct {
	Fingerprint string               // of the rules; "" where there are none
	Usable      func(id string) bool // whether an id can be one person's
	Trusted     func(id string) bool // whether it is, whatever speaks against it
}

// keepPeople brings the people who are known in line with today's rules. Where
// these are not those of the last time it reads all profiles.
//
// Under an id that is nobody's, older versions made one person of many, and gave
// each of them the last click id of all. These are taken apart: visitors are
// themselves again, with their events; click ids and trait values that nobody can
// say whose they are go, and so does the person.
func (t *tx) keepPeople(rules PeopleRules) error {
	t.d.trusted = rules.Trusted
	if rules.Fingerprint == "" {
		return nil
	}
	var have string
	if _, err := t.Get(`SELECT placeholders FROM store`, nil, &have); err != nil || have == rules.Fingerprint {
		return err
	}
	if err := errors.Join(t.releaseCrowds(rules), t.removeNobodies(rules), t.findCrowds()); err != nil {
		return err
	}
	_, err := t.Exec(`UPDATE store SET placeholders = ?`, rules.Fingerprint)
	return err
}

// releaseCrowds lets go of crowds of which the rules tell by now what they are.
func (t *tx) releaseCrowds(rules PeopleRules) error {
	var known []int64
	err := t.Each(`SELECT profile_id, id FROM crowds`, nil, func(rows *sql.Rows) error {
		var profile int64
		var id string
		err := rows.Scan(&profile, &id)
		if rules.Trusted(id) || !rules.Usable(id) {
			known = append(known, profile)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, profile := range known {
		if _, err := t.Exec(`DELETE FROM crowds WHERE profile_id = ?`, profile); err != nil {
			return err
		}
	}
	t.d.crowds = nil
	return nil
}

func (t *tx) removeNobodies(rules PeopleRules) error {
	usable := func(id string) string {
		if rules.Usable(id) {
			return id
		}
		return ""
	}
	mended := func(p Person) Person { return Person{usable(p.UserID), usable(p.AnonymousID), usable(p.EmailSHA1)} }
	var wrong []int64
	for p, err := range each(t, selectProfiles+`id >= 0`, nil, (*profile).dest) {
		if err != nil {
			return err
		}
		if mended(p.person) != p.person {
			wrong = append(wrong, p.id)
		}
	}
	for _, id := range wrong {
		p, _, err := t.byID(id)
		if err != nil {
			return err
		}
		if next := mended(p.person); next.sameKey(p.person) {
			p.person = next
			err = t.putProfile(p)
		} else {
			t.countRun("nobody_removed", 1)
			err = t.removeNobody(p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// removeNobody takes a person apart who is none. Events without another id stay
// where they are, without a click id that is not their own.
func (t *tx) removeNobody(p profile) error {
	if err := t.split(p); err != nil {
		return err
	}
	_, err := t.deletePerson(p.id)
	return err
}

// findCrowds looks for crowds of before anybody looked for them.
func (t *tx) findCrowds() error {
	err := t.Each(`SELECT absorbed_into FROM profiles WHERE absorbed_into IS NOT NULL GROUP BY absorbed_into HAVING count(*) > ?`, []any{MostVisitors}, func(rows *sql.Rows) error {
		var user int64
		err := rows.Scan(&user)
		t.joined[user] = true
		return err
	})
	if err != nil {
		return err
	}
	return t.judgeJoined()
}
