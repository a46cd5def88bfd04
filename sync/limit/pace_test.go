package limit

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func round(rate float64) float64 { return math.Round(rate*100) / 100 }

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
		require.Zero(t, p.learned(), "nothing had to be learned")
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
		require.InDelta(t, 50, p.learned(), 0)
		var rates []float64
		for range 20 {
			rates = append(rates, round(p.rate))
			second(&p, &now)
		}
		require.Equal(t, []float64{50, 55, 60.5}, slices.Compact(rates)[:3])
		require.InDelta(t, 100, p.rate, 0)
		require.Zero(t, p.learned())
	})

	t.Run("the next process goes on from what was borne", func(t *testing.T) {
		t.Parallel()
		now := start
		p := newPace(100, 30, now)
		var rates []float64
		for range 8 {
			rates = append(rates, round(p.rate))
			second(&p, &now)
		}
		require.Equal(t, []float64{10, 20, 30, 33, 36.3}, slices.Compact(rates)[:5], "to what was borne, then a tenth of that each second")
	})

	t.Run("no bound means no ramp, but a 429 makes one", func(t *testing.T) {
		t.Parallel()
		now := start
		p := newPace(0, 0, now)
		require.Equal(t, unbounded, p.room(now))
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
