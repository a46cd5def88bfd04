package state

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
)

// The tables profiles and newcomers. Every statement that writes them stands here, and
// keeps the profiles in memory as the tables have them. A person is in one of them: in
// newcomers, which is small, if only lists have named them so far. Numbers are hashes, so
// a list's new people would change nearly every page of profiles. The view people has
// both tables' rows.

const (
	// joinPerson joins a row (v) with the profile (p) of its person, or with the newcomer (n).
	joinPerson = `LEFT JOIN profiles p ON p.id = v.profile_id LEFT JOIN newcomers n ON n.id = v.profile_id`
	personIDs  = `coalesce(p.user_id, n.user_id, ''), coalesce(p.anonymous_id, n.anonymous_id, ''), coalesce(p.email_sha1, n.email_sha1, '')`
)

type profile struct {
	id       int64
	person   Person
	click    click
	seenAt   int64
	absorbed int64 // the user's profile, or 0
	newcomer bool
}

const selectProfiles = `SELECT id, coalesce(user_id, ''), coalesce(anonymous_id, ''), coalesce(email_sha1, ''),
	coalesce(click_id, ''), coalesce(click_at, 0), click_sure, coalesce(seen_at, 0), coalesce(absorbed_into, 0), newcomer FROM people WHERE `

func (p *profile) dest() []any {
	return []any{&p.id, &p.person.UserID, &p.person.AnonymousID, &p.person.EmailSHA1, &p.click.id, &p.click.at, &p.click.sure, &p.seenAt, &p.absorbed, &p.newcomer}
}

// known remembers profiles by number as they stand in the file, the open
// transaction included, so that a visitor's hundredth message does not look them
// up again. A profile without a number says that there is none.
type known map[int64]profile

// mostKnown bounds the profiles in memory: about 4 MiB.
const mostKnown = 16_384

func (k known) put(id int64, p profile) {
	if len(k) >= mostKnown {
		clear(k)
	}
	k[id] = p
}

// byID looks a profile up by number.
func (t *tx) byID(id int64) (prof profile, found bool, err error) {
	prof, known := t.d.profiles[id]
	if !known {
		if err := t.writeDeferred(); err != nil {
			return prof, false, err
		}
		if _, err = t.Get(selectProfiles+`id = ?`, []any{id}, prof.dest()...); err != nil {
			return prof, false, err
		}
		t.d.profiles.put(id, prof)
	}
	return prof, prof.id != 0, nil
}

func (v *view) byID(id int64) (prof profile, found bool, err error) {
	found, err = v.Get(selectProfiles+`id = ?`, []any{id}, prof.dest()...)
	return prof, found, err
}

// nextID is where a profile goes whose number is taken by somebody else: the
// next one, where only the low 31 bits move.
func nextID(id int64) int64 { return id&^0x7fffffff | (id+1)&0x7fffffff }

type finder func(id int64) (prof profile, found bool, err error)

// find looks a person up by key. Found or not, id is the number to use.
func (byID finder) find(p Person) (prof profile, found bool, err error) {
	for id := p.ProfileID(); ; id = nextID(id) {
		if prof, found, err = byID(id); err != nil {
			return prof, false, err
		}
		if !found {
			return profile{id: id, person: p}, false, nil
		}
		if p.sameKey(prof.person) {
			return prof, true, nil
		}
	}
}

// owner looks a person up by key and follows a visitor to the user who absorbed
// them.
func (byID finder) owner(p Person) (prof profile, found bool, err error) {
	prof, found, err = byID.find(p)
	if err != nil || prof.absorbed == 0 {
		return prof, found, err
	}
	if prof, found, err = byID(prof.absorbed); err == nil && !found {
		err = fmt.Errorf("%w: the user that an anonymous id belongs to", ErrNotFound)
	}
	return prof, found, err
}

func (t *tx) find(p Person) (profile, bool, error)  { return finder(t.byID).find(p) }
func (t *tx) owner(p Person) (profile, bool, error) { return finder(t.byID).owner(p) }

// numbersOf ranges over the numbers of people, and of their visitors.
func numbersOf(people iter.Seq[Person]) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for p := range people {
			if !yield(p.ProfileID()) || p.hasVisitor() && !yield(Person{AnonymousID: p.AnonymousID}.ProfileID()) {
				return
			}
		}
	}
}

