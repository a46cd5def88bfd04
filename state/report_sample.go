package state

import "context"

// Known is a sample of people.
type Known struct {
	People []Person // each with the one id that is their key
	All    int64    // about how many there are
}

// sampleFrom bounds the rows in which people are looked for.
const sampleFrom = 200_000

// MembersKnown returns at most most members of a trait: people who were told true,
// or are to be told and are not held. If there are more it is a random sample,
// since numbers are hashes.
func (d *DB) MembersKnown(ctx context.Context, key string, most int) (k Known, err error) {
	return k, d.view(ctx, func(v *view) error {
		var id, told, wanted int64
		err := v.Scan(`SELECT id, coalesce((SELECT value FROM counters WHERE scope = id AND name = 'told'), 0), coalesce((SELECT value FROM counters WHERE scope = id AND name = 'wanted'), 0)
			FROM traits WHERE key = ?`, []any{key}, &id, &told, &wanted)
		if err != nil || id == 0 {
			return err
		}
		k.People, err = collect(v, `SELECT `+personIDs+`
			FROM (SELECT profile_id FROM (SELECT profile_id, delivered FROM trait_values WHERE trait_id = ?1 LIMIT ?2) WHERE delivered IS NOT NULL AND delivered IS NOT 0
				UNION ALL SELECT profile_id FROM (SELECT profile_id, status, wanted, delivered FROM trait_due d WHERE trait_id = ?1
					AND NOT EXISTS (SELECT 1 FROM trait_values v WHERE v.trait_id = ?1 AND v.profile_id = d.profile_id) LIMIT ?2)
				WHERE delivered IS NOT NULL AND delivered IS NOT 0 OR status <> 6 AND wanted IS NOT NULL AND wanted IS NOT 0) v
			`+joinPerson+` LIMIT ?3`, []any{id, sampleFrom, most},
			func(p *Person) []any { return []any{&p.UserID, &p.AnonymousID, &p.EmailSHA1} })
		for i, p := range k.People {
			k.People[i] = p.keyOnly()
		}
		if k.All = told; told == 0 {
			k.All = wanted
		}
		k.All = max(k.All, int64(len(k.People)))
		return err
	})
}

// UsersKnown returns at most most of the users of whom anything is known.
func (d *DB) UsersKnown(ctx context.Context, most int) (k Known, err error) {
	k.People, err = read(ctx, d, func(v *view) ([]Person, error) {
		return collect(v, `SELECT user_id FROM (SELECT user_id FROM people LIMIT ?1) WHERE user_id IS NOT NULL
			UNION ALL SELECT * FROM (SELECT payload ->> '$.userId' FROM (SELECT payload FROM deliveries WHERE status > 0 LIMIT ?2) WHERE payload ->> '$.userId' <> '' LIMIT ?2)
			LIMIT ?2`, []any{sampleFrom, most}, func(p *Person) []any { return []any{&p.UserID} })
	})
	k.All = int64(len(k.People))
	return k, err
}
