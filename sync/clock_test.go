package sync_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
)

// at makes one pass with a clock of its own.
func (w *world) at(now time.Time, o impactsync.Options) impactsync.Report {
	w.t.Helper()
	ctx := context.Background()
	started := time.Now()
	clock := func() time.Time { return now.Add(time.Since(started)) }
	db, err := state.Open(ctx, state.Options{
		Path: filepath.Join(w.dir, "state.db"), Create: true, Now: clock, Binding: &state.Binding{AccountSID: "IRsid", CampaignID: "23224", Hosts: "loopback"},
	})
	require.NoError(w.t, err)
	defer db.Close()
	e := w.engine(db)
	e.SetNow(clock)
	r, err := e.Run(ctx, o)
	if !errors.Is(err, impactsync.ErrHostDown) { // one scene has a host that fails everything
		require.NoError(w.t, err)
	}
	problems, err := db.Check(ctx)
	require.NoError(w.t, err)
	require.Empty(w.t, problems)
	return r
}

func change(id, who string, value bool, at time.Time) string {
	return fmt.Sprintf(`{"type":"identify","messageId":%q,"userId":%q,"timestamp":%q,"receivedAt":%q,"traits":{"web":%t},"context":{"personas":{"computation_class":"audience","computation_key":"web"}}}`,
		id, who, at.Format(time.RFC3339Nano), at.Format(time.RFC3339Nano), value)
}

// TestClockThatJumps runs with a clock that is hours off, now this way and now
// that. Nothing is lost, and nothing is sent twice.
func TestClockThatJumps(t *testing.T) {
	t.Parallel()
	w := setup(t, sandbox.Config{})
	noon := time.Now().Add(-48 * time.Hour).Truncate(time.Second)
	value, sent := false, 0
	for i, jump := range []time.Duration{0, -5 * time.Hour, 7 * time.Hour, -9 * time.Hour, 30 * time.Hour, -time.Hour, 0} {
		right := noon.Add(time.Duration(i) * time.Hour) // what a right clock shows
		value = !value
		w.log(fmt.Sprintf("%d.ndjson", i), change(fmt.Sprint("m", i), "w1", value, right.Add(-time.Minute)),
			fmt.Sprintf(`{"type":"page","messageId":"p%d","userId":"u2","timestamp":%q,"context":{"page":{"url":"https://shop.example/%d"}}}`, i, right.Format(time.RFC3339), i))
		w.list("VIP.csv", members(i, 10+i)...)
		r := w.at(right.Add(jump), impactsync.Options{})
		require.Equal(t, impactsync.ExitOK, r.ExitCode, "step %d: %+v", i, r)
		require.Zero(t, r.Counts["late"], "step %d", i)
		told := w.told(sent)
		sent += len(told)
		require.Contains(t, told, fmt.Sprintf("/PageLoad w1 web=%t", value), "step %d", i)
		changes := 12 // the change, the page, ten members; later one leaves and one joins
		if i > 0 {
			changes = 4
		}
		require.Len(t, told, changes, "step %d: %v", i, told)
	}
}

// TestRetryAfterAJump fails while the clock is ahead; what waits for a retry
// then does not wait for hours once the clock is right.
func TestRetryAfterAJump(t *testing.T) {
	t.Parallel()
	fail := true
	w := setup(t, sandbox.Config{Fault: func(*http.Request, impactapi.Params) sandbox.Fault {
		if fail {
			return sandbox.Fault{Status: http.StatusServiceUnavailable}
		}
		return sandbox.Fault{}
	}})
	w.list("VIP.csv", members(0, 5)...)
	now := time.Now()
	ahead := now.Add(12 * time.Hour)
	r := w.at(ahead, impactsync.Options{Deadline: ahead.Add(4 * time.Second)})
	require.Equal(t, impactsync.ExitFailed, r.ExitCode, "%+v", r)
	require.EqualValues(t, 5, r.Traits.Unknown+r.Traits.RetryLater, "%+v", r)
	fail = false
	r = w.at(now, impactsync.Options{})
	require.Equal(t, impactsync.ExitOK, r.ExitCode, "%+v", r)
	require.EqualValues(t, 5, r.Counts["delivered"])
}
