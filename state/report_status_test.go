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

// queryPlan says how SQLite reads a query.
func (b *bench) queryPlan(query string) (plan string) {
	b.t.Helper()
	raw, err := sql.Open("sqlite3", b.path)
	require.NoError(b.t, err)
	defer raw.Close()
	each(b.t, raw, `EXPLAIN QUERY PLAN `+query, func(row []any) { plan += row[3].(string) + "\n" }) //nolint:forcetypeassert // a text
	return plan
}

// What an operator asks at night must not read every event there is.
func TestRefusalsAreFoundByIndex(t *testing.T) {
	t.Parallel()
	plan := setup(t).queryPlan(`SELECT * FROM refused_deliveries`)
	require.Contains(t, plan, "SEARCH d USING INDEX deliveries_due (kind=? AND status=?)")
	require.Contains(t, plan, "SEARCH v USING INDEX trait_due_status (status=?)")
}

// What is settled and what is due of a person is found by the keys of both tables.
func TestRowsAreFoundByKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, query := range []string{
		`SELECT * FROM trait_rows WHERE trait_id = 1 AND profile_id = 2`,
		`SELECT * FROM trait_rows WHERE trait_id IN (SELECT id FROM traits) AND profile_id = 2`,
		`SELECT t.key, v.wanted FROM traits t CROSS JOIN trait_rows v ON v.trait_id = t.id AND v.profile_id = 2`,
	} {
		plan := b.queryPlan(query)
		require.Contains(t, plan, "SEARCH trait_due USING PRIMARY KEY (trait_id=? AND profile_id=?)", query)
		require.Contains(t, plan, "SEARCH v USING PRIMARY KEY (trait_id=? AND profile_id=?)", query)
	}
}

func TestTheNewestInputIsThatOfTheLastListing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	newest := func(at time.Time) time.Time {
		require.NoError(t, b.db.NoteSource(context.Background(), state.SourceNote{Name: "web", Newest: at}))
		s, err := b.db.Status(context.Background(), 1)
		require.NoError(t, err)
		return s.Sources[0].Newest
	}
	for _, at := range []time.Time{time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC), b.now} {
		require.Equal(t, at, newest(at))
	}
	require.Zero(t, newest(time.Time{}), "nothing is left")
}

// TestAKilledRunIsNotStillRunning: whoever has no end and no lock is dead.
func TestAKilledRunIsNotStillRunning(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := context.Background()
	reader, err := state.Open(ctx, state.Options{Path: b.path, ReadOnly: true, Binding: &binding})
	require.NoError(t, err)
	defer reader.Close()
	newest := func() state.RunStatus {
		s, err := reader.Status(ctx, 1)
		require.NoError(t, err)
		return s.Runs[0]
	}
	lock, err := state.Acquire(b.path, b.now)
	require.NoError(t, err)
	require.True(t, state.Held(b.path))
	require.False(t, newest().Killed, "it is under way")
	require.NoError(t, lock.Release())
	require.False(t, state.Held(b.path))
	require.True(t, newest().Killed)
	require.Equal(t, "2026-11-20T12:00:00.000Z", newest().LastSeen)
	b.reopen() // the next run
	b.end()
	s, err := reader.Status(ctx, 2)
	require.NoError(t, err)
	require.False(t, s.Runs[0].Killed || s.Runs[1].Killed)
	require.Contains(t, s.Runs[1].Note, "the process exited before finishing")
}
