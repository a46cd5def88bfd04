package state

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Named gives whom an id may mean: a user, a visitor or, of 40 hex digits,
// whoever has the address of this SHA-1.
func Named(id string) []Person {
	people := []Person{{UserID: id}, {AnonymousID: id}}
	if sum, err := hex.DecodeString(id); err == nil && len(sum) == 20 {
		people = append(people, Person{EmailSHA1: strings.ToLower(id)})
	}
	return people
}

// reading is what a transaction and a view have in common.
type reading interface {
	each(query string, args []any, fn func(*sql.Rows) error) error
}

// dueWith selects whose events that were not sent yet hold an address. The cheap
// test comes first: most contents need not be understood. Without a word on the
// index SQLite reads the delivered ones as well.
const dueWith = `SELECT DISTINCT profile_id, coalesce(payload ->> '$.userId', ''), coalesce(payload ->> '$.anonymousId', '') FROM deliveries INDEXED BY deliveries_due
	WHERE kind IN ('page_load', 'conversion') AND status > 0 AND instr(payload, ?1) > 0
	AND ?1 IN (payload ->> '$.traits.email', payload ->> '$.context.traits.email', payload ->> '$.properties.email')`

// withAddress gives everybody who is known by a hashed address: by the row of
// theirs or of a visitor they were, or by an event that was not sent yet. It reads
// all profiles and the content of all events that are due, about a second for a
// million of these; its memory grows with those it finds alone.
func withAddress(r reading, hash string) (found []profile, err error) {
	byEvent := map[int64]profile{}
	err = r.each(dueWith, []any{hash}, func(rows *sql.Rows) error {
		p := profile{person: Person{EmailSHA1: hash}}
		err := rows.Scan(&p.id, &p.person.UserID, &p.person.AnonymousID)
		byEvent[p.id] = p
		return err
	})
	if err != nil {
		return nil, err
	}
	ids, err := json.Marshal(slices.Collect(maps.Keys(byEvent)))
	if err != nil {
		return nil, err
	}
	const either = ` IN (SELECT coalesce(absorbed_into, id) FROM profiles WHERE email_sha1 = ? UNION SELECT value FROM json_each(?))`
	err = r.each(selectProfiles+either, []any{hash, string(ids)}, func(rows *sql.Rows) error {
		var p profile
		err := rows.Scan(p.dest()...)
		delete(byEvent, p.id)
		found = append(found, p)
		return err
	})
	for _, id := range slices.Sorted(maps.Keys(byEvent)) { // no row of their own
		found = append(found, byEvent[id])
	}
	return found, err
}

// KnownBy gives everybody who is known by one of some hashed addresses, as
// withAddress does, but for visitors who became users by their user ids alone.
// It reads all profiles, and the content of all events that are due, once.
func (d *DB) KnownBy(ctx context.Context, hashes []string) (people []Person, err error) {
	list, err := json.Marshal(hashes)
	if err != nil || len(hashes) == 0 {
		return nil, err
	}
	add := func(rows *sql.Rows) error {
		var p Person
		err := rows.Scan(&p.UserID, &p.AnonymousID, &p.EmailSHA1)
		people = append(people, p)
		return err
	}
	err = d.view(ctx, func(v *view) error {
		err := v.each(`SELECT coalesce(user_id, ''), coalesce(anonymous_id, ''), coalesce(email_sha1, '') FROM profiles
			WHERE id IN (SELECT coalesce(absorbed_into, id) FROM profiles WHERE email_sha1 IN (SELECT value FROM json_each(?)))`, []any{string(list)}, add)
		if err != nil {
			return err
		}
		return v.each(`WITH wanted AS MATERIALIZED (SELECT value FROM json_each(?1))
			SELECT DISTINCT coalesce(payload ->> '$.userId', ''), coalesce(payload ->> '$.anonymousId', ''), '' FROM deliveries INDEXED BY deliveries_due
			WHERE kind IN ('page_load', 'conversion') AND status > 0 AND instr(payload, '"email"') > 0 AND (payload ->> '$.userId' <> '' OR payload ->> '$.anonymousId' <> '')
			AND (payload ->> '$.traits.email' IN wanted OR payload ->> '$.context.traits.email' IN wanted OR payload ->> '$.properties.email' IN wanted)`, []any{string(list)}, add)
	})
	return people, err
}
