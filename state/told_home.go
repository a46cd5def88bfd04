package state

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"
)

// BringHome stores rows of a table elsewhere as settled, or adds what was delivered to
// rows that are here. Rows of a visitor who was absorbed become the user's, whose own
// rows must come first or be here.
func (d *DB) BringHome(ctx context.Context, rows []Told) error {
	if len(rows) == 0 {
		return nil
	}
	return d.update(ctx, func(t *tx) error {
		if err := t.lookUp(numbersOf(toldPeople(rows))); err != nil {
			return err
		}
		barred := d.barred.Load()
		for i := range rows {
			r := &rows[i]
			tr := t.d.traits[r.Trait]
			if tr == nil || !tr.elsewhere {
				continue
			}
			if out, _ := barred.filter(&r.Person); out {
				continue // the table forgets them, too
			}
			if err := t.bringHome(tr, r); err != nil {
				return err
			}
		}
		return nil
	})
}

func toldPeople(rows []Told) func(func(Person) bool) {
	return func(yield func(Person) bool) {
		for i := range rows {
			if !yield(rows[i].Person) {
				return
			}
		}
	}
}

func (t *tx) bringHome(tr *trait, r *Told) error {
	at := unix(r.At)
	prof, err := t.atHome(r.Person, at)
	if err != nil {
		return err
	}
	if r.Differs {
		if _, err := t.Exec(`INSERT OR IGNORE INTO told_differs (trait_id, profile_id) VALUES (?, ?)`, tr.id, prof.id); err != nil {
			return err
		}
	}
	old, err := t.traitRow(tr, prof.id)
	if err != nil || old.exists && old.delivered.Valid {
		return err // it is here already
	}
	if err := t.comesHome(old, r.Value, at); err != nil || prof.absorbed == 0 {
		return err
	}
	row, err := t.traitRow(tr, prof.id)
	if err != nil {
		return err
	}
	return t.absorbTrait(row, prof.absorbed)
}

// atHome returns the profile of a row's key, and stores what is new of it: what rides
// along, too. The rows of a user differ in that, as each has what was known when it was
// written.
func (t *tx) atHome(p Person, at int64) (profile, error) {
	prof, found, err := t.find(p.keyOnly())
	if err != nil || found && !p.hasVisitor() {
		return prof, err
	}
	var crowd bool // takes no visitors
	if _, err := t.Get(`SELECT EXISTS (SELECT 1 FROM crowds WHERE profile_id = ?)`, []any{prof.id}, &crowd); err != nil || crowd {
		return prof, err
	}
	is := p.keyOnly()
	is.AnonymousID, is.EmailSHA1 = cmp.Or(prof.person.AnonymousID, p.AnonymousID), cmp.Or(prof.person.EmailSHA1, p.EmailSHA1)
	if !found || is != prof.person {
		prof.person, prof.seenAt = is, cmp.Or(prof.seenAt, at)
		if err := t.putProfile(prof); err != nil {
			return prof, err
		}
	}
	if !p.hasVisitor() {
		return prof, nil
	}
	visitor, found, err := t.find(Person{AnonymousID: p.AnonymousID})
	if err != nil || found {
		return prof, err
	}
	visitor.absorbed = prof.id
	return prof, t.putProfile(visitor)
}

// comesHome stores a value that was delivered.
func (t *tx) comesHome(old traitRow, text string, at int64) error {
	value := sql.NullString{String: text, Valid: true}
	tr, next := old.trait, old
	next.delivered, next.deliveredAt = value, sql.NullInt64{}
	told := one(next.isDelivered())
	if !old.exists {
		next.wanted, next.wantedAt = value, at
		t.countAway(tr, -told, -1)
		_, err := t.Exec(insertSettled, next.settledArgs()...)
		return err
	}
	// It stands here with what is wanted, and there with what was delivered: one of them
	// is counted too much.
	t.countAway(tr, -told, -1)
	for _, name := range []string{"wanted", "delivered", "told"} {
		t.count(tr.id, name, -told)
	}
	t.count(tr.id, statusNames[statusSettled], -1)
	if !old.isWanted() && next.isDelivered() { // of a visitor who was absorbed: see [traitRow.prevails]
		next.wanted, next.wantedAt = value, at
	}
	if !next.due() || old.status == statusSettled {
		next = next.moved()
	}
	t.countMove(old, next)
	return t.put(old, next)
}

// BeginDifference forgets how the last list of a trait differed.
func (d *DB) BeginDifference(ctx context.Context, key string) error {
	return d.update(ctx, func(t *tx) error {
		tr, err := t.traitByKey(key)
		if err == nil {
			_, err = t.Exec(`DELETE FROM told_differs WHERE trait_id = ?`, tr.id)
		}
		return err
	})
}

// toldAtOnce is how many people are read at a time.
const toldAtOnce = 8192

