package sync_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
)

func quickRetries(c *impactsync.Config) { c.FirstRetry = time.Millisecond }

func members(from, to int) []string {
	lines := []string{"user_id"}
	for i := from; i < to; i++ {
		lines = append(lines, fmt.Sprintf("u%d", i))
	}
	return lines
}

// holds is what impact.com holds of everybody, from its own call log.
func (w *world) holds() map[string]string {
	held := map[string]string{}
	for _, c := range w.sandbox.Calls() {
		if c.Status == http.StatusOK || c.Status == 0 {
			who, _ := c.Form.Get("CustomerId")
			held[who], _ = c.Form.Get("vip")
		}
	}
	return held
}

func TestFaults(t *testing.T) {
	t.Parallel()

	t.Run("an unsteady server gets everything in the end", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{ErrorRate: 0.1, ResetBefore: 0.1, ResetAfter: 0.1, Seed: 7})
		w.change = quickRetries
		w.list("VIP.csv", members(0, 200)...)
		r, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitOK, r.ExitCode, "%+v", r)
		w.list("VIP.csv", members(20, 220)...)
		r, err = w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitOK, r.ExitCode, "%+v", r)
		held := w.holds()
		for i := range 220 {
			require.Equal(t, fmt.Sprint(i >= 20), held[fmt.Sprintf("u%d", i)], "u%d", i)
		}
		require.Positive(t, r.Counts["unknown"])
	})

	for status, want := range map[int]struct {
		err  error
		code int
	}{
		http.StatusUnauthorized: {impactsync.ErrCredentials, impactsync.ExitCredentials},
		http.StatusForbidden:    {impactsync.ErrCredentials, impactsync.ExitCredentials},
		http.StatusNotFound:     {nil, impactsync.ExitFailed},
	} {
		t.Run(fmt.Sprintf("status %d stops the run and refuses nothing", status), func(t *testing.T) {
			t.Parallel()
			w := setup(t, sandbox.Config{Fault: func(*http.Request, impactapi.Params) sandbox.Fault { return sandbox.Fault{Status: status} }})
			w.list("VIP.csv", members(0, 500)...)
			r, err := w.run(impactsync.Options{})
			require.Error(t, err)
			if want.err != nil {
				require.ErrorIs(t, err, want.err)
			}
			require.Equal(t, want.code, r.ExitCode)
			require.Equal(t, state.Counts{Pending: 500}, r.Traits)
			require.Less(t, len(w.sandbox.Calls()), 20, "the others are not tried")
		})
	}

	t.Run("a server that never recovers trips the breaker", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{ErrorRate: 1})
		w.list("VIP.csv", members(0, 1000)...)
		r, err := w.run(impactsync.Options{})
		require.ErrorIs(t, err, impactsync.ErrBreaker)
		require.Equal(t, impactsync.ExitFailed, r.ExitCode)
		require.EqualValues(t, 1000, r.Open(), "everything stays due")
	})

	t.Run("the breaker counts four failures per worker, and page loads tell nothing lost", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{ErrorRate: 1})
		w.change = func(c *impactsync.Config) { c.Workers = 40 }
		w.list("VIP.csv", members(0, 1000)...)
		r, err := w.run(impactsync.Options{})
		require.ErrorIs(t, err, impactsync.ErrBreaker)
		require.ErrorContains(t, err, "everything stays pending")
		require.GreaterOrEqual(t, len(w.sandbox.Calls()), 160)
		require.Less(t, len(w.sandbox.Calls()), 160+600, "what was claimed is given back")
		require.EqualValues(t, 1000, r.Open())
		require.Zero(t, r.Traits.Refused+r.Traits.Held)
	})

	for path, want := range map[string]string{"/PageLoad": "page loads need no credentials", "/Conversions": "scopes must include creating conversions"} {
		t.Run("403 on "+path+" says what is missing", func(t *testing.T) {
			t.Parallel()
			w := setup(t, sandbox.Config{Fault: func(r *http.Request, _ impactapi.Params) sandbox.Fault {
				if strings.HasSuffix(r.URL.Path, path) {
					return sandbox.Fault{Status: 403, Body: `{"status":403,"title":"Access Denied"}`}
				}
				return sandbox.Fault{}
			}})
			w.list("VIP.csv", members(0, 20)...)
			w.log("a.ndjson", orders(0, 20)...)
			r, err := w.run(impactsync.Options{})
			require.ErrorIs(t, err, impactsync.ErrCredentials)
			require.ErrorContains(t, err, want)
			require.ErrorContains(t, err, "Access Denied")
			require.ErrorContains(t, err, fmt.Sprintf("; %d still due at both hosts", r.Open()))
			require.Equal(t, impactsync.ExitCredentials, r.ExitCode)
			require.Zero(t, r.Traits.Refused+r.Conversions.Refused)
			require.Positive(t, r.Open())
		})
	}

	t.Run("a refused payload goes again when its value or the mapping changes", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{Fault: func(_ *http.Request, form impactapi.Params) sandbox.Fault {
			if v, ok := form.Get("vip"); ok && v == "true" {
				return sandbox.Fault{Status: 400, Body: `{"errors":[{"field":"CampaignId","level":"ERROR","message":"unknown program"}]}`}
			}
			return sandbox.Fault{}
		}})
		w.list("VIP.csv", members(0, 2)...)
		runs := func(calls int, refused int64) {
			t.Helper()
			r, err := w.run(impactsync.Options{})
			require.NoError(t, err)
			require.Equal(t, refused, r.Traits.Refused, "%+v", r)
			require.Len(t, w.sandbox.Calls(), calls)
		}
		runs(2, 2)
		runs(2, 2)
		require.Equal(t, "program", w.refused().Rows[0][5])
		require.Contains(t, w.refused().Rows[0][6], "CampaignId: unknown program")
		w.mapping.CampaignID = "999"
		runs(4, 2)
		w.list("VIP.csv", members(1, 2)...)
		runs(4, 1) // u0 left and was never told: there is nothing to say
		db := w.open()
		n, err := db.RetryRefused(context.Background(), state.Filter{Class: "parameter"})
		require.NoError(t, err)
		require.Zero(t, n, "of another class")
		n, err = db.RetryRefused(context.Background(), state.Filter{Class: "program"})
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
		require.NoError(t, db.Close())
		runs(5, 1)
	})

	for name, fault := range map[string]sandbox.Fault{
		"stalls":                         {Delay: 3 * time.Second},
		"takes it and never answers":     {Drop: sandbox.DropAfter},
		"answers garbage":                {Status: http.StatusOK, Body: "<html>welcome to the hotel's wifi</html>", Taken: false},
		"answers 429 and asks to wait":   {Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"1"}}},
		"answers with half a JSON value": {Status: http.StatusBadGateway, Body: `{"errors":[`},
	} {
		t.Run("a server that "+name+" for the first tries loses nothing", func(t *testing.T) {
			t.Parallel()
			var tries atomic.Int64
			w := setup(t, sandbox.Config{Fault: func(*http.Request, impactapi.Params) sandbox.Fault {
				if tries.Add(1) <= 5 {
					return fault
				}
				return sandbox.Fault{}
			}})
			w.change = quickRetries
			w.list("VIP.csv", members(0, 20)...)
			for range 4 { // garbage stops a run: it may be a wrong base
				r, err := w.run(impactsync.Options{})
				if err == nil && r.ExitCode == impactsync.ExitOK {
					break
				}
			}
			held := w.holds()
			for i := range 20 {
				require.Equal(t, "true", held[fmt.Sprintf("u%d", i)], "u%d", i)
			}
			db := w.open()
			traits, _, _, err := db.Due(t.Context())
			require.NoError(t, err)
			require.Equal(t, state.Counts{}, traits)
			require.NoError(t, db.Close())
		})
	}

	t.Run("an answer that breaks off is none", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{Fault: func(*http.Request, impactapi.Params) sandbox.Fault {
			return sandbox.Fault{Status: http.StatusOK, Body: `{"Status":"ok"}`, Drop: sandbox.DropMidway, Taken: true}
		}})
		w.change = quickRetries
		w.list("VIP.csv", members(0, 40)...)
		_, _ = w.run(impactsync.Options{})
		db := w.open()
		traits, _, _, err := db.Due(t.Context())
		require.NoError(t, err)
		require.Positive(t, traits.Unknown)
		require.EqualValues(t, 40, traits.Unknown+traits.Pending, "the others were not tried")
		require.NoError(t, db.Close())
	})

	t.Run("a refusal keeps impact.com's own words and is not repeated", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{Fault: func(_ *http.Request, form impactapi.Params) sandbox.Fault {
			if who, _ := form.Get("CustomerId"); who == "u1" {
				return sandbox.Fault{Status: 400, Body: `{"errors":[{"field":"vip","level":"ERROR","message":"not today"}]}`}
			}
			return sandbox.Fault{}
		}})
		w.list("VIP.csv", members(0, 3)...)
		r, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitRefused, r.ExitCode)
		db := w.open()
		refused, err := db.Refused(context.Background(), state.Filter{})
		require.NoError(t, err)
		require.Len(t, refused.Rows, 1)
		require.Contains(t, refused.Rows[0][6], "not today")
		require.NoError(t, db.Close())
		_, err = w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Len(t, w.sandbox.Calls(), 3)
	})

	t.Run("a stop gives back what has not begun", func(t *testing.T) {
		t.Parallel()
		for cause, code := range map[error]int{impactsync.ErrTerminated: impactsync.ExitUnfinished, impactsync.ErrInterrupted: impactsync.ExitInterrupted} {
			stop := make(chan struct{}, 1000)
			w := setup(t, sandbox.Config{Latency: 20 * time.Millisecond, Fault: func(*http.Request, impactapi.Params) sandbox.Fault {
				stop <- struct{}{}
				return sandbox.Fault{}
			}})
			w.list("VIP.csv", members(0, 800)...)
			db := w.open()
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() {
				<-stop
				cancel(cause)
			}()
			r, err := w.engine(db).Run(ctx, impactsync.Options{})
			require.True(t, err == nil || errors.Is(err, cause), "%v", err)
			require.Equal(t, code, r.ExitCode, "%+v", r)
			require.Zero(t, r.Traits.Unknown+r.Traits.InFlight, "requests under way ended")
			require.EqualValues(t, 800, r.Traits.Pending+r.Counts["delivered"])
			require.NoError(t, db.Close())
		}
	})

	t.Run("a canary sends to so many people and no more", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{})
		w.list("VIP.csv", members(0, 100)...)
		w.list("Gold.csv", members(0, 100)...)
		r, err := w.run(impactsync.Options{People: 10})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitUnfinished, r.ExitCode)
		require.Len(t, w.sandbox.Calls(), 10, "ten people, both traits of each in one call")
	})

	t.Run("one trait alone", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{})
		w.list("VIP.csv", members(0, 5)...)
		w.list("Gold.csv", members(0, 5)...)
		_, err := w.run(impactsync.Options{Trait: "gold"})
		require.NoError(t, err)
		for _, line := range w.told(0) {
			require.Contains(t, line, "gold=true")
			require.NotContains(t, line, "vip")
		}
	})
}

