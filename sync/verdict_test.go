package sync_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
)

// later makes one pass with the state's clock ahead by so much.
func (w *world) later(ahead time.Duration, o impactsync.Options) (impactsync.Report, error) {
	w.t.Helper()
	db, err := state.Open(context.Background(), state.Options{
		Path: filepath.Join(w.dir, "state.db"), Create: true, Binding: &state.Binding{AccountSID: "IRsid", CampaignID: "23224", Hosts: "loopback"},
		Now: func() time.Time { return time.Now().Add(ahead) },
	})
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, db.Close()) }()
	return w.engine(db).Run(w.t.Context(), o)
}

func (w *world) lookups() (n int) {
	for _, c := range w.sandbox.Calls() {
		if strings.Contains(c.Path, "/APISubmissions/") {
			n++
		}
	}
	return n
}

func verify(share float64, perHour int) func(*impactsync.Config) {
	return func(c *impactsync.Config) {
		c.Verify, c.ConversionsPerHour, c.FirstRetry = share, perHour, time.Millisecond
	}
}

func (w *world) status() state.Status {
	w.t.Helper()
	db := w.open()
	defer func() { require.NoError(w.t, db.Close()) }()
	s, err := db.Status(context.Background(), 1)
	require.NoError(w.t, err)
	return s
}

func TestVerify(t *testing.T) {
	t.Parallel()

	t.Run("verdicts are looked up in a later run, once", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{})
		w.change = verify(1, 900)
		w.log("a.ndjson", orders(0, 5)...)
		_, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Zero(t, w.lookups(), "not before they are ten minutes old")
		r, err := w.later(11*time.Minute, impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitOK, r.ExitCode, "%+v", r)
		require.Equal(t, 5, w.lookups())
		require.EqualValues(t, 5, r.Counts["looked_up"])
		_, err = w.later(72*time.Hour, impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, 5, w.lookups(), "a complete one is not looked up again")
		require.Equal(t, []state.VerdictStatus{{Verdict: impactsync.VerdictCounted, Count: 5}}, w.status().Verdicts)
	})

	t.Run("a sale without a partner is told from a fault", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{Fault: func(r *http.Request, _ impactapi.Params) sandbox.Fault {
			if r.Method == http.MethodGet {
				return sandbox.Fault{Status: 200, Body: `{"Status":"Complete","ErrorType":"Contract Error","ErrorReason":"CONTRACT_NOT_FOUND"}`}
			}
			return sandbox.Fault{}
		}})
		w.change = verify(1, 900)
		w.log("a.ndjson", orders(0, 2)...)
		_, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		_, err = w.later(time.Hour, impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, []state.VerdictStatus{{Verdict: impactsync.VerdictNoPartner, ErrorType: "Contract Error", Reasons: "CONTRACT_NOT_FOUND", Count: 2}}, w.status().Verdicts)

		db := w.open()
		defer db.Close()
		e, err := db.Explain(t.Context(), "u1")
		require.NoError(t, err)
		require.Equal(t, impactsync.VerdictNoPartner, e.Events[0].Verdict)
		require.Contains(t, e.Events[0].QueuedURI, "/APISubmissions/A-")
	})

	t.Run("an unknown program is a fault", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{Campaigns: []string{"1"}})
		w.change = verify(1, 900)
		w.log("a.ndjson", orders(0, 1)...)
		_, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		r, err := w.later(time.Hour, impactsync.Options{})
		require.NoError(t, err)
		require.EqualValues(t, 1, r.Counts["verdict_fault"])
		require.Equal(t, "CAMPAIGN_NOT_FOUND", w.status().Verdicts[0].Reasons)
	})

	t.Run("what waits is asked for again, less and less often", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{SettleAfter: 24 * time.Hour})
		w.change = verify(1, 900)
		w.log("a.ndjson", orders(0, 1)...)
		_, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		var looks []int
		for _, minutes := range []int{11, 15, 22, 40, 43} { // a look doubles the wait: 10, 10, 20
			_, err = w.later(time.Duration(minutes)*time.Minute, impactsync.Options{})
			require.NoError(t, err)
			looks = append(looks, w.lookups())
		}
		require.Equal(t, []int{1, 1, 2, 2, 3}, looks)
		require.Equal(t, impactsync.VerdictWaiting, w.status().Verdicts[0].Verdict)
	})

	for share, want := range map[float64]int{0: 0, 0.05: 5, 1: 60} {
		t.Run(fmt.Sprintf("a share of %v of the quota", share), func(t *testing.T) {
			t.Parallel()
			w := setup(t, sandbox.Config{})
			w.change = verify(share, 100)
			w.log("a.ndjson", orders(0, 60)...)
			_, err := w.run(impactsync.Options{})
			require.NoError(t, err)
			for range 3 { // runs within the same hour
				_, err = w.later(70*time.Minute, impactsync.Options{})
				require.NoError(t, err)
			}
			require.Equal(t, want, w.lookups())
		})
	}

	t.Run("conversions that are due come first, and keep their room", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{})
		w.change = verify(1, 10)
		w.log("a.ndjson", orders(0, 10)...)
		_, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		w.log("b.ndjson", orders(10, 18)...)
		r, err := w.later(70*time.Minute, impactsync.Options{})
		require.NoError(t, err)
		require.EqualValues(t, 8, r.Counts["delivered"])
		require.Zero(t, w.lookups(), "ten an hour, eight sent: the other two are for eight more that may come")
		_, err = w.later(3*time.Hour, impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, 9, w.lookups(), "a tenth is kept for conversions")
	})

	t.Run("a look-up that fails concerns nothing else", func(t *testing.T) {
		t.Parallel()
		for status, want := range map[int]int{403: impactsync.ExitOK, 500: impactsync.ExitOK, 429: impactsync.ExitOK, 404: impactsync.ExitOK, 401: impactsync.ExitCredentials} {
			w := setup(t, sandbox.Config{Fault: func(r *http.Request, _ impactapi.Params) sandbox.Fault {
				if r.Method == http.MethodGet {
					return sandbox.Fault{Status: status}
				}
				return sandbox.Fault{}
			}})
			w.change = verify(1, 900)
			w.log("a.ndjson", orders(0, 3)...)
			_, err := w.run(impactsync.Options{})
			require.NoError(t, err)
			w.list("VIP.csv", members(0, 2)...)
			r, err := w.later(time.Hour, impactsync.Options{})
			require.Equal(t, want, r.ExitCode, "%d: %v", status, err)
			require.EqualValues(t, 2, r.Counts["delivered"], "%d", status)
			if status == http.StatusNotFound {
				require.Equal(t, impactsync.VerdictNotFound, w.status().Verdicts[0].Verdict)
			}
		}
	})
}
