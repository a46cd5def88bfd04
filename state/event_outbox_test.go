package state_test

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
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
	require.NoError(t, raw.QueryRowContext(context.Background(), `SELECT count(*) FROM event_keys`).Scan(&n))
	return n
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

	t.Run("one that came in another commit or run is not taken again", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		for round := range 3 {
			for i := range 10 {
				batch := state.Batch{Object: state.Object{Source: "web", Name: "log"}}
				for j := range 25 {
					batch.Items = append(batch.Items, state.Item{Person: user("u1"), Event: event(state.PageLoad, fmt.Sprint(i*20+j), b.now)}) // some come twice
				}
				require.NoError(t, b.db.Store(context.Background(), batch))
			}
			require.Equal(t, 9*20+25, keysOf(t, b), "round %d", round)
			counts, err := b.db.RunCounts(context.Background(), b.run)
			require.NoError(t, err)
			require.EqualValues(t, []int{9*20 + 25, 0, 0}[round], counts["found"], "round %d", round)
			b.reopen()
		}
		b.sound()
	})

	t.Run("one that came in another piece of the same commit is not taken again", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		require.NoError(t, b.db.StoreAll(context.Background(), func(yield func([]state.Batch) bool) {
			for i := range 3 {
				batch := state.Batch{Object: state.Object{Source: "web", Name: "log", Line: int64(100 * (i + 1))}}
				for j := range 100 {
					batch.Items = append(batch.Items, state.Item{Person: user("u1"), Event: event(state.PageLoad, fmt.Sprint(i*80+j), b.now)})
				}
				if !yield([]state.Batch{batch}) {
					return
				}
			}
		}))
		require.Equal(t, 2*80+100, keysOf(t, b))
		counts, err := b.db.RunCounts(context.Background(), b.run)
		require.NoError(t, err)
		require.EqualValues(t, 2*80+100, counts["found"])
		require.EqualValues(t, 2*20, counts["duplicate_message"])
		known, _, err := b.db.ObjectState(context.Background(), "web", "log")
		require.NoError(t, err)
		require.EqualValues(t, 300, known.Line)
		b.sound()
	})

	t.Run("with minutes: old ones are gone, and the same message is not taken again, also if its key has no minute", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		add := func(name string, minute int64) {
			e := event(state.PageLoad, name, b.now)
			e.Minute = minute
			b.store(state.Item{Person: user("u1"), Event: e})
		}
		now := b.now.Unix() / 60
		add("of before", 0)
		add("of before", now)
		add("now", now)
		add("now", now)
		add("a day ago", now-24*60)
		require.Equal(t, 3, keysOf(t, b))
		b.now = b.now.Add(1030 * time.Hour)
		add("an old one, seen now", now-24*60)
		for range 32 { // those without a minute are looked through in parts
			b.reopen()
		}
		require.Equal(t, 1, keysOf(t, b))
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

// TestOrderTakenOver has a second event of an order: it goes out if impact.com
// certainly took nothing of the first, and not besides it.
func TestOrderTakenOver(t *testing.T) {
	t.Parallel()
	order := func(name string, b *bench) state.Item {
		e := event(state.Conversion, name, b.now)
		e.EventType, e.OrderID, e.Payload = "1", "o1", []byte(strconv.Quote(name))
		return state.Item{Person: user("u"), SeenAt: b.now, Event: e}
	}
	drop := func(b *bench) {
		n, err := b.db.DropRefused(context.Background(), state.Filter{})
		require.NoError(b.t, err)
		require.EqualValues(b.t, 1, n)
	}
	answer := func(results ...state.Result) func(*bench) {
		return func(b *bench) {
			for _, r := range results {
				claims := b.claim()
				require.Len(b.t, claims, 1)
				b.settle(r, claims...)
				b.now = b.now.Add(2 * time.Minute)
			}
		}
	}
	// refused is what our own rules say of the first.
	refused := func(refusal state.OwnRefusal) func(*bench) {
		return func(b *bench) {
			require.NoError(b.t, b.db.RefreshRefusals(context.Background(), "mended", func(w state.Waiting) state.OwnRefusal {
				require.Equal(b.t, `"first"`, string(w.Payload))
				require.True(b.t, w.At.Equal(b.now))
				return refusal
			}))
			require.NoError(b.t, b.db.RefreshRefusals(context.Background(), "mended", nil), "it is asked once of a mapping")
		}
	}
	clicked := func(b *bench) {
		b.store(state.Item{Person: user("u"), SeenAt: b.now, ClickID: "c", ClickSure: true})
	}
	aged := func(b *bench) {
		b.now = b.now.Add(101 * time.Hour)
		require.NoError(b.t, b.db.EndRun(context.Background(), 0, ""))
		var err error
		b.run, err = b.db.BeginRun(context.Background(), state.RunInfo{Kind: "run", Fingerprint: "f", KeepEvents: 1000 * time.Hour, MaxEventAge: 100 * time.Hour, Guards: b.limits()})
		require.NoError(b.t, err)
	}
	for name, c := range map[string]struct {
		first func(*bench)
		sent  bool // the second
	}{
		"refused":                     {answer(state.Refused), true},
		"refused and dropped":         {func(b *bench) { answer(state.Refused)(b); drop(b) }, true},
		"too old":                     {answer(state.TooOld), true},
		"tried, then refused":         {answer(state.RetryLater, state.Refused), true},
		"pending, to be refused":      {refused(state.OwnRefusal{Reason: "no price"}), true},
		"to be refused without click": {refused(state.OwnRefusal{Reason: "no identifier", Unsure: true}), true},
		"not refused with a click":    {func(b *bench) { refused(state.OwnRefusal{Reason: "no identifier", Unsure: true})(b); clicked(b) }, false},
		"refused, with a click":       {func(b *bench) { refused(state.OwnRefusal{Reason: "no price"})(b); clicked(b) }, true},
		"pending":                     {refused(state.OwnRefusal{}), false},
		"pending, too old by now":     {aged, true},
		"delivered":                   {answer(state.Delivered), false},
		"unknown":                     {answer(state.Unknown), false},
		"perhaps there, then refused": {answer(state.Unknown, state.Refused), false},
		"perhaps there, then dropped": {func(b *bench) { answer(state.Unknown, state.Refused)(b); drop(b) }, false},
		"perhaps there, then too old": {answer(state.Unknown, state.TooOld), false},
		"retry later":                 {answer(state.RetryLater), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.store(order("first", b))
			c.first(b)
			b.store(order("second", b), order("third", b))
			b.sound()
			counts, err := b.db.RunCounts(context.Background(), b.run)
			require.NoError(t, err)
			if !c.sent {
				require.EqualValues(t, 2, counts["duplicate_order"])
				require.NotContains(t, b.send(), "second")
				return
			}
			require.EqualValues(t, 1, counts["duplicate_order"])
			_, err = b.db.RetryRefused(context.Background(), state.Filter{})
			require.NoError(t, err)
			require.Equal(t, []string{"second"}, b.send())
			_, _, due, err := b.db.Due(context.Background())
			require.NoError(t, err)
			require.Zero(t, due)
			b.sound()
		})
	}
}

// An order that takes another one's place is its person's, also if the click of the
// first one's person had to be looked up while others were stored.
func TestOrderTakenOverIsItsPersons(t *testing.T) {
	t.Parallel()
	b := setup(t)
	order := func(name string) state.Item {
		e := sale("o1", b.now)
		e.Key, e.MessageID, e.Name, e.Refusal = name, name, name, state.OwnRefusal{Reason: "no identifier", Unsure: true}
		return state.Item{Person: user("u1"), Event: e}
	}
	b.store(order("first"))
	b.store(order("second"), state.Item{Person: user("u2"), Event: event(state.PageLoad, "page", b.now)})
	b.sound()
	e, err := b.db.Explain(context.Background(), "u1")
	require.NoError(t, err)
	require.Len(t, e.Events, 2)
	b.sound()
}
