package limit

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// told notes the same result of n different deliveries.
func (b *breaker) several(n int, r Result) {
	for i := range n {
		b.note(int64(i), r, "its words", false)
	}
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		notes func(*breaker)
		want  Trust
		err   string
		due   string // the error where something is due
	}{
		"nothing was sent":              {func(*breaker) {}, Unknown, "", ""},
		"one was taken":                 {func(b *breaker) { b.several(1, Taken) }, Good, "", ""},
		"a few failed, all there was":   {func(b *breaker) { b.several(15, Failed) }, Unknown, "", "every request failed (15) at the api host (apiURL): the last one: its words; 7 still due there"},
		"a few failed, after a 429":     {func(b *breaker) { b.several(1, Throttled); b.several(15, Failed) }, Unknown, "", ""},
		"many failed":                   {func(b *breaker) { b.several(100, Failed) }, Suspect, "", ""},
		"many failed, then it took one": {func(b *breaker) { b.several(100, Failed); b.several(1, Taken) }, Good, "", ""},
		"many failed, not in a row":     {func(b *breaker) { b.several(99, Failed); b.several(1, Taken); b.several(99, Failed) }, Good, "", ""},
		"many failed, and so did the probes": {func(b *breaker) {
			b.several(100, Failed)
			for i := range 5 {
				b.note(int64(i), Failed, "its words", true)
			}
		}, Stopped, "too many requests failed in a row (105) at the api host (apiURL): the last one: its words; everything stays pending there", ""},
		"many failed, and nothing is left to probe with": {func(b *breaker) { b.several(100, Failed); b.exhausted() }, Stopped, "too many requests failed in a row (100)", ""},
		"probes that were not tried say nothing": {func(b *breaker) {
			b.several(100, Failed)
			for range 9 {
				b.note(1, Nothing, "", true)
				b.note(1, Throttled, "", true)
			}
		}, Suspect, "", ""},
		"seven odd answers": {func(b *breaker) { b.several(7, Odd) }, Unknown, "", ""},
		"one odd answer, again and again": {func(b *breaker) {
			for range 50 {
				b.several(1, Odd)
			}
		}, Unknown, "", ""},
		"eight odd answers":                           {func(b *breaker) { b.several(8, Odd) }, Suspect, "", ""},
		"eight odd answers, also after others":        {func(b *breaker) { b.several(1, Taken); b.several(8, Odd) }, Suspect, "", ""},
		"two odd answers were all that was due":       {func(b *breaker) { b.several(2, Odd); b.exhausted() }, Spared, "", ""},
		"three odd answers were all that was due":     {func(b *breaker) { b.several(3, Odd); b.exhausted() }, Stopped, "its words: check trackingURL and apiURL: a wrong base answers like this; the api host (apiURL) answered 3 different deliveries in a row like this; nothing was marked refused", ""},
		"odd answers at the end, others were taken":   {func(b *breaker) { b.several(1, Taken); b.several(9, Odd); b.exhausted() }, Spared, "", ""},
		"odd answers after it was spared":             {func(b *breaker) { b.several(2, Odd); b.exhausted(); b.several(20, Odd) }, Spared, "", ""},
		"it fails after it was spared":                {func(b *breaker) { b.several(2, Odd); b.exhausted(); b.several(100, Failed); b.exhausted() }, Stopped, "too many requests failed in a row (100)", ""},
		"a late answer does not start a stopped host": {func(b *breaker) { b.several(8, Odd); b.exhausted(); b.several(1, Taken) }, Stopped, "its words: check", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &breaker{host: "api", most: 100}
			tt.notes(b)
			require.Equal(t, tt.want, b.trust)
			if tt.err == "" {
				require.NoError(t, b.problem(0))
			} else {
				require.ErrorContains(t, b.problem(0), tt.err)
				require.Zero(t, b.room())
			}
			if tt.due != "" {
				require.EqualError(t, b.problem(7), tt.due)
				require.ErrorIs(t, b.problem(7), ErrDown)
			}
		})
	}

	t.Run("only so many probes go at a time", func(t *testing.T) {
		t.Parallel()
		b := &breaker{host: "api", most: 100, probes: 40}
		require.Equal(t, unbounded, b.room())
		b.several(8, Odd)
		require.Equal(t, 5, b.room())
		b.probes = 4
		require.Equal(t, 1, b.room())
	})
}
