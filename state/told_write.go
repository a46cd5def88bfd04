package state

import (
	"context"
	"database/sql"
)

// Writing is a range of the people of whom something is to be written to a trait's table
// elsewhere.
type Writing struct {
	Key   string // of the trait
	After int64  // the number of the last person of the range before; -1 at first
	Last  int64  // that of the last one of this range
	Rows  []Told // what is to be written of them
	Done  bool   // there is nobody behind it
}

// ToWrite returns the next range behind one, with what was delivered since it was last
// written, and at most most people.
func (d *DB) ToWrite(ctx context.Context, after Writing, most int) (Writing, error) {
	w := Writing{Key: after.Key, After: after.Last, Last: after.Last}
	return w, d.view(ctx, func(v *view) error {
		var id int64
		if err := v.Scan(`SELECT trait_id FROM told_traits WHERE trait_id = (SELECT id FROM traits WHERE key = ?)`, []any{w.Key}, &id); err != nil || id == 0 {
			w.Done = true
			return err
		}
		var n int64
		err := v.Scan(`SELECT coalesce(max(profile_id), ?2), count(*) FROM (SELECT profile_id FROM (
				SELECT * FROM (SELECT profile_id FROM trait_values WHERE trait_id = ?1 AND profile_id > ?2 ORDER BY profile_id LIMIT ?3)
				UNION SELECT * FROM (SELECT profile_id FROM trait_due WHERE trait_id = ?1 AND profile_id > ?2 ORDER BY profile_id LIMIT ?3)) ORDER BY profile_id LIMIT ?3)`,
			[]any{id, w.After, most}, &w.Last, &n)
		if err != nil {
			return err
		}
		w.Done = n < int64(most)
		w.Rows, err = v.unwrittenRows(w, id)
		return err
	})
}

func (v *view) unwrittenRows(w Writing, id int64) ([]Told, error) {
	type row struct {
		Told
		value sql.NullString
	}
	all, err := collect(v, `SELECT `+personIDs+`, v.delivered, v.wanted_at
		FROM trait_rows v `+joinPerson+`
		WHERE v.trait_id = ?1 AND v.profile_id > ?2 AND v.profile_id <= ?3 AND v.delivered IS NOT NULL AND v.delivered_at IS NOT NULL`, []any{id, w.After, w.Last},
		func(r *row) []any {
			return []any{&r.Person.UserID, &r.Person.AnonymousID, &r.Person.EmailSHA1, value{&r.value}, moment{&r.At}}
		})
	rows := make([]Told, len(all))
	for i, r := range all {
		rows[i] = r.Told
		rows[i].Trait, rows[i].Value = w.Key, r.value.String
	}
	return rows, err
}

// Written records that a range was written. What is settled of it leaves the state, with
// people of whom nothing else is known.
func (d *DB) Written(ctx context.Context, w Writing) error {
	return d.update(ctx, func(t *tx) error {
		tr, err := t.traitByKey(w.Key)
		if err != nil {
			return err
		}
		people, err := t.leaveHome(tr, w.After, w.Last)
		if err != nil || len(people) == 0 {
			return err
		}
		return t.dropBare(asJSON(people))
	})
}

// ToRemove returns people whose rows are to be removed from the tables: single ones of a
// trait, and all of those who are forgotten.
func (d *DB) ToRemove(ctx context.Context) (single []Told, forgotten []Person, err error) {
	type gone struct{ kind, id, trait string }
	return single, forgotten, d.view(ctx, func(v *view) error {
		all, err := collect(v, `SELECT g.kind, g.id, coalesce(t.key, '') FROM told_gone g LEFT JOIN traits t ON t.id = g.trait_id ORDER BY g.trait_id, g.kind, g.id`, nil,
			func(g *gone) []any { return []any{&g.kind, &g.id, &g.trait} })
		for _, g := range all {
			p := personOf(g.kind, g.id)
			if g.trait == "" {
				forgotten = append(forgotten, p)
			} else {
				single = append(single, Told{Trait: g.trait, Person: p, Gone: true})
			}
		}
		return err
	})
}

func personOf(kind, id string) Person {
	switch kind {
	case "user_id":
		return Person{UserID: id}
	case "anonymous_id":
		return Person{AnonymousID: id}
	}
	return Person{EmailSHA1: id}
}

// Removed records that rows were removed from the tables, and everything was written. All
// and told are what the tables have of each trait since: all rows, and those told true.
func (d *DB) Removed(ctx context.Context, single []Told, forgotten []Person, all, told map[string]int64) error {
	return d.update(ctx, func(t *tx) error {
		for _, g := range single {
			tr, err := t.traitByKey(g.Trait)
			if err != nil {
				return err
			}
			if err := t.removed(g.Person, tr.id); err != nil {
				return err
			}
		}
		for _, p := range forgotten {
			if err := t.removed(p, 0); err != nil {
				return err
			}
		}
		for key, n := range all {
			if tr := t.d.traits[key]; tr != nil && tr.elsewhere {
				if _, err := t.correctAway(tr, told[key], n); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (t *tx) removed(p Person, traitID int64) error {
	kind, key := p.kindAndKey()
	_, err := t.Exec(`DELETE FROM told_gone WHERE kind = ? AND id = ? AND trait_id = ?`, keyKinds[kind], key, traitID)
	return err
}

// dropBare removes those of some profiles, given as JSON, of which nothing is left, with a
// visitor who rides along in the table. One of whom a message said whose it is stays.
func (t *tx) dropBare(ids string) error {
	const (
		nothing = `NOT EXISTS (SELECT 1 FROM trait_values v WHERE v.trait_id IN (SELECT id FROM traits) AND v.profile_id = p.id)
			AND NOT EXISTS (SELECT 1 FROM trait_due v WHERE v.trait_id IN (SELECT id FROM traits) AND v.profile_id = p.id)
			AND NOT EXISTS (SELECT 1 FROM events_by_person e WHERE e.profile_id = p.id) AND NOT EXISTS (SELECT 1 FROM guard_passed g WHERE g.profile_id = p.id)
			AND NOT EXISTS (SELECT 1 FROM suppressions s WHERE s.profile_id = p.id OR s.person = p.id) AND NOT EXISTS (SELECT 1 FROM crowds c WHERE c.profile_id = p.id)`
		bare = `SELECT p.id FROM json_each(?1) j CROSS JOIN profiles p ON p.id = j.value WHERE p.absorbed_into IS NULL AND p.click_id IS NULL AND ` + nothing
	)
	clear(t.d.profiles)
	_, err := t.Exec(`DELETE FROM profiles AS p WHERE id IN (SELECT p.id FROM (`+bare+`) u JOIN profiles o ON o.id = u.id CROSS JOIN profiles p ON p.absorbed_into = o.id
		WHERE p.anonymous_id = o.anonymous_id AND p.seen_at IS NULL AND p.click_id IS NULL AND `+nothing+`)`, ids)
	if err != nil {
		return err
	}
	_, err = t.Exec(`DELETE FROM profiles AS p WHERE id IN (`+bare+`) AND NOT EXISTS (SELECT 1 FROM profiles v WHERE v.absorbed_into = p.id)`, ids)
	if err == nil {
		_, err = t.Exec(`DELETE FROM newcomers AS p WHERE id IN (SELECT value FROM json_each(?1)) AND `+nothing, ids)
	}
	return err
}
