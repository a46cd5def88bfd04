package sync

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
)

func TestPace(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

	// second lets one go by in which all there is room for is sent and answered.
	second := func(p *pace, now *time.Time) (sent int) {
		for range 20 {
			n := min(p.room(*now), 100_000)
			p.take(n, *now)
			sent += n
			*now = now.Add(50 * time.Millisecond)
			for range n {
				p.answered(*now)
			}
		}
		return sent
	}

	t.Run("page loads start at a tenth and double each second", func(t *testing.T) {
		t.Parallel()
		now := start
		p := newPace(100, 0, now)
		var rates []float64
		for range 8 {
			rates = append(rates, p.rate)
			second(&p, &now)
		}
		require.Equal(t, []float64{10, 20, 40, 80, 100}, slices.Compact(rates))
		require.InDelta(t, 100, second(&p, &now), 10)
		require.Zero(t, p.kept(), "nothing had to be learned")
	})

	t.Run("what is not used is not proved", func(t *testing.T) {
		t.Parallel()
		p := newPace(100, 0, start)
		p.answered(start.Add(time.Minute))
		require.InDelta(t, 20, p.rate, 0, "one step, however long it was quiet")
	})

	t.Run("a 429 halves it, and it grows back step by step", func(t *testing.T) {
		t.Parallel()
		now := start
		p := newPace(100, 0, now)
		for range 8 {
			second(&p, &now)
		}
		p.throttled(now)
		require.InDelta(t, 50, p.rate, 0)
		require.InDelta(t, 50, p.kept(), 0)
		var rates []float64
		for range 20 {
			rates = append(rates, p.rate)
			second(&p, &now)
		}
		require.Equal(t, []float64{50, 60, 70}, slices.Compact(rates)[:3])
		require.InDelta(t, 100, p.rate, 0)
		require.Zero(t, p.kept())
	})

	t.Run("the next process goes on from what was borne", func(t *testing.T) {
		t.Parallel()
		now := start
		p := newPace(100, 30, now)
		var rates []float64
		for range 8 {
			rates = append(rates, p.rate)
			second(&p, &now)
		}
		require.Equal(t, []float64{10, 20, 30, 33, 36}, slices.Compact(rates)[:5], "to what was borne, then a tenth of that each second")
	})

	t.Run("no bound means no ramp, but a 429 makes one", func(t *testing.T) {
		t.Parallel()
		now := start
		p := newPace(0, 0, now)
		require.Equal(t, noLimit, p.room(now))
		for range 40 {
			p.answered(now)
		}
		p.throttled(now.Add(500 * time.Millisecond))
		require.InDelta(t, 20, p.rate, 0)
		for range 100 {
			p.throttled(now)
		}
		require.InDelta(t, slowest, p.rate, 0, "never to a stop")
	})
}

// host is a limiter on a real state, with a clock that the test moves.
func hostUnderTest(t *testing.T, change func(*Config)) (h *hostLimit, again func() *hostLimit, now *time.Time) {
	t.Helper()
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return at }
	db, err := state.Open(t.Context(), state.Options{Path: filepath.Join(t.TempDir(), "state.db"), Create: true, Binding: &state.Binding{}, Now: clock})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	c := Config{State: db, Log: slog.New(slog.DiscardHandler), ConversionsPerHour: 900}
	if change != nil {
		change(&c)
	}
	open := func() *hostLimit {
		h, err := (&pass{Engine: &Engine{Config: c, now: clock}}).newHostLimit(context.Background(), state.HostAPI)
		require.NoError(t, err)
		return h
	}
	return open(), open, &at
}

func told(limit, remaining int, reset time.Duration) impactapi.Rate {
	return impactapi.Rate{Limit: limit, Remaining: remaining, Reset: reset, Known: true}
}

