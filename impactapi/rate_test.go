package impactapi

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func headerOf(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

func TestParseRate(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_487_332_000, 0)
	for name, tt := range map[string]struct {
		header http.Header
		want   Rate
	}{
		"none": {headerOf(), Rate{}},
		"brand documents, seconds": {headerOf("X-RateLimit-Limit", "1000", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "30"),
			Rate{Limit: 1000, Reset: 30 * time.Second, Known: true}},
		"brand documents, their sample": {headerOf("X-RateLimit-Limit", "1000", "X-RateLimit-Remaining", "999", "X-RateLimit-Reset", "1487332519"),
			Rate{Limit: 1000, Remaining: 999, Reset: 519 * time.Second, Known: true}},
		"partner documents": {headerOf("X-RateLimit-Limit-hour", "500", "X-RateLimit-Remaining-hour", "7", "RateLimit-Reset", "700"),
			Rate{Limit: 500, Remaining: 7, Reset: 700 * time.Second, Known: true}},
		"a limit alone": {headerOf("X-RateLimit-Limit", "1000"), Rate{Limit: 1000, Remaining: -1, Known: true}},
		"nonsense":      {headerOf("X-RateLimit-Limit", "many", "X-RateLimit-Remaining", "-3", "X-RateLimit-Reset", "NaN"), Rate{}},
		"past":          {headerOf("X-RateLimit-Reset", "1487331000"), Rate{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, parseRate(tt.header, now))
		})
	}
}

func TestAskedWait(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_487_332_000, 0)
	all := []string{"Retry-After", "3", "RateLimit-Reset", "5", "X-RateLimit-Reset", "1487332007"}
	require.Equal(t, 3*time.Second, askedWait(429, headerOf(all...), now))
	require.Equal(t, 5*time.Second, askedWait(429, headerOf(all[2:]...), now))
	require.Equal(t, 7*time.Second, askedWait(429, headerOf(all[4:]...), now))
	require.Equal(t, 3*time.Second, askedWait(503, headerOf(all...), now))
	require.Zero(t, askedWait(503, headerOf(all[2:]...), now))
	require.Equal(t, 9*time.Second, askedWait(429, headerOf("Retry-After", now.Add(9*time.Second).UTC().Format(http.TimeFormat)), now))
	require.Zero(t, askedWait(429, headerOf("Retry-After", "soon"), now))
}

// The host's own clock counts where it tells one: ours may be hours off.
func TestAnsweredAt(t *testing.T) {
	t.Parallel()
	host := time.Unix(1_487_332_000, 0)
	ours := host.Add(-12 * time.Hour)
	h := headerOf("Date", host.UTC().Format(http.TimeFormat), "Retry-After", host.Add(9*time.Second).UTC().Format(http.TimeFormat), "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1487332007")
	require.Equal(t, 9*time.Second, askedWait(429, h, answeredAt(h, ours)))
	require.Equal(t, 7*time.Second, parseRate(h, answeredAt(h, ours)).Reset)
	require.Equal(t, ours, answeredAt(headerOf("Date", "today"), ours))
}

// No header makes a wait negative or longer than the bound.
func FuzzRateHeaders(f *testing.F) {
	f.Add("1000", "Wed, 21 Oct 2026 07:28:00 GMT", "1487332519")
	f.Add("-1", "1e300", "99999999999999999999")
	f.Fuzz(func(t *testing.T, limit, after, reset string) {
		h := headerOf("X-RateLimit-Limit", limit, "Retry-After", after, "X-RateLimit-Reset", reset)
		now := time.Unix(1_487_332_000, 0)
		for _, wait := range []time.Duration{parseRate(h, now).Reset, askedWait(429, h, now)} {
			require.GreaterOrEqual(t, wait, time.Duration(0))
			require.LessOrEqual(t, wait, maxWait)
		}
	})
}