// AddImplied adds to a list of a trait elsewhere the people who are on it although they
// do not differ from it: everybody here who was told a value, unless the table's row
// differs. In a rehearsal, values that were not written yet say nothing of the list: see
// [DB.ToWrite]. It calls seen with each of them.
func (l *List) AddImplied(ctx context.Context, written bool, seen func(Person)) error {
	type implied struct {
		profile
		value sql.NullString
	}
	var last int64 = -1
	for {
		some, err := read(ctx, l.d, func(v *view) ([]implied, error) {
			return collect(v, `SELECT v.profile_id, `+personIDs+`, v.delivered
				FROM traits t CROSS JOIN trait_rows v ON v.trait_id = t.id `+joinPerson+`
				WHERE t.key = ?1 AND v.profile_id > ?2 AND v.delivered IS NOT NULL AND (t.class = 'computed' OR v.delivered = 1) AND (NOT ?3 OR v.delivered_at IS NULL)
					AND NOT EXISTS (SELECT 1 FROM told_differs d WHERE d.trait_id = v.trait_id AND d.profile_id = v.profile_id)
				ORDER BY v.profile_id LIMIT ?4`, []any{l.info.Trait.Key, last, written, toldAtOnce}, func(m *implied) []any {
				return []any{&m.id, &m.person.UserID, &m.person.AnonymousID, &m.person.EmailSHA1, value{&m.value}}
			})
		})
		if err != nil {
			return err
		}
		for i := range some {
			key := some[i].person.keyOnly()
			if err := l.Add(key, some[i].value.String, false); err != nil {
				return err
			}
			seen(key)
			last = some[i].id
		}
		if len(some) < toldAtOnce {
			return nil
		}
	}
}

// Unsure returns those on a list of a trait elsewhere whom the difference may not have
// compared under their key, and who have no row here: users whom visitors turned out to
// be, and people known by an address alone. Call it after [List.Flush].
func (l *List) Unsure(ctx context.Context) (people []Person, err error) {
	return people, l.d.update(ctx, func(t *tx) error {
		for _, p := range l.followed {
			prof, found, err := t.find(p)
			if err != nil {
				return err
			}
			var old traitRow
			if found {
				if old, err = t.traitRow(t.d.traits[l.info.Trait.Key], prof.id); err != nil {
					return err
				}
			}
			if !old.exists || !old.delivered.Valid {
				people = append(people, p)
			}
		}
		l.followed = nil
		return nil
	})
}

// Calls returns visitors who were absorbed by users since what the table has of them was
// last brought home, and the users.
func (d *DB) Calls(ctx context.Context, most int) (visitors, users []Person, err error) {
	return visitors, users, d.update(ctx, func(t *tx) error {
		ids, err := collect(t, `SELECT anonymous_id FROM told_calls LIMIT ?`, []any{most}, itself[string])
		for _, id := range ids {
			if err != nil {
				return err
			}
			visitors = append(visitors, Person{AnonymousID: id})
			var user profile
			if user, _, err = t.owner(Person{AnonymousID: id}); err == nil && user.person.UserID != "" {
				users = append(users, user.person.keyOnly())
			}
		}
		return err
	})
}

// Called records that everything the table had of some visitors is home.
func (d *DB) Called(ctx context.Context, visitors []Person) error {
	return d.update(ctx, func(t *tx) error {
		ids := make([]string, len(visitors))
		for i, p := range visitors {
			ids[i] = p.AnonymousID
		}
		slices.Sort(ids)
		_, err := t.Exec(`DELETE FROM told_calls WHERE anonymous_id IN (SELECT value FROM json_each(?))`, asJSON(ids))
		return err
	})
}

// callHome notes that what tables elsewhere have of a visitor is a user's now.
func (t *tx) callHome(visitor Person) error {
	if !t.d.anyElsewhere {
		return nil
	}
	_, err := t.Exec(`INSERT OR IGNORE INTO told_calls (anonymous_id) VALUES (?)`, visitor.AnonymousID)
	return err
}

// goneFrom notes that a person's row of a trait elsewhere is to be removed from its table;
// nil: that of every trait.
func (t *tx) goneFrom(tr *trait, p Person) error {
	if !t.d.anyElsewhere || p.IsZero() {
		return nil
	}
	id := int64(0)
	if tr != nil {
		id = tr.id
	}
	kind, key := p.kindAndKey()
	_, err := t.Exec(`INSERT OR IGNORE INTO told_gone (kind, id, trait_id) VALUES (?, ?, ?)`, keyKinds[kind], key, id)
	return err
}

// goneOf notes that a row's person is another one by now.
func (t *tx) goneOf(r traitRow) error {
	prof, found, err := t.byID(r.profile)
	if err != nil || !found {
		return err
	}
	return t.goneFrom(r.trait, prof.person)
}

// goneEverywhere notes that a person is to be removed from all tables.
func (t *tx) goneEverywhere(profile int64) error {
	if !t.d.anyElsewhere {
		return nil
	}
	prof, found, err := t.byID(profile)
	if err != nil || !found {
		return err
	}
	return t.goneFrom(nil, prof.person)
}

// keyKinds are the kinds of a person's key in tables.
var keyKinds = map[byte]string{'u': "user_id", 'a': "anonymous_id", 'e': "email_sha1"}

// unwritten has everything that was delivered of a trait written to its table again.
func (t *tx) unwritten(tr *trait) error {
	return t.setDelivered(tr, `delivered_at = coalesce(delivered_at, ?2)`, `delivered IS NOT NULL`, t.now/int64(time.Second))
}

// dated gives what was delivered of a trait a time where there is none.
func (t *tx) dated(tr *trait) error {
	return t.setDelivered(tr, `delivered_at = coalesce(wanted_at, (SELECT listed_at FROM generations WHERE id = -origin), ?2) / 1000000000`, `delivered IS NOT NULL AND delivered_at IS NULL`, t.now)
}

func (t *tx) setDelivered(tr *trait, set, which string, at int64) error {
	var errs []error
	for _, table := range []string{"trait_values", "trait_due"} {
		_, err := t.Exec(`UPDATE `+table+` SET `+set+` WHERE trait_id = ?1 AND `+which, tr.id, at)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
