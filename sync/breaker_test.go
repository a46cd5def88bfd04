package sync_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi/sandbox"
	impactsync "github.com/impactsync/impactsync/sync"
)

// TestBreakerPerHost: one host is dead, and steady successes on the other
// neither hide that nor are stopped by it.
func TestBreakerPerHost(t *testing.T) {
	t.Parallel()
	gone := func() string { // nobody listens there any more
		s := httptest.NewServer(http.NotFoundHandler())
		s.Close()
		return s.URL
	}
	breaks := func(t *testing.T) string { // answers 503 to everything
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
		t.Cleanup(s.Close)
		return s.URL
	}
	const people, sales = 700, 600
	shop := func(t *testing.T, dead, url string) *world {
		w := setup(t, sandbox.Config{Latency: time.Millisecond})
		w.hosts = map[string]string{dead: url}
		w.change = func(c *impactsync.Config) { c.FirstRetry = time.Hour }
		w.list("VIP.csv", members(1000, 1000+people)...)
		w.log("a.ndjson", orders(0, sales)...)
		return w
	}

	for name, url := range map[string]func(*testing.T) string{"gone": func(*testing.T) string { return gone() }, "answering 503": breaks} {
		t.Run("the tracking host "+name, func(t *testing.T) {
			t.Parallel()
			w := shop(t, "tracking", url(t))
			r, err := w.run(impactsync.Options{})
			require.ErrorIs(t, err, impactsync.ErrBreaker)
			require.ErrorContains(t, err, "at the tracking host (trackingURL)")
			require.NotContains(t, err.Error(), "api host")
			require.Equal(t, impactsync.ExitFailed, r.ExitCode)
			require.Contains(t, r.Note, "tracking host")
			require.Len(t, w.sandbox.Calls(), sales, "the API host went on to its end")
			require.Zero(t, r.Conversions.Open())
			require.EqualValues(t, people, r.Traits.Open(), "everything for the dead host is due")
			require.Less(t, r.Traits.RetryLater+r.Traits.Unknown, int64(people/2), "and most of it was not tried")

			delete(w.hosts, "tracking")
			w.change = func(c *impactsync.Config) { c.PageLoadsPerSecond = 0 }
			r, err = w.run(impactsync.Options{})
			require.NoError(t, err)
			require.Equal(t, people-r.Traits.Open(), r.Counts["delivered"], "the next run goes on")
		})

		t.Run("the API host "+name, func(t *testing.T) {
			t.Parallel()
			w := shop(t, "api", url(t))
			r, err := w.run(impactsync.Options{})
			require.ErrorIs(t, err, impactsync.ErrBreaker)
			require.ErrorContains(t, err, "at the api host (apiURL)")
			require.NotContains(t, err.Error(), "tracking host")
			require.Equal(t, impactsync.ExitFailed, r.ExitCode)
			require.Len(t, w.sandbox.Calls(), people, "the tracking host went on to its end")
			require.Zero(t, r.Traits.Open())
			require.EqualValues(t, sales, r.Conversions.Open())
		})
	}

	t.Run("both of them", func(t *testing.T) {
		t.Parallel()
		w := shop(t, "tracking", gone())
		w.hosts["api"] = gone()
		r, err := w.run(impactsync.Options{})
		require.ErrorContains(t, err, "tracking host")
		require.ErrorContains(t, err, "api host")
		require.EqualValues(t, people+sales, r.Open())
	})
}

// TestFewToADeadHost: too little is due to open the breaker.
func TestFewToADeadHost(t *testing.T) {
	t.Parallel()
	const people, sales = 15, 5
	w := setup(t, sandbox.Config{})
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	w.hosts = map[string]string{"tracking": s.URL}
	w.change = func(c *impactsync.Config) { c.FirstRetry = time.Hour }
	w.list("VIP.csv", members(0, people)...)
	w.log("a.ndjson", orders(0, sales)...)

	r, err := w.run(impactsync.Options{})
	require.ErrorIs(t, err, impactsync.ErrHostDown)
	require.ErrorContains(t, err, "every request failed (15) at the tracking host (trackingURL): the last one: ")
	require.ErrorContains(t, err, "connection refused; 15 still due there")
	require.NotContains(t, err.Error(), "api host")
	require.Equal(t, impactsync.ExitFailed, r.ExitCode)
	require.Contains(t, r.Note, "tracking host")
	require.Zero(t, r.Conversions.Open(), "the API host went on to its end")

	r, err = w.run(impactsync.Options{})
	require.NoError(t, err)
	require.Equal(t, impactsync.ExitUnfinished, r.ExitCode, "nothing could be tried before its time")

	delete(w.hosts, "tracking")
	w.list("News.csv", members(people, 2*people)...)
	r, err = w.run(impactsync.Options{})
	require.NoError(t, err)
	require.EqualValues(t, people, r.Traits.Open(), "the retries are not yet due")
	require.Equal(t, impactsync.ExitUnfinished, r.ExitCode)
}

// TestRefusedConnectionsCostNoQuota: an API host that is down for a while must
// not use up the hour of the conversions that wait for it.
func TestRefusedConnectionsCostNoQuota(t *testing.T) {
	t.Parallel()
	const sales = 20
	w := setup(t, sandbox.Config{})
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	w.hosts = map[string]string{"api": s.URL}
	w.change = func(c *impactsync.Config) { c.ConversionsPerHour, c.FirstRetry = sales, time.Millisecond }
	w.log("a.ndjson", orders(0, sales)...)
	r, err := w.run(impactsync.Options{Deadline: time.Now().Add(30 * time.Second)})
	require.Error(t, err)
	require.EqualValues(t, sales, r.Conversions.Open())
	require.Zero(t, r.Counts["requests"])

	delete(w.hosts, "api")
	r, err = w.run(impactsync.Options{})
	require.NoError(t, err)
	require.Equal(t, impactsync.ExitOK, r.ExitCode, "%+v", r)
	require.Len(t, w.sandbox.Calls(), sales)
}
