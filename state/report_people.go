package state

import (
	"context"
	"database/sql"
	"math/rand/v2"
)

// Sampled is a person with what is known of their traits.
type Sampled struct {
	UserID      string
	AnonymousID string
	Traits      []PersonTrait
}

// SamplePeople returns at most so many people, drawn at random from all who have an id
// and are not absorbed; the same for the same seed and state, in the order in which they
// became known. It returns how many there are of whom they were drawn, and how many are
// known by the SHA-1 of an address alone. It reads all profiles.
func (d *DB) SamplePeople(ctx context.Context, most int, seed int64) (people []Sampled, of, nameless int64, err error) {
	err = d.view(ctx, func(v *view) error {
		if err := v.Scan(`SELECT count(*) FROM people WHERE absorbed_into IS NULL AND user_id IS NULL AND anonymous_id IS NULL`, nil, &nameless); err != nil {
			return err
		}
		if err := v.Scan(`SELECT count(*) FROM people WHERE absorbed_into IS NULL AND coalesce(user_id, anonymous_id) IS NOT NULL`, nil, &of); err != nil {
			return err
		}
		ids, err := v.draw(most, of, rand.New(rand.NewPCG(uint64(seed), 0)))
		if err != nil {
			return err
		}
		people = make([]Sampled, len(ids))
		for i, id := range ids {
			if err := v.Scan(`SELECT coalesce(user_id, ''), coalesce(anonymous_id, '') FROM people WHERE id = ?`, []any{id}, &people[i].UserID, &people[i].AnonymousID); err != nil {
				return err
			}
			if people[i].Traits, err = v.traitsOf(id); err != nil {
				return err
			}
		}
		return nil
	})
	return people, of, nameless, err
}

// draw returns the numbers of most of so many profiles, each with the same chance
// (Knuth's selection sampling).
func (v *view) draw(most int, of int64, r *rand.Rand) (ids []int64, err error) {
	left := of
	return ids, v.Each(`SELECT id FROM people WHERE absorbed_into IS NULL AND coalesce(user_id, anonymous_id) IS NOT NULL ORDER BY id`, nil, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		if want := int64(most - len(ids)); want > 0 && r.Int64N(max(left, 1)) < want {
			ids = append(ids, id)
		}
		left--
		return err
	})
}