// lookUp looks up profiles by their numbers at once, in the order of the table,
// which takes 1 us a profile instead of 5 to 8.
func (t *tx) lookUp(numbers iter.Seq[int64]) error {
	var wanted []int64
	for id := range numbers {
		if _, ok := t.d.profiles[id]; !ok {
			wanted = append(wanted, id)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	slices.Sort(wanted)
	ids, err := json.Marshal(slices.Compact(wanted))
	if err != nil {
		return err
	}
	for _, id := range wanted {
		t.d.profiles.put(id, profile{})
	}
	const some = 1000
	return t.Chunks(selectProfiles+`id IN (SELECT value FROM json_each(?))`, []any{string(ids)}, min(some, len(wanted)), func(rows [][]driver.Value) error {
		for _, row := range rows {
			prof := profile{
				id: numberIn(row[0]), person: Person{UserID: textIn(row[1]), AnonymousID: textIn(row[2]), EmailSHA1: textIn(row[3])},
				click:  click{id: textIn(row[4]), at: numberIn(row[5]), sure: boolIn(row[6])},
				seenAt: numberIn(row[7]), absorbed: numberIn(row[8]), newcomer: numberIn(row[9]) != 0,
			}
			t.d.profiles.put(prof.id, prof)
		}
		return nil
	})
}

// putProfile stores a profile, new or not. It is no newcomer from then on.
func (t *tx) putProfile(p profile) error {
	if p.newcomer {
		p.newcomer = false
		if _, err := t.Exec(`DELETE FROM newcomers WHERE id = ?`, p.id); err != nil {
			return err
		}
	}
	t.d.profiles.put(p.id, p)
	if !t.defers {
		return t.writeProfile(&p)
	}
	if t.deferred.id != p.id {
		if err := t.writeDeferred(); err != nil {
			return err
		}
	}
	t.deferred = p
	return nil
}

// writeDeferred writes the profile that putProfile has deferred, if any. Whatever else
// looks at profiles while it does so calls this first.
func (t *tx) writeDeferred() error {
	p := t.deferred
	if t.deferred = (profile{}); p.id == 0 {
		return nil
	}
	return t.writeProfile(&p)
}

func (t *tx) writeProfile(p *profile) error {
	var clickAt any
	if p.click.id != "" {
		clickAt = p.click.at
	}
	return t.Put(`INSERT INTO profiles (id, user_id, anonymous_id, email_sha1, click_id, click_at, click_sure, seen_at, absorbed_into) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET (anonymous_id, email_sha1, click_id, click_at, click_sure, seen_at, absorbed_into)
			= (excluded.anonymous_id, excluded.email_sha1, excluded.click_id, excluded.click_at, excluded.click_sure, excluded.seen_at, excluded.absorbed_into)`,
		p.id, null(p.person.UserID), null(p.person.AnonymousID), null(p.person.EmailSHA1), null(p.click.id), clickAt, p.click.sure, number(p.seenAt), number(p.absorbed))
}

// addProfiles stores people by their keys alone, but for those whose number is
// taken, and returns how many. They are newcomers, unless settled says that there are none.
func (t *tx) addProfiles(people []member, settled bool) (int64, error) {
	args := make([]any, 0, 4*len(people))
	for i := range people {
		key := people[i].person.keyOnly()
		args = append(args, people[i].id, null(key.UserID), null(key.AnonymousID), null(key.EmailSHA1))
		delete(t.d.profiles, people[i].id)
	}
	const row = "(?, ?, ?, ?)"
	if settled {
		return t.Exec(valuesOf("INSERT OR IGNORE INTO profiles (id, user_id, anonymous_id, email_sha1) VALUES ", row, len(people)), args...)
	}
	return t.Exec(valuesOf("INSERT OR IGNORE INTO newcomers (id, user_id, anonymous_id, email_sha1) SELECT * FROM (VALUES ", row, len(people))+") WHERE NOT EXISTS (SELECT 1 FROM profiles WHERE id = column1)", args...)
}

// settleNewcomers moves all newcomers to the other people, in the order of the table, if
// with so many more they would be more than an eighth of the others. It reports whether
// that is so.
func (t *tx) settleNewcomers(more int64) (settled bool, err error) {
	const (
		share = 8
		part  = 256 // of all numbers, in which people are counted: they are spread evenly
	)
	if t.d.file.Rehearsal() {
		return false, nil // that would be written nevertheless
	}
	var people, newcomers int64
	_, err = t.Get(`SELECT (SELECT count(*) FROM profiles WHERE id < ?1), (SELECT count(*) FROM newcomers WHERE id < ?1)`, []any{math.MaxInt64 / part}, &people, &newcomers)
	if err != nil || (newcomers+more/part)*share <= people {
		return false, err
	}
	clear(t.d.profiles)
	_, err = t.Exec(`INSERT OR IGNORE INTO profiles (id, user_id, anonymous_id, email_sha1) SELECT id, user_id, anonymous_id, email_sha1 FROM newcomers ORDER BY id`)
	if err == nil {
		_, err = t.Exec(`DELETE FROM newcomers`)
	}
	return true, err
}

// partVisitors makes all visitors of a user people of their own again.
func (t *tx) partVisitors(user int64) error {
	if err := t.writeDeferred(); err != nil {
		return err
	}
	clear(t.d.profiles)
	_, err := t.Exec(`UPDATE profiles SET absorbed_into = NULL WHERE absorbed_into = ?`, user)
	return err
}

// forgetDevices removes anonymous ids, given as JSON, from the rows of other users
// who shared a device.
func (t *tx) forgetDevices(anonymousIDs string) error {
	clear(t.d.profiles)
	_, err := t.Exec(`UPDATE profiles SET anonymous_id = NULL WHERE user_id IS NOT NULL AND anonymous_id IN (SELECT value FROM json_each(?1))`, anonymousIDs)
	return err
}

// deletePerson removes everything that is stored under a profile's number, except
// for its events and attempts, and returns how many rows that were.
func (t *tx) deletePerson(id int64) (removed int64, err error) {
	if err := t.goneEverywhere(id); err != nil {
		return 0, err
	}
	rows, err := t.rowsOf(id)
	if err != nil {
		return 0, err
	}
	for i := range rows {
		t.countRun("forgotten", one(rows[i].status != statusSettled))
		if err := t.deleteTraitRow(rows[i]); err != nil {
			return 0, err
		}
	}
	removed = int64(len(rows))
	for _, table := range []string{"guard_passed WHERE profile_id", "suppressions WHERE profile_id", "crowds WHERE profile_id", "profiles WHERE id", "newcomers WHERE id"} {
		n, err := t.Exec(`DELETE FROM `+table+` = ?`, id)
		if err != nil {
			return 0, err
		}
		removed += n
	}
	t.d.profiles.put(id, profile{})
	delete(t.crowds, id)
	maps.DeleteFunc(t.absorbed, func(visitor, user int64) bool { return visitor == id || user == id })
	return removed, nil
}
