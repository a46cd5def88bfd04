package state_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

// TestNewRoutesOfAnOlderState: its runs did not keep what they sent, but what
// they passed over.
func TestNewRoutesOfAnOlderState(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	o := options(filepath.Join(t.TempDir(), "state.db"))
	o.Create = true
	db, err := state.Open(ctx, o)
	require.NoError(t, err)
	defer db.Close()
	now := []state.Route{
		{Type: "track", Name: "Order Completed", Becomes: "conversion"}, {Type: "track", Name: "Order Complete", Becomes: "conversion"}, {Type: "page", Becomes: "page_load"},
	}
	fresh, err := db.NewRoutes(ctx, now)
	require.NoError(t, err)
	require.Empty(t, fresh, "no run yet")

	_, err = db.BeginRun(ctx, state.RunInfo{Kind: "run"}) // as before: it says no routes
	require.NoError(t, err)
	require.NoError(t, db.Store(ctx, state.Batch{
		Object: state.Object{Source: "web", Name: "a"}, Counts: map[string]int64{"not_sent_page_events_off": 7},
		Unlisted: map[state.Unlisted]int64{{Kind: "event", Name: "order COMPLETE"}: 2, {Kind: "event", Name: " Order Complete"}: 1, {Kind: "event", Name: "Other"}: 5, {Kind: "trait", Name: "Order Complete"}: 9},
	}))
	require.NoError(t, db.EndRun(ctx, 0, ""))
	fresh, err = db.NewRoutes(ctx, now)
	require.NoError(t, err)
	require.Equal(t, []state.NewRoute{{Route: now[1], PassedOver: 3}, {Route: now[2], PassedOver: 7}}, fresh)

	_, err = db.BeginRun(ctx, state.RunInfo{Kind: "run", Routes: now})
	require.NoError(t, err)
	fresh, err = db.NewRoutes(ctx, append(now, state.Route{Type: "track", Name: "Paid", Becomes: "conversion"}))
	require.NoError(t, err)
	require.Equal(t, []state.NewRoute{{Route: state.Route{Type: "track", Name: "Paid", Becomes: "conversion"}}}, fresh, "also one that was never seen")
	s, err := db.Status(ctx, 1)
	require.NoError(t, err)
	require.Equal(t, []state.UnlistedStatus{{Kind: "event", Name: "Other", Count: 5}, {Kind: "trait", Name: "Order Complete", Count: 9}}, s.Unlisted)
}
