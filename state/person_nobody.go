package state

import "errors"

// PeopleRules say which ids are people's.
type PeopleRules struct {
	Fingerprint string               // of the rules; "" where there are none
	Usable      func(id string) bool // whether an id can be one person's
	Trusted     func(id string) bool // whether it is, whatever speaks against it
}

// keepPeople brings the people who are known in line with today's rules. If these
// are not the rules of the last time, it reads all profiles.
//
// Older versions made one person of all who had an id that is nobody's, and gave
// each of them the last click id of all. Those are taken apart: visitors become
// people of their own again, with their events; click ids and trait values that
// cannot be told apart are removed, and so is the person.
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

// removeNobodies takes people apart whose id is nobody's, and such ids from others.
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

// removeNobody removes a person who is not one. Events without another id stay
// where they are, and lose a click id that is not their own.
func (t *tx) removeNobody(p profile) error {
	if err := t.split(p); err != nil {
		return err
	}
	_, err := t.deletePerson(p.id)
	return err
}

// findCrowds finds crowds that were merged before anybody looked for them.
func (t *tx) findCrowds() error {
	users, err := collect(t, `SELECT absorbed_into FROM profiles WHERE absorbed_into IS NOT NULL GROUP BY absorbed_into HAVING count(*) > ?`, []any{MostVisitors}, itself[int64])
	if err != nil {
		return err
	}
	for _, user := range users {
		t.joined[user] = true
	}
	return t.judgeJoined()
}
