package limit

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
)

// bubble is a limiter of the API host on a real state, with a clock that stands
// still until the test sleeps.
type bubble struct {
	*testing.T
	*Host
}

// again makes the limiter of the next process.
func (b *bubble) again() {
	h, err := New(context.Background(), b.Config)
	require.NoError(b, err)
	b.Host = h
}

func (b *bubble) room() int {
	n, _ := b.Room()
	return n
}

func inBubble(t *testing.T, c Config, test func(*bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		db, err := state.Open(context.Background(), state.Options{Path: filepath.Join(t.TempDir(), "state.db"), Create: true, Binding: &state.Binding{}})
		require.NoError(t, err)
		c.State, c.Host, c.Now, c.AskFirst, c.Failures = db, state.HostAPI, time.Now, true, 100
		b := &bubble{T: t}
		b.Host = &Host{Config: c}
		b.again()
		test(b)
		require.NoError(t, db.Close())
	})
}

func told(limit, remaining int, reset time.Duration) impactapi.Rate {
	return impactapi.Rate{Limit: limit, Remaining: remaining, Reset: reset, Known: true}
}

func TestHost(t *testing.T) {
	t.Parallel()
	hourly := Config{PerHour: 900}
	throttled := &impactapi.Error{Status: 429}

	for name, tt := range map[string]struct {
		config Config
		test   func(*bubble)
	}{
		"one request asks first, then what is left may go": {hourly, func(b *bubble) {
			n, question := b.Room()
			require.Equal(b, 1, n)
			require.True(b, question)
			b.Claim(1)
			require.Zero(b, b.room())
			b.Answered(told(1000, 40, time.Hour))
			b.Settle(1)
			n, question = b.Room()
			require.Equal(b, 40, n)
			require.False(b, question)
			b.Claim(40)
			require.Zero(b, b.room())
		}},
		"a host that tells nothing is bounded by conversionsPerHour": {hourly, func(b *bubble) {
			b.Claim(1)
			b.Answered(impactapi.Rate{})
			b.Settle(1)
			require.Equal(b, 899, b.room())
		}},
		"a failed question does not stand in the way": {Config{}, func(b *bubble) {
			b.Claim(1)
			b.Failed(&impactapi.Error{Status: 503})
			b.Settle(1)
			require.Equal(b, unbounded, b.room())
		}},
		"answers overtake each other: the least counts": {hourly, func(b *bubble) {
			b.Answered(told(1000, 5, time.Hour))
			b.Answered(told(1000, 7, time.Hour))
			require.Equal(b, 5, b.room())
		}},
		"a limit alone is no quota that is used up": {hourly, func(b *bubble) {
			b.Answered(told(1000, -1, time.Hour))
			require.Equal(b, 900, b.room())
		}},
		"nothing goes out until the quota starts anew, in the next process either": {hourly, func(b *bubble) {
			b.Answered(told(1000, 0, 20*time.Minute))
			require.Zero(b, b.room())
			require.True(b, b.Quiet(false))
			require.NoError(b, b.Sync(b.Context(), 0))
			time.Sleep(19 * time.Minute)
			b.again()
			b.Answered(impactapi.Rate{})
			require.Zero(b, b.room())
			require.True(b, b.Quiet(false))
			wait, why := b.Wait()
			require.Equal(b, time.Minute, wait)
			require.Equal(b, "impact.com's quota of requests is used up, until 00:20:00 UTC", why)
			time.Sleep(time.Minute)
			require.Equal(b, 1, b.room(), "a new window: one request asks")
		}},
		"a quota without a reset time counts for a minute": {hourly, func(b *bubble) {
			b.Answered(told(1000, 0, 0))
			require.Zero(b, b.room())
			time.Sleep(time.Minute)
			require.Equal(b, 1, b.room())
		}},
		"quiet lasts as long as a 429 asks for, and is remembered": {hourly, func(b *bubble) {
			until := b.Failed(&impactapi.Error{Status: 429, RetryAfter: 10 * time.Minute})
			require.Equal(b, 10*time.Minute, time.Until(until))
			require.True(b, b.Quiet(false))
			require.NoError(b, b.Sync(b.Context(), time.Hour), "a 429 is kept at once")
			time.Sleep(9 * time.Minute)
			b.again()
			require.True(b, b.Quiet(false))
			require.Zero(b, b.room())
			time.Sleep(time.Minute)
			require.False(b, b.Quiet(false))
			require.Equal(b, 1, b.room())
		}},
		"429s that say nothing are answered with longer and longer quiet": {hourly, func(b *bubble) {
			var waits []time.Duration
			for range 8 {
				b.Failed(throttled)
				wait := time.Until(b.Failed(throttled)) // of another worker, at once
				waits = append(waits, wait.Round(time.Second))
				time.Sleep(wait)
			}
			require.Equal(b, time.Minute, waits[7])
			require.Less(b, waits[0], 5*time.Second)
			b.Answered(impactapi.Rate{})
			require.Less(b, time.Until(b.Failed(throttled)), 2*time.Second)
		}},
		"a 429 to a question says nothing of the pace, one to many halves it": {Config{PerSecond: 100}, func(b *bubble) {
			b.Failed(throttled)
			require.Zero(b, b.told.Pace)
			time.Sleep(time.Minute)
			for range 10 {
				b.Answered(impactapi.Rate{})
				time.Sleep(time.Second)
			}
			b.Failed(throttled)
			require.NoError(b, b.Sync(b.Context(), 0))
			b.again()
			require.InDelta(b, 50, b.told.Pace, 0)
			b.Answered(impactapi.Rate{})
			b.Claim(10)
			time.Sleep(2 * time.Second)
			b.Claim(20)
			_, why := b.Wait()
			require.Equal(b, "the pace that impact.com accepted before its last 429", why)
		}},
		"the rolling hour counts earlier processes and says when it frees": {Config{PerHour: 3}, func(b *bubble) {
			_, err := b.State.BeginRun(b.Context(), state.RunInfo{Kind: "run"})
			require.NoError(b, err)
			require.NoError(b, b.State.NoteVerdicts(b.Context(), []state.Finding{{Requests: 3}}))
			b.again()
			b.Answered(impactapi.Rate{})
			require.Zero(b, b.room())
			wait, why := b.Wait()
			require.Equal(b, time.Hour, wait)
			require.Equal(b, "conversionsPerHour is used up, until 01:00:00 UTC", why)
			time.Sleep(time.Hour)
			require.NoError(b, b.Sync(b.Context(), time.Second))
			require.Equal(b, 3, b.room())
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, tt.config, tt.test)
		})
	}
}