func TestHostLimit(t *testing.T) {
	t.Parallel()

	t.Run("one request asks first, then what is left may go", func(t *testing.T) {
		t.Parallel()
		h, _, _ := hostUnderTest(t, nil)
		require.Equal(t, 1, h.room())
		h.claimed(1)
		require.Zero(t, h.room())
		h.answered(told(1000, 40, time.Hour))
		h.settled(1)
		require.Equal(t, 40, h.room())
		h.claimed(40)
		require.Zero(t, h.room())
	})

	t.Run("a host that tells nothing is bounded by conversionsPerHour", func(t *testing.T) {
		t.Parallel()
		h, _, _ := hostUnderTest(t, nil)
		h.claimed(1)
		h.answered(impactapi.Rate{})
		h.settled(1)
		require.Equal(t, 899, h.room())
	})

	t.Run("a failed question does not stand in the way", func(t *testing.T) {
		t.Parallel()
		h, _, _ := hostUnderTest(t, func(c *Config) { c.ConversionsPerHour = 0 })
		h.claimed(1)
		h.failed(impactapi.Rate{})
		h.settled(1)
		require.Equal(t, noLimit, h.room())
	})

	t.Run("answers overtake each other: the least counts", func(t *testing.T) {
		t.Parallel()
		h, _, _ := hostUnderTest(t, nil)
		h.answered(told(1000, 5, time.Hour))
		h.answered(told(1000, 7, time.Hour))
		require.Equal(t, 5, h.room())
	})

	t.Run("a limit alone is no quota that is used up", func(t *testing.T) {
		t.Parallel()
		h, _, _ := hostUnderTest(t, nil)
		h.answered(told(1000, -1, time.Hour))
		require.Equal(t, 900, h.room())
	})

	t.Run("nothing goes out until the quota starts anew, in the next process either", func(t *testing.T) {
		t.Parallel()
		h, again, now := hostUnderTest(t, nil)
		h.answered(told(1000, 0, 20*time.Minute))
		require.Zero(t, h.room())
		require.True(t, h.quiet())
		require.NoError(t, h.save(context.Background(), 0))
		*now = now.Add(19 * time.Minute)
		h = again()
		require.Zero(t, h.room())
		require.True(t, h.quiet())
		wait, why := h.wait()
		require.Equal(t, time.Minute, wait)
		require.Equal(t, "impact.com's quota of requests is used up, until 12:20:00 UTC", why)
		*now = now.Add(time.Minute)
		require.Equal(t, 1, h.room(), "a new window: one request asks")
	})

	t.Run("a quota without a reset time counts for a minute", func(t *testing.T) {
		t.Parallel()
		h, _, now := hostUnderTest(t, nil)
		h.answered(told(1000, 0, 0))
		require.Zero(t, h.room())
		*now = now.Add(time.Minute)
		require.Equal(t, 1, h.room())
	})

	t.Run("quiet lasts as long as a 429 asks for, and is remembered", func(t *testing.T) {
		t.Parallel()
		h, again, now := hostUnderTest(t, nil)
		h.learnFrom(&impactapi.Error{Status: 429, RetryAfter: 10 * time.Minute})
		require.True(t, h.quiet())
		require.NoError(t, h.save(context.Background(), time.Hour))
		*now = now.Add(9 * time.Minute)
		h = again()
		require.True(t, h.quiet())
		require.Zero(t, h.room())
		*now = now.Add(time.Minute)
		require.False(t, h.quiet())
		require.Equal(t, 1, h.room())
	})

	t.Run("429s that say nothing are answered with longer and longer quiet", func(t *testing.T) {
		t.Parallel()
		h, _, now := hostUnderTest(t, nil)
		var waits []time.Duration
		for range 8 {
			h.learnFrom(&impactapi.Error{Status: 429})
			h.learnFrom(&impactapi.Error{Status: 429}) // of another worker, at once
			wait := h.quietUntil().Sub(*now)
			waits = append(waits, wait.Round(time.Second))
			*now = now.Add(wait)
		}
		require.Equal(t, time.Minute, waits[7])
		require.Less(t, waits[0], 5*time.Second)
		h.answered(impactapi.Rate{})
		require.Equal(t, leastCalm, h.calm)
	})

	t.Run("the rolling hour counts earlier processes and says when it frees", func(t *testing.T) {
		t.Parallel()
		h, again, now := hostUnderTest(t, func(c *Config) { c.ConversionsPerHour = 3 })
		_, err := h.state.BeginRun(t.Context(), state.RunInfo{Kind: "run"})
		require.NoError(t, err)
		require.NoError(t, h.state.NoteVerdicts(t.Context(), []state.Finding{{Requests: 3}}))
		h = again()
		h.answered(impactapi.Rate{})
		require.Zero(t, h.room())
		wait, why := h.wait()
		require.Equal(t, time.Hour, wait)
		require.Contains(t, why, "conversionsPerHour is used up, until 13:00:00 UTC")
		*now = now.Add(time.Hour)
		require.NoError(t, h.recount(t.Context()))
		require.Equal(t, 3, h.room())
	})
}

