package limit

import (
	"time"

	"github.com/impactsync/impactsync/state"
)

// Takes returns how long n requests take at least, by the bounds of a host and what
// it said last.
func Takes(n int64, c Config, told state.HostStatus, now time.Time) time.Duration {
	if n == 0 {
		return 0
	}
	wait := max(told.PausedUntil.Sub(now), 0)
	if pace := lower(c.PerSecond, told.Pace); pace > 0 {
		wait += time.Duration(float64(n) / pace * float64(time.Second))
	}
	hourly := lower(float64(c.PerHour), float64(told.Quota))
	if hourly == 0 {
		return wait
	}
	room := max(hourly-float64(told.SentLastHour), 0)
	if told.Remaining != nil {
		room = min(room, float64(*told.Remaining))
	}
	over := float64(n) - room
	if over <= 0 {
		return wait
	}
	if told.Remaining != nil && *told.Remaining == 0 {
		wait = max(wait, told.ResetAt.Sub(now))
	}
	return max(wait, time.Duration(over/hourly*float64(time.Hour))) // as minutes leave the last hour
}

// Takes returns how long n more requests take at least, by what bounds the host now.
func (h *Host) Takes(n int64) time.Duration {
	now := h.lock()
	defer h.mu.Unlock()
	return Takes(n, h.Config, h.told, now)
}

// lower returns the lower of two bounds; 0 means no bound.
func lower(a, b float64) float64 {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}
