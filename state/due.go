package state

import (
	"context"
	"database/sql"
	"time"
)

// DueEvent is an event that a run would send.
type DueEvent struct {
	Kind     Kind
	Event    string
	At       time.Time
	Payload  []byte
	ClickID  string // the person's last one before the event
	NewClick bool   // that one is of the event itself
	Sure     bool   // as of a [Claim]
	Profile  int64
}

// What a DueEvent is read from; deliveries are d.
const (
	dueColumns = `d.kind, d.event, d.event_at, d.payload, d.profile_id, CASE WHEN p.click_at <= d.event_at THEN coalesce(p.click_id, '') ELSE '' END, coalesce(p.click_at = d.event_at, 0), coalesce(p.click_sure, 0)`
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
			if err := rows.Scan(&e.Kind, &e.Event, &at, &payload, &e.Profile, &click, &e.NewClick, &e.Sure); err != nil {
				return err
			}
			e.At, e.Payload, e.ClickID = time.Unix(0, at), payload, click.String
			return fn(e)
		})
	})
}

// DuePerson is somebody with due trait values.
type DuePerson struct {
	Person
	Values int64
}

// EachOddlyNamed calls fn for everybody with due trait values whom a page load
// may be unable to name: each id they have is absent or longer than 64
// characters. The others are not worth a look each.
func (d *DB) EachOddlyNamed(ctx context.Context, fn func(DuePerson) error) error {
	return d.view(ctx, func(v *view) error {
		return v.each(`SELECT coalesce(p.user_id, ''), coalesce(p.anonymous_id, ''), coalesce(p.email_sha1, ''), count(*) FROM trait_values v JOIN profiles p ON p.id = v.profile_id
			WHERE v.status IN (1, 2, 3, 5) AND v.status > 0 AND (p.user_id IS NULL OR length(p.user_id) > 64) AND (p.anonymous_id IS NULL OR length(p.anonymous_id) > 64)
			GROUP BY p.id`, nil, func(rows *sql.Rows) error {
			var p DuePerson
			if err := rows.Scan(&p.UserID, &p.AnonymousID, &p.EmailSHA1, &p.Values); err != nil {
				return err
			}
			return fn(p)
		})
	})
}
