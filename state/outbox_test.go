package state_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

func keysOf(t *testing.T, b *bench) (n int) {
	t.Helper()
	raw, err := sql.Open("sqlite3", "file:"+b.path)
	require.NoError(t, err)
	defer raw.Close()
	require.NoError(t, raw.QueryRowContext(context.Background(), `SELECT (SELECT count(*) FROM event_keys) + (SELECT count(*) FROM recent_event_keys)`).Scan(&n))
	return n
}

// TestKeysMove has few recent keys, so that they move all the time, and nothing
// is taken twice. Not parallel: the limit is the package's.
func TestKeysMove(t *testing.T) {
	defer state.SetMostRecentKeys(100)()
	b := setup(t)
	b.store(state.Item{Person: user("u1"), Event: event(state.PageLoad, "first", b.now)})
	for round := range 3 {
		for i := range 40 {
			var batch state.Batch
			batch.Object = state.Object{Source: "web", Name: "log"}
			for j := range 25 {
				batch.Items = append(batch.Items, state.Item{Person: user("u1"), Event: event(state.PageLoad, fmt.Sprint(i*20+j), b.now)}) // some come twice
			}
			require.NoError(t, b.db.Store(context.Background(), batch))
		}
		require.Equal(t, 1+39*20+25, keysOf(t, b), "round %d", round)
		counts, err := b.db.RunCounts(context.Background(), b.run)
		require.NoError(t, err)
		require.EqualValues(t, []int{1 + 39*20 + 25, 0, 0}[round], counts["found"], "round %d", round)
		b.reopen()
	}
	raw, err := sql.Open("sqlite3", "file:"+b.path)
	require.NoError(t, err)
	defer raw.Close()
	var recent, both int
	require.NoError(t, raw.QueryRowContext(context.Background(), `SELECT count(*), (SELECT count(*) FROM recent_event_keys JOIN event_keys USING (key)) FROM recent_event_keys`).Scan(&recent, &both))
	require.Less(t, recent, 100)
	require.Zero(t, both)
	b.sound()
}

func TestEventKeys(t *testing.T) {
	t.Parallel()

	t.Run("old ones are all gone after 32 runs, and no others", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		add := func(name string) {
			for i := range 200 {
				b.store(state.Item{Person: user("u1"), Event: event(state.PageLoad, fmt.Sprint(name, i), b.now)})
			}
		}
		add("old")
		b.now = b.now.Add(1001 * time.Hour)
		add("new")
		require.Equal(t, 400, keysOf(t, b))
		for range 32 {
			b.reopen()
		}
		require.Equal(t, 200, keysOf(t, b))
	})

	t.Run("one that comes again in the same commit is counted", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		batch := func() state.Batch {
			return state.Batch{Object: state.Object{Source: "web", Name: "log"}, Items: []state.Item{
				{Person: user("u1"), Event: event(state.PageLoad, "m1", b.now)}, {Person: user("u1"), Event: event(state.Conversion, "m1", b.now)},
			}}
		}
		require.NoError(t, b.db.Store(context.Background(), batch(), batch()))
		require.NoError(t, b.db.Store(context.Background(), batch()))
		require.Equal(t, []string{"m1"}, b.send())
		counts, err := b.db.RunCounts(context.Background(), b.run)
		require.NoError(t, err)
		require.EqualValues(t, 5, counts["duplicate_message"])
		b.sound()
	})
}
