package sync_test

import (
	"fmt"
	"net/http"
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

// isLook reports whether a request looks at a single action.
func isLook(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/Actions/")
}

// noAnswers are answers from which nothing can be learned.
var noAnswers = map[string]sandbox.Fault{
	"503":        {Status: http.StatusServiceUnavailable, Body: "down"},
	"cut off":    {Drop: sandbox.DropAfter},
	"never sent": {Drop: sandbox.DropBefore},
	"a page":     {Status: http.StatusOK, Body: "<html>"},
	"empty":      {Status: http.StatusOK, Body: ""},
}

func TestLooksThatFail(t *testing.T) {
	t.Parallel()
	// returned is a world in which some orders were sold, and are taken back next.
	returned := func(t *testing.T, n int, faulty func(look int64, r *http.Request) (sandbox.Fault, bool)) *world {
		t.Helper()
		var looks atomic.Int64
		w := refunding(t, state.RefundReverse, sandbox.Config{Fault: func(r *http.Request, _ impactapi.Params) sandbox.Fault {
			if isLook(r) {
				if f, yes := faulty(looks.Add(1), r); yes {
					return f
				}
			}
			return sandbox.Fault{}
		}})
		var sales, refunds []string
		for i := range n {
			id := fmt.Sprintf("o%02d", i)
			sales, refunds = append(sales, sold(id, 30)), append(refunds, refunded("r"+id, id, 20, ""))
		}
		w.log("a.ndjson", sales...)
		w.mustRun()
		w.log("b.ndjson", refunds...)
		return w
	}

	t.Run("one broken answer is asked for again", func(t *testing.T) {
		t.Parallel()
		for name, fault := range noAnswers {
			w := returned(t, 1, func(look int64, _ *http.Request) (sandbox.Fault, bool) { return fault, look == 1 })
			client, err := impactapi.New(impactapi.Config{AccountSID: "IRsid", AuthToken: "token", TrackingURL: w.server.URL, APIURL: w.server.URL, MaxRetries: 1})
			require.NoError(t, err)
			t.Cleanup(client.Close)
			change := w.change
			w.change = func(c *impactsync.Config) {
				change(c)
				c.Client = client
			}
			r := w.mustRun()
			require.Equal(t, impactsync.ExitOK, r.ExitCode, name)
			require.Len(t, w.changes(), 1, name)
		}
	})

	t.Run("one order that cannot be looked at waits, the others go on", func(t *testing.T) {
		t.Parallel()
		for name, fault := range noAnswers {
			var one atomic.Pointer[string]
			var mended atomic.Bool
			w := returned(t, 5, func(_ int64, r *http.Request) (sandbox.Fault, bool) {
				one.CompareAndSwap(nil, &r.URL.Path)
				return fault, *one.Load() == r.URL.Path && !mended.Load()
			})
			w.mustRun()
			require.Len(t, w.changes(), 4, name)
			require.Contains(t, strings.Join(w.refunds(), "; "), "waiting retry, reversed, told as sold", name)
			mended.Store(true)
			w.mustRunLater(time.Hour)
			w.mustRunLater(24 * time.Hour)
			require.Len(t, w.changes(), 5, name)
			for _, line := range w.refunds() {
				require.Contains(t, line, " done, reversed, told reversed", name)
			}
		}
	})

	t.Run("an action that is not there any more waits", func(t *testing.T) {
		t.Parallel()
		w := returned(t, 1, func(int64, *http.Request) (sandbox.Fault, bool) {
			return sandbox.Fault{Status: http.StatusNotFound, Body: `{"Status":"ERROR","Message":"not found"}`}, true
		})
		require.Equal(t, impactsync.ExitUnfinished, w.mustRun().ExitCode)
		require.Equal(t, []string{"o00 waiting retry, reversed, told as sold"}, w.refunds())
	})

	t.Run("a token that may not read submissions learns from the actions", func(t *testing.T) {
		t.Parallel()
		w := refunding(t, state.RefundReverse, sandbox.Config{Forbidden: []string{"APISubmissions"}})
		w.log("a.ndjson", sold("o1", 30), sold("o2", 30))
		w.mustRun()
		w.log("b.ndjson", refunded("r1", "o1", 20, ""), refunded("r2", "o2", 20, ""))
		w.mustRun()
		w.mustRunLater(time.Hour)
		require.Equal(t, []string{"o1 done, reversed, told reversed", "o2 done, reversed, told reversed"}, w.refunds())
	})

	t.Run("if none can be looked at, the run gives up early, and nothing is lost", func(t *testing.T) {
		t.Parallel()
		var looks atomic.Int64
		var mended atomic.Bool
		w := returned(t, 60, func(look int64, _ *http.Request) (sandbox.Fault, bool) {
			looks.Store(look)
			return noAnswers["a page"], !mended.Load()
		})
		r := w.mustRun()
		require.Equal(t, impactsync.ExitUnfinished, r.ExitCode)
		require.Empty(t, w.changes())
		require.Less(t, looks.Load(), int64(60), "three for each of eight, and those under way")
		mended.Store(true)
		w.mustRunLater(time.Hour)
		w.mustRunLater(24 * time.Hour)
		require.Len(t, w.changes(), 60)
		for _, line := range w.refunds() {
			require.Contains(t, line, " done, reversed, told reversed")
		}
	})
}

func TestOrdersWithDiscounts(t *testing.T) {
	t.Parallel()
	w := refunding(t, state.RefundItems, sandbox.Config{})
	at := func(id string) string {
		return strings.Replace(sold(id, 30), `"total":30,"tax":3,"shipping":2`, `"total":20,"discount":5`, 1) // of 25
	}
	w.log("a.ndjson", at("kept"), at("part"), at("whole"))
	w.mustRun()
	w.log("b.ndjson", refunded("r1", "part", 20, `"products":[{"sku":"A","quantity":1}]`), refunded("r2", "whole", 20, ""))
	w.mustRun()
	w.mustRunLater(time.Hour)
	require.Equal(t, []string{"part done, reduced, told reduced", "whole done, reversed, told reversed"}, w.refunds())
	db := w.open()
	defer db.Close()
	e := w.engine(db)
	e.Orders = impactsync.Reconcile{Campaign: "23224", Window: 45 * 24 * time.Hour}
	r, err := e.Reconcile(t.Context(), time.Now().Add(-24*time.Hour), time.Time{})
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"matched": 2, "reversed": 1}, r.Reconciled.Orders)
	verdicts := map[string]string{}
	for o, err := range db.EachVerdict(t.Context(), time.Time{}) {
		require.NoError(t, err)
		verdicts[o.OrderID] = o.Verdict
	}
	require.Equal(t, map[string]string{"kept": "matched", "part": "matched", "whole": "reversed"}, verdicts)
}
