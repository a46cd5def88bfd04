package state_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

func TestStatus(t *testing.T) {
	t.Parallel()
	b := setup(t)
	status := func() state.Status {
		s, err := b.db.Status(context.Background(), 5)
		require.NoError(t, err)
		return s
	}
	text, err := json.Marshal(status())
	require.NoError(t, err)
	for _, list := range []string{"audiences", "sources", "held", "unlisted", "warnings", "unusable_objects", "verdicts"} {
		require.Contains(t, string(text), `"`+list+`":[]`)
	}
	require.Zero(t, status().Oldest)

	hoursAgo := func(n int) time.Time { return b.now.Add(-time.Duration(n) * time.Hour) }
	b.store(state.Item{Person: user("u1"), Event: event(state.PageLoad, "page", hoursAgo(2))})
	require.Equal(t, hoursAgo(2), status().Oldest, "since it happened, not since it was read")
	b.store(state.Item{Person: user("u1"), ClickID: "click", SeenAt: b.now, Event: event(state.Conversion, "order", hoursAgo(3))})
	require.Equal(t, hoursAgo(3), status().Oldest)
	b.change(user("u2"), "vip", "true", hoursAgo(4))
	require.Equal(t, hoursAgo(4), status().Oldest)
	b.sendAll()
	require.Zero(t, status().Oldest)
}

// What an operator asks at night must not read every event there is.
func TestRefusalsAreFoundByIndex(t *testing.T) {
	t.Parallel()
	b := setup(t)
	raw, err := sql.Open("sqlite3", b.path)
	require.NoError(t, err)
	defer raw.Close()
	rows, err := raw.QueryContext(context.Background(), `EXPLAIN QUERY PLAN SELECT * FROM refused_deliveries`)
	require.NoError(t, err)
	defer rows.Close()
	plan := ""
	for rows.Next() {
		var id, parent, unused int
		var step string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &step))
		plan += step + "\n"
	}
	require.NoError(t, rows.Err())
	require.Contains(t, plan, "SEARCH d USING INDEX deliveries_due (kind=? AND status=?)")
	require.Contains(t, plan, "SEARCH v USING INDEX trait_due_status (status=?)")
}

func TestTheNewestInputIsThatOfTheLastListing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	newest := func(at time.Time) time.Time {
		require.NoError(t, b.db.NoteSource(context.Background(), "web", at, ""))
		s, err := b.db.Status(context.Background(), 1)
		require.NoError(t, err)
		return s.Sources[0].Newest
	}
	for _, at := range []time.Time{time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC), b.now} {
		require.Equal(t, at, newest(at))
	}
	require.Zero(t, newest(time.Time{}), "nothing is left")
}
