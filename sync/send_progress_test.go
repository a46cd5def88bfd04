package sync_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi/sandbox"
	impactsync "github.com/impactsync/impactsync/sync"
)

// TestProgressOfEachHostAgreesWithThePlan: it begins with the calls and the times that
// the plan has, and ends with all of them done.
func TestProgressOfEachHostAgreesWithThePlan(t *testing.T) {
	t.Parallel()
	at := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	w := setup(t, sandbox.Config{})
	w.list("VIP.csv", members(0, 20)...)
	for i := range 5 {
		w.log(fmt.Sprintf("%d.ndjson", i),
			fmt.Sprintf(`{"type":"track","event":"Order Completed","messageId":"o%d","userId":"u%d","timestamp":%q,"properties":{"order_id":"o%d","revenue":1}}`, i, i, at, i),
			fmt.Sprintf(`{"type":"page","messageId":"p%d","userId":"someone%d@example.com","timestamp":%q,"context":{"page":{"url":"https://shop.example/"}}}`, i, i, at)) // our own rules refuse it
	}
	db := w.open()
	defer func() { require.NoError(t, db.Close()) }()
	e := w.engine(db)
	e.Rates = impactsync.Rates{PageLoadsPerSecond: 40, ConversionsPerHour: 4}
	plan, err := e.Plan(t.Context(), impactsync.Options{})
	require.NoError(t, err)
	require.EqualValues(t, 5, plan.Refusals["no identifier"])

	type report struct {
		done, of int64
		takes    time.Duration
	}
	first, last := map[string]report{}, map[string]report{}
	e.Progress.Host = func(name string, done, of int64, takes time.Duration) {
		if _, known := first[name]; !known {
			first[name] = report{done, of, takes.Round(time.Second / 10)}
		}
		last[name] = report{done, of, takes.Round(time.Minute)}
	}
	_, err = e.Run(t.Context(), impactsync.Options{Deadline: time.Now().Add(8 * time.Second)})
	require.NoError(t, err)
	seconds := func(s float64) time.Duration {
		return time.Duration(s * float64(time.Second)).Round(time.Second / 10)
	}
	require.Equal(t, map[string]report{
		"tracking": {0, plan.TrackingCalls, seconds(plan.Seconds.TrackingHost)}, "api": {0, plan.APICalls, seconds(plan.Seconds.APIHost)},
	}, first)
	require.Equal(t, map[string]report{"tracking": {20, 20, 0}, "api": {4, 5, 15 * time.Minute}}, last)
}