func TestTurn(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		config Config
		before func(*bubble)
		took   time.Duration
		want   bool
	}{
		"there is room":                    {Config{PerSecond: 10}, func(*bubble) {}, 0, true},
		"the stream is full for a while":   {Config{PerSecond: 10}, func(b *bubble) { b.Claim(3) }, 3 * time.Second, true},
		"the host is quiet for a while":    {Config{}, func(b *bubble) { b.Failed(&impactapi.Error{Status: 429, RetryAfter: 3 * time.Second}) }, 3 * time.Second, true},
		"the host is quiet for longer":     {Config{}, func(b *bubble) { b.Failed(&impactapi.Error{Status: 429, RetryAfter: time.Hour}) }, 0, false},
		"another one is asking, and stays": {Config{}, func(b *bubble) { b.met = false; b.Claim(1) }, 10 * time.Second, false},
		"the host is stopped":              {Config{}, func(b *bubble) { b.breaker.stop() }, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, tt.config, func(b *bubble) {
				b.Answered(impactapi.Rate{})
				tt.before(b)
				start := time.Now()
				require.Equal(b, tt.want, b.Turn(b.Context(), 10*time.Second))
				require.InDelta(b, tt.took.Seconds(), time.Since(start).Seconds(), 0.2)
			})
		})
	}
	t.Run("the run is stopped", func(t *testing.T) {
		t.Parallel()
		inBubble(t, Config{}, func(b *bubble) {
			b.Failed(&impactapi.Error{Status: 429, RetryAfter: 5 * time.Second})
			ctx, cancel := context.WithTimeout(b.Context(), time.Second)
			defer cancel()
			require.False(b, b.Turn(ctx, 10*time.Second))
			require.Error(b, ctx.Err())
		})
	})
}