func TestBacklog(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	reset, remaining, none := now.Add(30*time.Minute), 100, 0
	api := func(h state.HostStatus) Rates {
		h.Host = state.HostAPI
		return Rates{ConversionsPerHour: 900, Hosts: []state.HostStatus{h}}
	}
	for name, tt := range map[string]struct {
		rates Rates
		calls int64
		want  float64
	}{
		"what fits into the hour goes at once": {api(state.HostStatus{}), 900, 0},
		"the rest as the hour rolls":           {api(state.HostStatus{}), 1800, 3600},
		"what was sent counts":                 {api(state.HostStatus{SentLastHour: 900}), 450, 1800},
		"impact.com's lower quota counts":      {api(state.HostStatus{Quota: 450}), 900, 3600},
		"what impact.com says is left counts":  {api(state.HostStatus{Remaining: &remaining, ResetAt: &reset}), 1000, 3600},
		"a used up quota waits for its reset":  {api(state.HostStatus{Remaining: &none, ResetAt: &reset}), 9, 1800},
		"quiet counts":                         {api(state.HostStatus{PausedUntil: &reset}), 9, 1800},
		"nothing takes nothing":                {api(state.HostStatus{PausedUntil: &reset}), 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.InDelta(t, tt.want, tt.rates.Take(0, tt.calls, now).APIHost, 1e-6)
		})
	}
	tracking := Rates{PageLoadsPerSecond: 100, Hosts: []state.HostStatus{{Host: state.HostTracking, Pace: 25}}}
	require.InDelta(t, 40, tracking.Take(1000, 0, now).TrackingHost, 1e-6, "the pace that it bore")
}

func TestReadingOfVerdicts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status, errorType string
		reasons           []string
		want              string
	}{
		{"Queued", "", nil, VerdictWaiting},
		{"In Progress", "Validation", []string{"MALFORMED"}, VerdictWaiting},
		{"Complete", "", nil, VerdictCounted},
		{"COMPLETE", "Contract Error", []string{"CONTRACT_NOT_FOUND"}, VerdictNoPartner},
		{"Complete", "Contract Error", []string{"CONTRACT_NOT_FOUND", "RESTRICTED_PROMOCODE"}, VerdictNoCredit},
		{"Complete", "Validation", []string{"CONV_DUPLICATE", "CONTRACT_NOT_FOUND"}, VerdictDuplicate},
		{"Complete", "Validation", []string{"CONV_DUPLICATE", "CAMPAIGN_NOT_FOUND"}, VerdictFault},
		{"Complete", "Validation", []string{"SOMETHING_NEW"}, VerdictFault},
		{"Complete", "Validation", nil, VerdictFault},
	} {
		require.Equal(t, tt.want, reading(&impactapi.Submission{Status: tt.status, ErrorType: tt.errorType, Reasons: tt.reasons}), "%+v", tt)
	}
}
