package state

import (
	"cmp"
	"context"
	"database/sql"
)

// Difference is one thing that a run would send: a trait's value, or an event.
type Difference struct {
	Kind        Kind    `json:"kind"`
	Name        string  `json:"name"` // the trait's key, or the event's name
	UserID      string  `json:"user_id,omitempty"`
	AnonymousID string  `json:"anonymous_id,omitempty"`
	Before      *string `json:"before"`          // what impact.com has; null: nothing
	After       string  `json:"after"`           // the value, or the order's id, or "" for an event without
	Doubt       bool    `json:"doubt,omitempty"` // impact.com may have something else, since an answer never came
}

// Diff returns what a run would send of a part: at most most changes of each trait and
// of each event, the oldest first.
func (d *DB) Diff(ctx context.Context, of Part, most int) ([]Difference, error) {
	return read(ctx, d, func(v *view) (all []Difference, err error) {
		keys, err := collect(v, `SELECT id, key FROM traits WHERE ?3 = '' OR key = ?3 ORDER BY key`, of.args(), func(t *traitKey) []any { return []any{&t.id, &t.key} })
		if err != nil {
			return nil, err
		}
		for _, t := range keys {
			changes, err := v.traitDiff(of, t, most)
			if err != nil {
				return nil, err
			}
			all = append(all, changes...)
		}
		events, err := v.eventDiff(of, most)
		return append(all, events...), err
	})
}

type traitKey struct {
	id  int64
	key string
}

func (v *view) traitDiff(of Part, t traitKey, most int) (all []Difference, err error) {
	query := `SELECT coalesce(p.user_id, n.user_id, ''), coalesce(p.anonymous_id, n.anonymous_id, ''), ` + valueText("v.delivered") + `, coalesce(` + valueText("v.wanted") + `, 'false'), v.doubt
		FROM (SELECT profile_id, delivered, wanted, doubt FROM trait_due WHERE trait_id = ?4 AND ` + openRows + ` LIMIT ?5) v ` + joinPerson
	return all, v.Each(query, of.args(t.id, most), func(rows *sql.Rows) error {
		c, before := Difference{Kind: TraitUpdate, Name: t.key}, sql.NullString{}
		if err := rows.Scan(&c.UserID, &c.AnonymousID, &before, &c.After, &c.Doubt); err != nil {
			return err
		}
		if before.Valid {
			c.Before = &before.String
		}
		all = append(all, c)
		return nil
	})
}

// eventDiff reads the events in their order, and the ids only of those that are shown.
func (v *view) eventDiff(of Part, most int) (all []Difference, err error) {
	query := `SELECT kind, event, coalesce(payload ->> '$.userId', ''), coalesce(payload ->> '$.anonymousId', ''), coalesce(order_id, ''), status = 5
		FROM deliveries WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY kind, event ORDER BY id) AS n FROM deliveries WHERE ` + openEvents + `) WHERE n <= ?4)
		ORDER BY kind, event, id`
	return all, v.Each(query, of.args(most), func(rows *sql.Rows) error {
		var c Difference
		if err := rows.Scan(&c.Kind, &c.Name, &c.UserID, &c.AnonymousID, &c.After, &c.Doubt); err != nil {
			return err
		}
		c.Name = cmp.Or(c.Name, string(c.Kind))
		all = append(all, c)
		return nil
	})
}
