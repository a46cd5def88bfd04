package state

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// named returns whom an id may mean: a user, a visitor or, if it has 40 hex digits,
// somebody with the address of this SHA-1.
func named(id string) []Person {
	people := []Person{{UserID: id}, {AnonymousID: id}}
	if sum, err := hex.DecodeString(id); err == nil && len(sum) == 20 {
		people = append(people, Person{EmailSHA1: strings.ToLower(id)})
	}
	return people
}

// dueWith selects the people of events that were not sent yet and hold one of some
// addresses. The cheap test with instr saves parsing most payloads. Without INDEXED
// BY, SQLite would read the delivered events as well.
const dueWith = `WITH wanted AS MATERIALIZED (SELECT value FROM json_each(?1))
	SELECT DISTINCT coalesce((SELECT absorbed_into FROM profiles o WHERE o.id = profile_id), profile_id), coalesce(payload ->> '$.userId', ''), coalesce(payload ->> '$.anonymousId', ''), address.value
	FROM deliveries INDEXED BY deliveries_due, json_each(json_array(payload ->> '$.traits.email', payload ->> '$.context.traits.email', payload ->> '$.properties.email')) address
	WHERE kind IN ('page_load', 'conversion') AND status > 0 AND instr(payload, ?2) > 0 AND address.value IN wanted`

// knownBy returns everybody who is known by one of some hashed addresses: from their
// own row, from that of a visitor they absorbed, or from an event that was not sent
// yet. It reads all profiles and the payloads of all due events once, which takes
// about a second for a million events and one address. Its memory grows with the
// number of people it finds.
func knownBy(r reading, hashes ...string) (found []profile, err error) {
	list, err := json.Marshal(hashes)
	if err != nil || len(hashes) == 0 {
		return nil, err
	}
	within := `"email"`
	if len(hashes) == 1 {
		within = hashes[0]
	}
	senders, err := collect(r, dueWith, []any{string(list), within}, func(p *profile) []any {
		return []any{&p.id, &p.person.UserID, &p.person.AnonymousID, &p.person.EmailSHA1}
	})
	if err != nil {
		return nil, err
	}
	byEvent := map[int64]profile{}
	for _, p := range senders {
		byEvent[p.id] = p
	}
	ids, err := json.Marshal(slices.Collect(maps.Keys(byEvent)))
	if err != nil {
		return nil, err
	}
	found, err = collect(r, selectProfiles+`id IN (SELECT coalesce(absorbed_into, id) FROM people WHERE email_sha1 IN (SELECT value FROM json_each(?)) UNION SELECT value FROM json_each(?))`,
		[]any{string(list), string(ids)}, (*profile).dest)
	for _, p := range found {
		delete(byEvent, p.id)
	}
	for _, id := range slices.Sorted(maps.Keys(byEvent)) { // no row of their own
		found = append(found, byEvent[id])
	}
	return found, err
}

// KnownBy returns everybody who is known by one of some hashed addresses: it is their
// latest address, or that of a visitor they absorbed, or it is in an event of theirs
// that was not sent yet. It reads all profiles and the payloads of all due events
// once.
func (d *DB) KnownBy(ctx context.Context, hashes []string) (people []Person, err error) {
	found, err := readApplied(ctx, d, func(v *view) ([]profile, error) { return knownBy(v, hashes...) })
	for i := range found {
		people = append(people, found[i].person)
	}
	return people, err
}
