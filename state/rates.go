package state

import (
	"context"
	"database/sql"
	"time"
)

// Hosts, as requests_sent names them.
const (
	HostTracking = "tracking"
	HostAPI      = "api"

	// HostLookups counts those of the API host's requests that asked for a verdict.
	HostLookups = "api_lookups"
)

// Host is where a delivery goes.
func (k Kind) Host() string {
	if k == Conversion {
		return HostAPI
	}
	return HostTracking
}

// Quota is what a host said last of the requests that it takes. A zero field
// was not told.
type Quota struct {
	Host        string
	Known       bool      // Remaining was told, for the window that ends at ResetAt
	Limit       int       // requests per window
	Remaining   int       // of them, when last told
	ResetAt     time.Time // when the window starts anew
	PausedUntil time.Time // the host answered 429 and wants quiet until then
	Pace        float64   // requests per second that it bore since a 429
}

// NoteQuota keeps a quota for the next process.
func (d *DB) NoteQuota(ctx context.Context, q Quota) error {
	return d.update(context.WithoutCancel(ctx), func(t *tx) error {
		var limit, remaining, pace any
		if q.Limit > 0 {
			limit = q.Limit
		}
		if q.Known {
			remaining = q.Remaining
		}
		if q.Pace > 0 {
			pace = q.Pace
		}
		_, err := t.exec(`INSERT OR REPLACE INTO host_quotas (host, quota, remaining, reset_at, paused_until, pace, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			q.Host, limit, remaining, nanos(q.ResetAt), nanos(q.PausedUntil), pace, t.now)
		return err
	})
}

// Quota is what was last noted of a host; the zero Quota if nothing was.
func (d *DB) Quota(ctx context.Context, host string) (q Quota, err error) {
	return q, d.view(ctx, func(v *view) error {
		q, err = v.quota(host, d.now())
		return err
	})
}

// quota reads what was noted. By a clock that was ahead then, as much is left of
// a quiet or a window as there was.
func (v *view) quota(host string, now time.Time) (Quota, error) {
	var limit, remaining, reset, paused sql.NullInt64
	var pace sql.NullFloat64
	var seen int64
	err := v.get(`SELECT quota, remaining, reset_at, paused_until, pace, seen_at FROM host_quotas WHERE host = ?`, []any{host}, &limit, &remaining, &reset, &paused, &pace, &seen)
	ahead := max(seen-now.UnixNano(), 0)
	reset.Int64, paused.Int64 = reset.Int64-ahead, paused.Int64-ahead
	q := Quota{Host: host, Known: remaining.Valid, Limit: int(limit.Int64), Remaining: int(remaining.Int64), Pace: pace.Float64}
	if reset.Valid {
		q.ResetAt = time.Unix(0, reset.Int64)
	}
	if paused.Valid {
		q.PausedUntil = time.Unix(0, paused.Int64)
	}
	return q, err
}

// Sent returns the number of requests sent to a host in the last hour, to the
// minute, in this and earlier processes, and when the oldest of them will be an
// hour old; the zero time if there are none.
func (d *DB) Sent(ctx context.Context, host string) (n int64, frees time.Time, err error) {
	err = d.view(ctx, func(v *view) error {
		n, frees, err = v.sent(host, d.now())
		return err
	})
	return n, frees, err
}

func (v *view) sent(host string, now time.Time) (n int64, frees time.Time, err error) {
	var oldest sql.NullInt64
	err = v.get(`SELECT coalesce(sum(count), 0), min(minute) FROM requests_sent WHERE host = ? AND minute > ?`,
		[]any{host, now.UnixNano()/int64(time.Minute) - 60}, &n, &oldest)
	if oldest.Valid {
		frees = time.Unix((oldest.Int64+60)*60, 0)
	}
	return n, frees, err
}

func (t *tx) noteRequests(host string, n int) error {
	if n == 0 {
		return nil
	}
	_, err := t.exec(`INSERT INTO requests_sent (host, minute, count) VALUES (?, ?, ?) ON CONFLICT (host, minute) DO UPDATE SET count = count + excluded.count`,
		host, t.now/int64(time.Minute), n)
	return err
}

// HostStatus says how much a host takes, as far as is known.
type HostStatus struct {
	Host         string     `json:"host"`
	SentLastHour int64      `json:"sent_last_hour"`
	Quota        int        `json:"quota,omitempty"`     // requests per window, by its last answer
	Remaining    *int       `json:"remaining,omitempty"` // of them, until ResetAt
	ResetAt      *time.Time `json:"reset_at,omitempty"`
	PausedUntil  *time.Time `json:"paused_until,omitempty"`
	Pace         float64    `json:"pace_per_second,omitempty"` // borne since a 429
}

// Hosts says how much both hosts take, as far as is known now.
func (d *DB) Hosts(ctx context.Context) (all []HostStatus, err error) {
	return all, d.view(ctx, func(v *view) error {
		all, err = v.hosts(d.now())
		return err
	})
}

func (v *view) hosts(now time.Time) (all []HostStatus, err error) {
	for _, host := range []string{HostTracking, HostAPI} {
		q, err := v.quota(host, now)
		if err != nil {
			return nil, err
		}
		h := HostStatus{Host: host, Quota: q.Limit, Pace: q.Pace}
		if q.Known && now.Before(q.ResetAt) {
			h.Remaining, h.ResetAt = &q.Remaining, &q.ResetAt
		}
		if now.Before(q.PausedUntil) {
			h.PausedUntil = &q.PausedUntil
		}
		if h.SentLastHour, _, err = v.sent(host, now); err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	return all, nil
}
