package sync

import (
	"time"

	"github.com/impactsync/impactsync/state"
)

// Rates bound the requests to both hosts: the settings, and what the hosts
// said last.
type Rates struct {
	PageLoadsPerSecond float64 // 0 means none
	ConversionsPerHour int     // 0 means none
	Hosts              []state.HostStatus
}

// Seconds is a time for each host.
type Seconds struct {
	TrackingHost float64 `json:"tracking_host"`
	APIHost      float64 `json:"api_host"`
}

// Take is how long so many requests take at least. What nothing bounds takes 0.
func (r Rates) Take(tracking, api int64, now time.Time) (s Seconds) {
	for i := range r.Hosts {
		switch h := &r.Hosts[i]; h.Host {
		case state.HostTracking:
			s.TrackingHost = r.tracking(h, tracking, now)
		case state.HostAPI:
			s.APIHost = r.api(h, api, now)
		}
	}
	return s
}

func (r Rates) tracking(h *state.HostStatus, calls int64, now time.Time) float64 {
	if calls == 0 {
		return 0
	}
	wait := until(h.PausedUntil, now)
	if pace := lower(r.PageLoadsPerSecond, h.Pace); pace > 0 {
		wait += float64(calls) / pace
	}
	return wait
}

// api: what is left of an hour's quota goes at once, the rest as minutes drop
// out of the hour.
func (r Rates) api(h *state.HostStatus, calls int64, now time.Time) float64 {
	if calls == 0 {
		return 0
	}
	wait := until(h.PausedUntil, now)
	hourly := lower(float64(r.ConversionsPerHour), float64(h.Quota))
	if hourly == 0 {
		return wait
	}
	room := max(hourly-float64(h.SentLastHour), 0)
	if h.Remaining != nil && float64(*h.Remaining) < room {
		room = float64(*h.Remaining)
	}
	if float64(calls) <= room {
		return wait
	}
	if h.Remaining != nil && *h.Remaining == 0 {
		wait = max(wait, until(h.ResetAt, now))
	}
	return max(wait, (float64(calls)-room)/hourly*time.Hour.Seconds())
}

// lower is the lower of two bounds, of which 0 is none.
func lower(a, b float64) float64 {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

func until(at *time.Time, now time.Time) float64 {
	if at == nil {
		return 0
	}
	return max(at.Sub(now).Seconds(), 0)
}
