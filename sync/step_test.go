package sync_test

import (
	"context"
	"errors"
	"fmt"

	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
)

// set is what a clock shows that was set by whole seconds: the wall's part of a
// time moves, the monotonic one does not. The first word of a time counts the
// wall's seconds from its 30th bit on (see the source of [time.Time]).
func set(t time.Time, by time.Duration) time.Time {
	*(*uint64)(unsafe.Pointer(&t)) += uint64(int64(by/time.Second)) << 30
	return t
}

func TestSetIsWhatAnOperatingSystemDoes(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, by := range []time.Duration{5 * time.Hour, -5 * time.Hour} {
		then := set(now, by)
		require.Zero(t, then.Sub(now), "by the monotonic clock")
		require.Equal(t, by, then.Round(0).Sub(now.Round(0)), "by the wall's")
	}
}

// stepping is a clock that is set while a process runs.
type stepping struct{ by atomic.Int64 }

func (s *stepping) now() time.Time { return set(time.Now(), time.Duration(s.by.Load())) }

// stepped makes one pass with a clock that is set meanwhile.
func (w *world) stepped(clock *stepping, o impactsync.Options) impactsync.Report {
	w.t.Helper()
	ctx := context.Background()
	db, err := state.Open(ctx, state.Options{
		Path: filepath.Join(w.dir, "state.db"), Create: true, Now: clock.now, Binding: &state.Binding{AccountSID: "IRsid", CampaignID: "23224", Hosts: "loopback"},
	})
	require.NoError(w.t, err)
	defer db.Close()
	e := w.engine(db)
	e.SetNow(clock.now)
	r, err := e.Run(ctx, o)
	if !errors.Is(err, impactsync.ErrHostDown) { // some scenes have a host that fails everything
		require.NoError(w.t, err)
	}
	problems, err := db.Check(ctx)
	require.NoError(w.t, err)
	require.Empty(w.t, problems)
	return r
}

var steps = []time.Duration{-5 * time.Hour, 5 * time.Hour, -12 * time.Hour}

// TestClockIsSetDuringARun sets it in the middle of a run. Everything goes out
// once, at the configured pace, and the next runs know nothing of it.
func TestClockIsSetDuringARun(t *testing.T) {
	t.Parallel()
	for _, by := range steps {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			var clock stepping
			var taken atomic.Int64
			w := setup(t, sandbox.Config{Fault: func(*http.Request, impactapi.Params) sandbox.Fault {
				if taken.Add(1) == 60 {
					clock.by.Store(int64(by))
				}
				return sandbox.Fault{}
			}})
			w.change = func(c *impactsync.Config) { c.PageLoadsPerSecond, c.ConversionsPerHour = 200, 900 }
			w.list("VIP.csv", members(0, 150)...)
			w.log("a.ndjson", orders(200, 240)...)
			began := time.Now()
			r := w.stepped(&clock, impactsync.Options{})
			require.Equal(t, impactsync.ExitOK, r.ExitCode, "%+v", r)
			require.Less(t, time.Since(began), 20*time.Second, "nothing waits for the wall's clock")
			require.Greater(t, r.Seconds, 0.5, "the page loads were paced")
			require.Less(t, r.Seconds, 20.0)
			require.Len(t, w.told(0), 190)

			w.list("VIP.csv", members(2, 152)...)
			r = w.stepped(&clock, impactsync.Options{})
			require.Equal(t, impactsync.ExitOK, r.ExitCode, "%+v", r)
			require.Len(t, w.told(190), 4)

			// A change is not taken for an older one because the clock is behind now.
			value := false
			for i := range 3 {
				value = !value
				w.log(fmt.Sprintf("c%d.ndjson", i), change(fmt.Sprint("c", i), "w1", value, time.Now()))
				sent := len(w.told(0))
				r = w.stepped(&clock, impactsync.Options{})
				require.Equal(t, impactsync.ExitOK, r.ExitCode, "%+v", r)
				require.Equal(t, []string{fmt.Sprintf("/PageLoad w1 web=%t", value)}, w.told(sent))
			}

			var right stepping
			w.list("VIP.csv", members(3, 153)...)
			r = w.stepped(&right, impactsync.Options{})
			require.Equal(t, impactsync.ExitOK, r.ExitCode, "%+v", r)
			require.Len(t, w.told(197), 2)
		})
	}
}

// TestDeadlineWhenTheClockIsSet: a deadline is so long, whatever the wall's clock says.
func TestDeadlineWhenTheClockIsSet(t *testing.T) {
	t.Parallel()
	for _, by := range steps {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			var clock stepping
			var taken atomic.Int64
			w := setup(t, sandbox.Config{Latency: 20 * time.Millisecond, Fault: func(*http.Request, impactapi.Params) sandbox.Fault {
				if taken.Add(1) == 5 {
					clock.by.Store(int64(by))
				}
				return sandbox.Fault{}
			}})
			w.change = func(c *impactsync.Config) { c.PageLoadsPerSecond = 40 }
			w.list("VIP.csv", members(0, 1000)...)
			began := time.Now()
			r := w.stepped(&clock, impactsync.Options{Deadline: began.Add(3 * time.Second)})
			require.Equal(t, impactsync.ExitUnfinished, r.ExitCode, "%+v", r)
			require.Greater(t, time.Since(began), 2500*time.Millisecond)
			require.Less(t, time.Since(began), 3*time.Second+10*time.Second)
			require.Zero(t, r.Traits.Unknown+r.Traits.InFlight)
			require.EqualValues(t, 1000, r.Counts["delivered"]+r.Traits.Pending)
		})
	}
}

