package state_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

func TestMeasures(t *testing.T) {
	t.Parallel()
	b := setup(t)
	measures := func() state.Measures {
		m, err := b.db.Measures(context.Background())
		require.NoError(t, err)
		return m
	}
	none := measures()
	require.Empty(t, none.Oldest)
	require.Empty(t, none.Refused)
	require.Empty(t, none.Money)
	require.Empty(t, none.Held)
	require.Zero(t, none.LastSuccess)

	hoursAgo := func(n int) time.Time { return b.now.Add(-time.Duration(n) * time.Hour) }
	b.change(user("u1"), "vip", "true", hoursAgo(4))
	b.change(user("u2"), "vip", "true", hoursAgo(2))
	b.change(user("u1"), "new", "true", hoursAgo(1))
	b.store(state.Item{Person: user("u1"), Event: event(state.PageLoad, "page", hoursAgo(3))})
	require.ElementsMatch(t, []state.OldestDue{
		{Kind: "trait", Trait: "vip", At: hoursAgo(4)}, {Kind: "trait", Trait: "new", At: hoursAgo(1)}, {Kind: "page_load", At: hoursAgo(3)},
	}, measures().Oldest)

	b.sell()
	require.Empty(t, measures().Oldest)
	b.orders(2, 1050, "EUR")
	b.ordersOf("v", 1, 300, "of the account's currency")
	b.change(user("u3"), "vip", "true", b.now)
	b.settle(state.Refused, b.claim()...)
	b.settle(state.Refused, b.claim()...)
	m := measures()
	require.Equal(t, []state.RefusedMoney{{Conversions: 1, Amount: 300}, {Currency: "EUR", Conversions: 2, Amount: 2100}}, m.Money)
	require.Zero(t, m.Unreadable)
	require.ElementsMatch(t, []state.RefusedCount{{Kind: "conversion", Class: "other", Count: 3}, {Kind: "trait", Class: "other", Count: 1}}, m.Refused)
	require.Empty(t, m.Oldest, "what is refused waits for nobody")

	require.NoError(t, b.db.EndRun(context.Background(), 0, ""))
	ended := b.now
	b.now = b.now.Add(time.Hour)
	b.reopen()
	b.list("club", state.Guard{}, "c1", "c2", "c3")
	b.sell()
	b.list("club", state.Guard{Exits: &state.Limit{Percent: 10}}, "c1")
	b.judge()
	require.NoError(t, b.db.EndRun(context.Background(), 5, ""))
	m = measures()
	require.Equal(t, []state.HeldCount{{Trait: "club", Direction: "exits", Count: 2}}, m.Held)
	require.Equal(t, map[int64]int64{0: 1, 5: 1}, m.Runs)
	require.Equal(t, ended, m.LastSuccess)
	require.Equal(t, int64(4), m.Totals["refused"], "of all runs")
}
