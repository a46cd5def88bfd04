package state

import (
	"context"
	"database/sql"
)

// Known is a sample of people.
type Known struct {
	People []Person // without ids that ride along
	All    int64    // how many there are, about
}

// sampleFrom bounds the rows of a trait in which members are looked for.
const sampleFrom = 200_000

// MembersKnown returns at most most of the members of a trait: those who were told
// true, or are to be and are not held. Of many it is a random sample, for
// numbers are hashes.
func (d *DB) MembersKnown(ctx context.Context, key string, most int) (k Known, err error) {
	err = d.view(ctx, func(v *view) error {
		var id, told, wanted int64
		err := v.Scan(`SELECT id, coalesce((SELECT value FROM counters WHERE scope = id AND name = 'told'), 0), coalesce((SELECT value FROM counters WHERE scope = id AND name = 'wanted'), 0)
			FROM traits WHERE key = ?`, []any{key}, &id, &told, &wanted)
		if err != nil || id == 0 {
			return err
		}
		err = v.people(&k, `SELECT CASE WHEN p.user_id IS NULL THEN '' ELSE p.user_id END, CASE WHEN p.user_id IS NULL THEN coalesce(p.anonymous_id, '') ELSE '' END,
				CASE WHEN p.user_id IS NULL AND p.anonymous_id IS NULL THEN coalesce(p.email_sha1, '') ELSE '' END
			FROM (SELECT profile_id, status, wanted, delivered FROM trait_values WHERE trait_id = ?1 LIMIT ?2) v JOIN profiles p ON p.id = v.profile_id
			WHERE v.delivered IS NOT NULL AND v.delivered IS NOT 0 OR v.status <> 6 AND v.wanted IS NOT NULL AND v.wanted IS NOT 0 LIMIT ?3`, id, sampleFrom, most)
		k.All = max(told, int64(len(k.People)))
		if told == 0 {
			k.All = max(wanted, k.All)
		}
		return err
	})
	return k, err
}

// UsersKnown returns at most most of the users of whom anything is known.
func (d *DB) UsersKnown(ctx context.Context, most int) (k Known, err error) {
	err = d.view(ctx, func(v *view) error {
		err := v.people(&k, `SELECT user_id, '', '' FROM (SELECT user_id FROM profiles LIMIT ?1) WHERE user_id IS NOT NULL
			UNION ALL SELECT * FROM (SELECT payload ->> '$.userId', '', '' FROM (SELECT payload FROM deliveries WHERE status > 0 LIMIT ?2) WHERE payload ->> '$.userId' <> '' LIMIT ?2)
			LIMIT ?2`, sampleFrom, most)
		k.All = int64(len(k.People))
		return err
	})
	return k, err
}

func (v *view) people(k *Known, query string, args ...any) error {
	return v.Each(query, args, func(rows *sql.Rows) error {
		var p Person
		err := rows.Scan(&p.UserID, &p.AnonymousID, &p.EmailSHA1)
		k.People = append(k.People, p)
		return err
	})
}