// TestWaitsWhenTheClockIsSet: what waits for a time that was told by a clock that
// was ahead does not wait until that time.
func TestWaitsWhenTheClockIsSet(t *testing.T) {
	t.Parallel()

	t.Run("retries", func(t *testing.T) {
		t.Parallel()
		var clock stepping
		var fail atomic.Bool
		fail.Store(true)
		w := setup(t, sandbox.Config{Fault: func(*http.Request, impactapi.Params) sandbox.Fault {
			if fail.Load() {
				return sandbox.Fault{Status: http.StatusServiceUnavailable}
			}
			return sandbox.Fault{}
		}})
		w.list("VIP.csv", members(0, 5)...)
		clock.by.Store(int64(12 * time.Hour))
		r := w.stepped(&clock, impactsync.Options{Deadline: time.Now().Add(2 * time.Second)})
		require.EqualValues(t, 5, r.Open(), "%+v", r)
		fail.Store(false)
		clock.by.Store(0)
		r = w.stepped(&clock, impactsync.Options{})
		require.Equal(t, impactsync.ExitOK, r.ExitCode, "%+v", r)
	})

	t.Run("a host's wish for quiet", func(t *testing.T) {
		t.Parallel()
		var clock stepping
		var asked atomic.Int64
		w := setup(t, sandbox.Config{Fault: func(*http.Request, impactapi.Params) sandbox.Fault {
			if asked.Add(1) == 1 {
				return sandbox.Fault{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"3"}, "X-Ratelimit-Limit": {"1000"}, "X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"3"}}}
			}
			return sandbox.Fault{}
		}})
		w.log("a.ndjson", orders(0, 1)...)
		clock.by.Store(int64(12 * time.Hour))
		r := w.stepped(&clock, impactsync.Options{Deadline: time.Now().Add(time.Second)})
		require.Equal(t, impactsync.ExitUnfinished, r.ExitCode, "%+v", r)
		clock.by.Store(0)
		began := time.Now()
		r = w.stepped(&clock, impactsync.Options{})
		require.Equal(t, impactsync.ExitOK, r.ExitCode, "%+v", r)
		require.Greater(t, time.Since(began), time.Second, "what was left of the quiet is kept")
		require.EqualValues(t, 2, asked.Load())
	})

	t.Run("conversions, for their page loads and for an hour's room", func(t *testing.T) {
		t.Parallel()
		var clock stepping
		w := setup(t, sandbox.Config{Fault: func(r *http.Request, _ impactapi.Params) sandbox.Fault {
			if r.URL.Path == "/PageLoad" {
				return sandbox.Fault{Status: http.StatusServiceUnavailable}
			}
			return sandbox.Fault{}
		}})
		w.change = func(c *impactsync.Config) {
			c.ConversionsPerHour, c.AttributionWait, c.FirstRetry = 5, time.Hour, 24*time.Hour
		}
		w.log("a.ndjson", append(orders(0, 7), page("p1", "u7", ""), orders(7, 8)[0])...)
		clock.by.Store(int64(12 * time.Hour))
		r := w.stepped(&clock, impactsync.Options{Deadline: time.Now().Add(2 * time.Second)})
		require.EqualValues(t, 3, r.Conversions.Open(), "two have no room, one waits for its page load: %+v", r)

		clock.by.Store(0)
		db := w.open()
		_, err := db.BeginRun(t.Context(), state.RunInfo{Kind: "run"})
		require.NoError(t, err)
		api, err := db.HostStatus(t.Context(), state.HostAPI)
		require.NoError(t, err)
		require.EqualValues(t, 5, api.SentLastHour, "they count for an hour from now")
		require.WithinDuration(t, time.Now().Add(time.Hour), api.FreesAt, 2*time.Minute)
		require.NoError(t, db.Close())

		clock.by.Store(int64(2 * time.Hour)) // the room of the hour is back, and u7 has waited for one
		r = w.stepped(&clock, impactsync.Options{Deadline: time.Now().Add(2 * time.Second)})
		require.Zero(t, r.Conversions.Open(), "%+v", r)
		require.Len(t, told(w, "order"), 8)
	})
}

func told(w *world, what string) (lines []string) {
	for i, line := range w.told(0) {
		if c := w.sandbox.Calls()[i]; c.Status == http.StatusOK && strings.Contains(line, what) {
			lines = append(lines, line)
		}
	}
	return lines
}
