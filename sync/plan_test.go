package sync_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi/sandbox"
	impactsync "github.com/impactsync/impactsync/sync"
)

// TestPlanForecastsRefusals: each part of the plan's numbers is without what our
// own rules refuse.
func TestPlanForecastsRefusals(t *testing.T) {
	t.Parallel()
	at := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	trait := `{"type":"identify","messageId":%q,%s,"timestamp":"` + at + `","traits":{"vip":true},"context":{"personas":{"computation_class":"audience","computation_key":"vip"}}}`
	fill := func(w *world) {
		w.log("a.ndjson",
			`{"type":"page","messageId":"m1","userId":"ann@example.com","timestamp":"`+at+`","context":{"page":{"url":"https://shop.example/"}}}`,
			`{"type":"page","messageId":"m2","userId":"u1","timestamp":"`+at+`","context":{"page":{"url":"https://shop.example/"}}}`,
			`{"type":"track","event":"Order Completed","messageId":"m3","userId":"u2","timestamp":"`+at+`","properties":{"order_id":"o1","revenue":"x"}}`,
			fmt.Sprintf(trait, "m4", `"userId":"u3"`),
			fmt.Sprintf(trait, "m5", `"userId":"`+strings.Repeat("x", 300)+`"`),
			fmt.Sprintf(trait, "m6", `"anonymousId":"`+strings.Repeat("y", 80)+`"`),
			fmt.Sprintf(trait, "m7", `"userId":"`+strings.Repeat("z", 100)+`"`),
		)
	}
	w := setup(t, sandbox.Config{})
	fill(w)
	r, err := w.planned(impactsync.Options{})
	require.NoError(t, err)
	require.Equal(t, [5]int64{3, 0, 2, 1, 0}, [5]int64{r.TrackingCalls, r.APICalls, r.TraitUpdates, r.PageLoads, r.Conversions}, "%+v", r)
	require.Equal(t, map[string]int64{"no identifier": 1, "no identifier: the ones there are too long": 2, `Amount is not usable: revenue "x" is not a number`: 1}, r.Refusals)

	w = setup(t, sandbox.Config{})
	fill(w)
	done, err := w.run(impactsync.Options{})
	require.NoError(t, err)
	require.EqualValues(t, 4, done.Counts["refused"])
	require.EqualValues(t, 3, done.Counts["delivered"])
}

// TestPlanNarrows: a plan counts what a run with the same options then sends.
func TestPlanNarrows(t *testing.T) {
	t.Parallel()
	at := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	order := func(user int) string {
		return fmt.Sprintf(`{"type":"track","event":"Order Completed","messageId":"o%d","userId":"u%d","timestamp":%q,"properties":{"order_id":"o%d","revenue":1,"currency":"USD"}}`, user, user, at, user)
	}
	page := func(user int) string {
		return fmt.Sprintf(`{"type":"page","messageId":"p%d","userId":"u%d","timestamp":%q,"context":{"page":{"url":"https://shop.example/?irclickid=c"}}}`, user, user, at)
	}
	fill := func(t *testing.T) *world {
		t.Helper()
		w := setup(t, sandbox.Config{})
		w.log("old.ndjson", order(19))
		r, err := w.run(impactsync.Options{Trait: "none"})
		require.NoError(t, err)
		require.EqualValues(t, 1, r.Open(), "an order is due already")
		w.list("VIP.csv", members(0, 20)...)
		w.list("Gold.csv", append(members(0, 3), "g1", "g2", "g3", "g4")...)
		w.log("a.ndjson", page(0), order(0), page(1), order(1), order(2), page(2))
		return w
	}
	for name, c := range map[string]struct {
		options         impactsync.Options
		tracking, api   int64
		waiting, traits int
	}{
		"everything":             {impactsync.Options{}, 27, 4, 0, 2},
		"one trait":              {impactsync.Options{Trait: "vip"}, 20, 0, 0, 1},
		"a trait nobody has":     {impactsync.Options{Trait: "vpi"}, 0, 0, 0, 0},
		"three people":           {impactsync.Options{People: 3}, 6, 3, 0, 2},
		"three people, a trait":  {impactsync.Options{People: 3, Trait: "vip"}, 3, 0, 0, 1},
		"more people than there": {impactsync.Options{People: 100}, 27, 4, 0, 2},
		"without the messages":   {impactsync.Options{Sources: []string{"exports"}}, 24, 0, 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan, err := fill(t).planned(c.options)
			require.NoError(t, err)
			require.Equal(t, [2]int64{c.tracking, c.api}, [2]int64{plan.TrackingCalls, plan.APICalls}, "%+v", plan)
			require.EqualValues(t, c.waiting, plan.Waiting)
			require.Len(t, plan.Traits, c.traits)

			w := fill(t)
			_, err = w.run(c.options)
			require.NoError(t, err)
			sent := map[bool]int64{}
			for _, call := range w.sandbox.Calls() {
				sent[strings.Contains(call.Path, "Conversions")]++
			}
			require.Equal(t, [2]int64{sent[false], sent[true]}, [2]int64{plan.TrackingCalls, plan.APICalls}, "%v", w.told(0))
		})
	}
}

func (w *world) planned(o impactsync.Options) (impactsync.PlanReport, error) {
	w.t.Helper()
	db := w.open()
	defer func() { require.NoError(w.t, db.Close()) }()
	return w.engine(db).Plan(w.t.Context(), o)
}
