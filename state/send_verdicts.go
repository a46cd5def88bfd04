package state

import (
	"context"
	"strings"
	"time"
)

// How long a conversion's verdict stays at impact.com:
// https://integrations.impact.com/brand-api-reference/reference/submissions/api-submissions
const (
	lastLook = 90 * 24 * time.Hour
	rareLook = 24 * time.Hour // the longest wait between two looks
)

// Lookup is a delivered conversion whose verdict is not known yet.
type Lookup struct {
	Delivery  int64
	OrderID   string
	QueuedURI string
	Looks     int // so far
}

// Lookups returns conversions whose verdict may be looked up now, newest first: none
// younger than ten minutes or older than 90 days. After each look that found no
// verdict, the wait for the next one doubles.
func (d *DB) Lookups(ctx context.Context, most int) ([]Lookup, error) {
	now := d.now()
	return read(ctx, d, func(v *view) ([]Lookup, error) {
		return collect(v, `SELECT d.id, coalesce(d.order_id, ''), d.queued_uri, coalesce(v.looks, 0) FROM deliveries d LEFT JOIN verdicts v ON v.delivery_id = d.id
			WHERE d.look_at IS NOT NULL AND d.look_at <= ? AND d.delivered_at > ? ORDER BY d.delivered_at DESC LIMIT ?`,
			[]any{now.UnixNano(), now.Add(-lastLook).UnixNano(), most}, func(l *Lookup) []any { return []any{&l.Delivery, &l.OrderID, &l.QueuedURI, &l.Looks} })
	})
}

// Finding is what a look-up found.
type Finding struct {
	Lookup
	Status      string // impact.com's word; "" when nothing was found out
	CompletedAt time.Time
	ErrorType   string
	Reasons     []string
	Verdict     string // our reading of them
	Final       bool   // no further look
	Requests    int    // HTTP requests made
}

// NoteVerdicts stores what look-ups found, and counts their requests.
func (d *DB) NoteVerdicts(ctx context.Context, found []Finding) error {
	return d.update(context.WithoutCancel(ctx), func(t *tx) error {
		requests := 0
		for i := range found {
			requests += found[i].Requests
			if found[i].Status == "" {
				continue
			}
			if err := t.noteFinding(&found[i]); err != nil {
				return err
			}
		}
		t.countRun("requests", int64(requests))
		if err := t.noteRequests(hostLookups, requests); err != nil {
			return err
		}
		return t.noteRequests(HostAPI, requests)
	})
}

func (t *tx) noteFinding(v *Finding) error {
	var again any
	if !v.Final {
		again = t.now + int64(min(firstLook<<min(v.Looks, 10), rareLook))
	}
	there, err := t.setNextLook(v.Delivery, again)
	if err != nil || !there {
		return err // forgotten meanwhile
	}
	t.countRun("looked_up", 1)
	t.countRun("verdict_"+v.Verdict, 1)
	_, err = t.Exec(`INSERT INTO verdicts (delivery_id, looks, looked_at, status, completed_at, error_type, reasons, verdict) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (delivery_id) DO UPDATE SET looks = excluded.looks, looked_at = excluded.looked_at, status = excluded.status, completed_at = excluded.completed_at,
			error_type = excluded.error_type, reasons = excluded.reasons, verdict = excluded.verdict`,
		v.Delivery, v.Looks+1, t.now, v.Status, nanos(v.CompletedAt), null(v.ErrorType), null(strings.Join(v.Reasons, " ")), v.Verdict)
	return err
}

// LookupsSent returns the number of look-ups in the last hour, to the minute.
func (d *DB) LookupsSent(ctx context.Context) (int64, error) {
	h, err := d.HostStatus(ctx, hostLookups)
	return h.SentLastHour, err
}

// VerdictStatus counts the conversions of which impact.com said the same.
type VerdictStatus struct {
	Verdict   string `json:"verdict"`
	ErrorType string `json:"error_type,omitempty"`
	Reasons   string `json:"reasons,omitempty"`
	Count     int64  `json:"count"`
}
