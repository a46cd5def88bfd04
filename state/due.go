package state

import (
	"context"
	"database/sql"
	"time"
)

// DueEvent is an event that a run would send.
type DueEvent struct {
	Kind    Kind
	At      time.Time
	Payload []byte
	ClickID string // the person's last one before the event
	Profile int64
}

// What a DueEvent is read from; deliveries are d.
const (
	dueColumns = `d.kind, d.event_at, d.payload, d.profile_id, CASE WHEN p.click_at <= d.event_at THEN coalesce(p.click_id, '') ELSE '' END`
	dueFrom    = ` FROM deliveries d LEFT JOIN profiles p ON p.id = d.profile_id`
)

// EachDue calls fn for every event that a run would send, in no order. The
// payload is valid until fn returns.
func (d *DB) EachDue(ctx context.Context, fn func(DueEvent) error) error {
	return d.view(ctx, func(v *view) error {
		return v.each(`SELECT `+dueColumns+dueFrom+`
			WHERE d.status IN (1, 2, 3, 5) AND d.status > 0`, nil, func(rows *sql.Rows) error {
			var e DueEvent
			var at int64
			var payload sql.RawBytes
			var click sql.NullString
			if err := rows.Scan(&e.Kind, &at, &payload, &e.Profile, &click); err != nil {
				return err
			}
			e.At, e.Payload, e.ClickID = time.Unix(0, at), payload, click.String
			return fn(e)
		})
	})
}

// DueWithoutID counts people with due trait values of whom nothing but an
// e-mail hash is known: no page load can name them.
func (d *DB) DueWithoutID(ctx context.Context) (people, values int64, err error) {
	err = d.view(ctx, func(v *view) error {
		return v.get(`SELECT count(DISTINCT v.profile_id), count(*) FROM trait_values v JOIN profiles p ON p.id = v.profile_id
			WHERE v.status IN (1, 2, 3, 5) AND v.status > 0 AND p.user_id IS NULL AND p.anonymous_id IS NULL`, nil, &people, &values)
	})
	return people, values, err
}
