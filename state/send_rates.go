package state

import (
	"context"
	"database/sql"
	"time"
)

// HostStatus says how much a host takes, as far as is known. A field is empty if the
// host did not say, or if it is over.
type HostStatus struct {
	Host         string    `json:"host"`
	SentLastHour int64     `json:"sent_last_hour"`            // by the minute, in this and earlier processes
	FreesAt      time.Time `json:"-"`                         // when the oldest of those will be an hour old
	Quota        int       `json:"quota,omitempty"`           // requests per window, by its last answer
	Remaining    *int      `json:"remaining,omitempty"`       // of them, until ResetAt
	ResetAt      time.Time `json:"reset_at,omitzero"`         // when the window starts anew
	PausedUntil  time.Time `json:"paused_until,omitzero"`     // the host answered 429 and wants no requests until then
	Pace         float64   `json:"pace_per_second,omitempty"` // requests that it bore since a 429

	seen time.Time // when the host said so
}

// Hosts returns how much both hosts take.
func (d *DB) Hosts(ctx context.Context) ([]HostStatus, error) {
	all, err := read(ctx, d, func(v *view) ([]HostStatus, error) { return v.hosts(d.now()) })
	for i := range all {
		d.ask(ctx, &all[i])
	}
	return all, err
}

// HostStatus returns how much one host takes.
func (d *DB) HostStatus(ctx context.Context, host string) (HostStatus, error) {
	h, err := read(ctx, d, func(v *view) (HostStatus, error) { return v.host(host, d.now()) })
	d.ask(ctx, &h)
	return h, err
}

// ask adds what the neighbours know of a host. One that was not run yet, or that its own
// run has to look after, knows nothing: impact.com's answers bound the requests, too.
func (d *DB) ask(ctx context.Context, h *HostStatus) {
	for _, path := range d.beside {
		n, err := Open(ctx, Options{Path: path, ReadOnly: true, AsIs: true, Older: true, Now: d.now})
		if err != nil {
			continue
		}
		if other, err := n.HostStatus(ctx, h.Host); err == nil {
			h.add(other)
		}
		_ = n.Close() // it was only read
	}
}

// add adds what another state knows of the same host: the requests of both, and what was
// heard last.
func (h *HostStatus) add(other HostStatus) {
	h.SentLastHour += other.SentLastHour
	if h.FreesAt.IsZero() || !other.FreesAt.IsZero() && other.FreesAt.Before(h.FreesAt) {
		h.FreesAt = other.FreesAt
	}
	if other.PausedUntil.After(h.PausedUntil) {
		h.PausedUntil = other.PausedUntil
	}
	newer := other.seen.After(h.seen)
	if other.Remaining != nil && (newer || h.Remaining == nil) {
		h.Quota, h.Remaining, h.ResetAt = other.Quota, other.Remaining, other.ResetAt
	}
	if newer {
		h.seen, h.Pace = other.seen, other.Pace
	}
}

// SentLastDay returns the number of requests to a host in the last 24 hours.
func (d *DB) SentLastDay(ctx context.Context, host string) (n int64, err error) {
	err = d.view(ctx, func(v *view) error {
		return v.Scan(`SELECT coalesce(sum(count), 0) FROM requests_sent WHERE host = ? AND minute > ?`, []any{host, d.now().UnixNano()/int64(time.Minute) - 24*60}, &n)
	})
	return n, err
}

// NoteHost stores what a host said, for the next process. What was sent is counted
// with the outcomes.
func (d *DB) NoteHost(ctx context.Context, h HostStatus) error {
	return d.update(context.WithoutCancel(ctx), func(t *tx) error {
		_, err := t.Exec(`INSERT OR REPLACE INTO host_quotas (host, quota, remaining, reset_at, paused_until, pace, seen_at)
			VALUES (?, nullif(?, 0), ?, ?, ?, nullif(?, 0), ?)`,
			h.Host, h.Quota, h.Remaining, nanos(h.ResetAt), nanos(h.PausedUntil), h.Pace, t.now)
		return err
	})
}

// Heard reports whether something was ever stored of what a host said.
func (d *DB) Heard(ctx context.Context, host string) (bool, error) {
	return read(ctx, d, func(v *view) (known bool, err error) {
		err = v.Scan(`SELECT EXISTS (SELECT 1 FROM host_quotas WHERE host = ?)`, []any{host}, &known)
		return known, err
	})
}

// NoteRequests counts requests to a host that belong to no delivery.
func (d *DB) NoteRequests(ctx context.Context, host string, n int) error {
	return d.update(context.WithoutCancel(ctx), func(t *tx) error {
		t.countRun("requests", int64(n))
		return t.noteRequests(host, n)
	})
}

func (v *view) hosts(now time.Time) (all []HostStatus, err error) {
	for _, host := range []string{HostTracking, HostAPI} {
		h, err := v.host(host, now)
		if err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	return all, nil
}

// host reads what was stored of a host. If the clock was ahead then, as much is left
// of a pause or a window as there was.
func (v *view) host(host string, now time.Time) (HostStatus, error) {
	h := HostStatus{Host: host}
	var reset, paused time.Time
	err := v.Scan(`SELECT coalesce(quota, 0), remaining, reset_at, paused_until, coalesce(pace, 0), seen_at FROM host_quotas WHERE host = ?`,
		[]any{host}, &h.Quota, &h.Remaining, moment{&reset}, moment{&paused}, &h.Pace, moment{&h.seen})
	if err != nil {
		return h, err
	}
	ahead := max(h.seen.Sub(now), 0)
	if h.ResetAt = reset.Add(-ahead); h.Remaining == nil || !now.Before(h.ResetAt) {
		h.Remaining, h.ResetAt = nil, time.Time{}
	}
	if at := paused.Add(-ahead); now.Before(at) {
		h.PausedUntil = at
	}
	var oldest sql.NullInt64
	err = v.Scan(`SELECT coalesce(sum(count), 0), min(minute) FROM requests_sent WHERE host = ? AND minute > ?`,
		[]any{host, now.UnixNano()/int64(time.Minute) - 60}, &h.SentLastHour, &oldest)
	if oldest.Valid {
		h.FreesAt = time.Unix((oldest.Int64+60)*60, 0)
	}
	return h, err
}

func (t *tx) noteRequests(host string, n int) error {
	if n == 0 {
		return nil
	}
	_, err := t.Exec(`INSERT INTO requests_sent (host, minute, count) VALUES (?, ?, ?) ON CONFLICT (host, minute) DO UPDATE SET count = count + excluded.count`,
		host, t.now/int64(time.Minute), n)
	return err
}

// clampRequests counts what a clock that was ahead sent as sent now.
func (t *tx) clampRequests() error {
	minute := t.now / int64(time.Minute)
	_, err := t.Exec(`INSERT INTO requests_sent (host, minute, count) SELECT host, ?1, sum(count) FROM requests_sent WHERE minute > ?1 GROUP BY host
		ON CONFLICT DO UPDATE SET count = count + excluded.count`, minute)
	if err != nil {
		return err
	}
	_, err = t.Exec(`DELETE FROM requests_sent WHERE minute > ?`, minute)
	return err
}