func (w *world) refused() state.Table {
	w.t.Helper()
	db := w.open()
	defer func() { require.NoError(w.t, db.Close()) }()
	t, err := db.Refused(context.Background(), state.Filter{})
	require.NoError(w.t, err)
	return t
}

func TestBadInput(t *testing.T) {
	t.Parallel()

	t.Run("two full lists of one trait stop the run before any change", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{})
		w.list("VIP.csv", members(0, 5)...)
		w.list("v.i.p.ndjson", `{"user_id":"u1"}`)
		w.list("Vip.ndjson", `{"user_id":"u1"}`)
		r, err := w.run(impactsync.Options{})
		require.Error(t, err)
		require.Equal(t, impactsync.ExitUsage, r.ExitCode, "%v", err)
		require.Empty(t, w.sandbox.Calls())
	})

	t.Run("a truncated list is never compared", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{})
		w.list("VIP.csv", members(0, 5)...)
		_, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		w.list("VIP.csv", "user_id", "u0", `"u1`)
		r, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitRefused, r.ExitCode, "%+v", r)
		require.Len(t, w.sandbox.Calls(), 5, "nobody has left")
		r, err = w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitRefused, r.ExitCode, "the list is stale as long as the bad file lies there")
		require.Zero(t, r.Counts["rejected"], "but it is not rejected again")
		w.list("News.csv", "user_id", "u0", `"u1`)
		_, err = w.run(impactsync.Options{})
		require.NoError(t, err)
		r, err = w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Len(t, r.Stale, 2)
		require.Contains(t, r.Note, ", 1 stale source: exports: the list of vip still cannot be used: ", "one source for two reasons")
		require.Contains(t, r.Note, " (and 1 more)")
	})

	t.Run("the history says which list is not newer than the last, without an address, in a few words", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{})
		name := "mary@example.com-" + strings.Repeat("x", 150) + "-" + strings.Repeat("y", 50) + ".csv"
		w.list(name, members(0, 5)...)
		_, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		w.list(name, members(0, 4)...)
		old := w.listed.Add(-time.Hour)
		require.NoError(t, os.Chtimes(filepath.Join(w.dir, "audiences", name), old, old))
		r, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitRefused, r.ExitCode)
		require.Contains(t, r.Note, "0 refused, 0 rejected, 1 stale source: exports: ")
		require.NotContains(t, r.Note, "@")
		require.Less(t, len(r.Note), 300)
		db := w.open()
		defer db.Close()
		s, err := db.Status(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, r.Note, s.Runs[0].Note)
	})

	t.Run("an unreadable source does not stop the others", func(t *testing.T) {
		t.Parallel()
		if os.Geteuid() == 0 {
			t.Skip("root reads everything")
		}
		w := setup(t, sandbox.Config{})
		w.list("VIP.csv", members(0, 5)...)
		w.log("a.ndjson", `{"type":"page"}`)
		require.NoError(t, os.Chmod(filepath.Join(w.dir, "events"), 0))
		r, err := w.run(impactsync.Options{})
		require.Error(t, err)
		require.Equal(t, impactsync.ExitFailed, r.ExitCode)
		require.Len(t, w.sandbox.Calls(), 5)
	})
}
