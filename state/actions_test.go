package state_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

// sold sends some orders worth 100 EUR.
func (b *bench) sold(eventType string, ids ...string) {
	b.t.Helper()
	b.soldIn("EUR", eventType, ids...)
}

func (b *bench) soldIn(currency, eventType string, ids ...string) {
	b.t.Helper()
	for _, id := range ids {
		b.store(state.Item{Event: &state.Event{
			Key: eventType + id, MessageID: id, Kind: state.Conversion, Name: "Order Completed", EventType: eventType, OrderID: id, Amount: 100_0000, Currency: currency, At: b.now, Payload: []byte("{}"),
		}, Person: user(eventType + id)})
	}
	b.settle(state.Delivered, b.claim()...)
}

// action is an action worth 100 EUR of event type 310.
func action(id, order string, change ...func(*state.Action)) state.Action {
	a := state.Action{
		ID: id, TrackerID: "310", OrderID: order, State: "PENDING", Currency: "EUR", PartnerID: "p" + id, Amount: state.Money{Int64: 100_0000, Valid: true}, Intended: state.Money{Int64: 100_0000, Valid: true},
		Payout: state.Money{Int64: 5_0000, Valid: true}, ClientCost: state.Money{Int64: 6_0000, Valid: true}, CreatedAt: time.Date(2026, 11, 20, 13, 0, 0, 0, time.UTC),
	}
	for _, c := range change {
		c(&a)
	}
	return a
}

func reversed(a *state.Action) { a.State = "REVERSED" }
func worth(units int64) func(*state.Action) {
	return func(a *state.Action) { a.Amount.Int64 = units * 1_0000 }
}
func intended(units int64) func(*state.Action) {
	return func(a *state.Action) { a.Intended.Int64 = units * 1_0000 }
}
func in(currency string) func(*state.Action) { return func(a *state.Action) { a.Currency = currency } }
func tracked(by, code, name string) func(*state.Action) {
	return func(a *state.Action) { a.TrackerID, a.EventCode, a.TrackerName = by, code, name }
}
func created(at time.Time) func(*state.Action) { return func(a *state.Action) { a.CreatedAt = at } }

// readActions is a reading of 45 days that finds these actions, and no more.
func (b *bench) readActions(changes []state.ActionChange, all ...state.Action) {
	b.t.Helper()
	ctx := context.Background()
	since := b.now.Add(-45 * 24 * time.Hour)
	r, err := b.db.BeginReading(ctx, since)
	require.NoError(b.t, err)
	require.NoError(b.t, b.db.AddWindows(ctx, state.ReadWindow{Reading: r.ID, Kind: state.ActionRows, From: since, To: b.now}, state.ReadWindow{Reading: r.ID, Kind: state.ChangeRows, From: since, To: b.now}))
	for {
		w, found, err := b.db.NextWindow(ctx, r)
		require.NoError(b.t, err)
		if !found {
			break
		}
		rows := len(changes)
		if w.Kind == state.ActionRows {
			rows = len(all)
			require.NoError(b.t, b.db.StoreActions(ctx, w, all))
		} else {
			require.NoError(b.t, b.db.StoreChanges(ctx, w, changes))
		}
		missing, err := b.db.NotePage(ctx, w, state.PageRead{Rows: rows, Total: rows, Last: true, Requests: 1})
		require.NoError(b.t, err)
		require.Zero(b.t, missing)
	}
	_, err = b.db.EndReading(ctx, r)
	require.NoError(b.t, err)
	require.NoError(b.t, b.db.ResolveTypes(ctx))
}

func (b *bench) verdicts() map[string]string {
	b.t.Helper()
	require.NoError(b.t, b.db.JudgeOrders(context.Background(), state.Judging{After: 48 * time.Hour, Reattribution: []string{"MOVED"}}))
	b.sound()
	out := map[string]string{}
	for o, err := range b.db.EachVerdict(context.Background(), time.Time{}) {
		require.NoError(b.t, err)
		out[o.OrderID] = o.Verdict
		if o.Reason != "" {
			out[o.OrderID] += ": " + o.Reason
		}
	}
	counts, err := b.db.VerdictCounts(context.Background())
	require.NoError(b.t, err)
	var sum int64
	for _, n := range counts {
		sum += n
	}
	require.EqualValues(b.t, len(out), sum, "the sums add up")
	return out
}

// TestRounding: an amount may differ by the smallest amount of its currency.
func TestRounding(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var all []state.Action
	smallest := map[string]int64{"EUR": 100, "JPY": 1_0000, "KWD": 10}
	for currency, amount := range smallest {
		b.soldIn(currency, "310", currency+"-near", currency+"-far")
		for name, off := range map[string]int64{"-near": amount, "-far": 2 * amount} {
			all = append(all, action(currency+name, currency+name, in(currency), func(a *state.Action) { a.Amount.Int64 += off; a.Intended.Int64 += off }))
		}
	}
	b.now = b.now.Add(72 * time.Hour)
	b.readActions(nil, all...)
	got := b.verdicts()
	for currency := range smallest {
		require.Equal(t, "matched", got[currency+"-near"], currency)
		require.Equal(t, "differs: amount", got[currency+"-far"], currency)
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.sold("310", "plain", "none", "cents", "less", "mended", "euros", "yen", "twice", "moved", "again", "returned", "gone", "unsaid", "old")
	b.now = b.now.Add(72 * time.Hour)
	b.sold("310", "fresh")
	foreign := []state.Action{action("f0", "f0", in("USD"), reversed)}
	for i := range 30 { // most actions are in the account's currency
		foreign = append(foreign, action(fmt.Sprint("f", i+1), fmt.Sprint("f", i+1), in("USD")))
	}
	b.readActions(
		[]state.ActionChange{
			{ID: "m1.2", ActionID: "m1", State: "REVERSED", Disposition: "SYSTEM_REATTRIBUTED"}, {ID: "m2.1", ActionID: "m2", State: "PENDING", Disposition: "IR_BLANK"},
			{ID: "a1.2", ActionID: "a1", State: "REVERSED", Disposition: "MOVED"}, {ID: "r1.2", ActionID: "r1", State: "REVERSED", Disposition: "ITEM_RETURNED"},
			{ID: "g1.2", ActionID: "g1", State: "REVERSED", Disposition: "CONS_FRAUD"},
		},
		append(foreign, action("p1", "plain"), action("c1", "cents", func(a *state.Action) { a.Amount.Int64 += 100 }), action("l1", "less", worth(80), intended(80)),
			action("e1", "mended", worth(80)), action("u1", "euros", in("USD"), worth(110)), action("y1", "yen", in("JPY"), worth(16_000)),
			action("t1", "twice"), action("t2", "twice", created(b.now)), action("m1", "moved", reversed), action("m2", "moved", created(b.now)), action("a1", "again", reversed),
			action("r1", "returned", reversed), action("r2", "returned", created(b.now)), action("g1", "gone", reversed),
			action("n1", "unsaid", reversed), action("n2", "unsaid", created(b.now)), action("x1", "", reversed))...,
	)
	got := b.verdicts()
	for order, want := range map[string]string{
		"plain": "matched", "cents": "matched", "less": "differs: amount", "mended": "differs: modified", "euros": "matched", "yen": "differs: currency",
		"twice": "double", "moved": "reattributed: SYSTEM_REATTRIBUTED", "again": "reattributed: MOVED", "returned": "matched", "gone": "reversed_elsewhere: CONS_FRAUD",
		"unsaid": "reattributed", "none": "no_action", "old": "no_action", "fresh": "waiting: young", "f0": "not_ours", "f1": "not_ours",
	} {
		require.Equal(t, want, got[order], order)
	}
	require.NotContains(t, got, "", "no order can be told from an action without an order id")
	n, err := b.db.NamelessActions(context.Background(), time.Time{})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)

	// The next reading finds an action that came late, and loses nothing of what it does not see.
	b.now = b.now.Add(72 * time.Hour)
	b.readActions(nil, action("o1", "old"), action("t1", "twice", reversed))
	got = b.verdicts()
	require.Equal(t, "matched", got["old"])
	require.Equal(t, "matched", got["plain"])
	require.Equal(t, "no_action", got["fresh"])
	require.Equal(t, "reattributed", got["twice"], "one is gone, and nothing says why")
}

func TestWhatWasNotReadIsNotHeldAgainstAnOrder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.sold("310", "early")
	b.now = b.now.Add(60 * 24 * time.Hour)
	b.sold("310", "late")
	require.Equal(t, map[string]string{"early": "waiting: not read", "late": "waiting: young"}, b.verdicts(), "nothing was read so far")
	b.now = b.now.Add(72 * time.Hour)
	b.readActions(nil)
	require.Equal(t, map[string]string{"early": "waiting: not read", "late": "no_action"}, b.verdicts(), "the window begins after the early one")
	b.now = b.now.Add(60 * 24 * time.Hour)
	b.readActions(nil)
	require.Equal(t, "no_action", b.verdicts()["late"], "a verdict is kept when the window has gone on")
}

func TestPagesThatShift(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := setup(t)
	r, err := b.db.BeginReading(ctx, b.now.Add(-time.Hour))
	require.NoError(t, err)
	require.NoError(t, b.db.AddWindows(ctx, state.ReadWindow{Reading: r.ID, Kind: state.ActionRows, From: b.now.Add(-time.Hour), To: b.now}))
	page := func(total int, last bool, ids ...string) int {
		w, found, err := b.db.NextWindow(ctx, r)
		require.NoError(t, err)
		require.True(t, found)
		var all []state.Action
		for _, id := range ids {
			all = append(all, action(id, id))
		}
		require.NoError(t, b.db.StoreActions(ctx, w, all))
		missing, err := b.db.NotePage(ctx, w, state.PageRead{Rows: len(ids), Total: total, Last: last, Requests: 1})
		require.NoError(t, err)
		return missing
	}
	require.Zero(t, page(4, false, "1", "2"))
	b.reopen() // a killed process goes on with the second page
	r, err = b.db.BeginReading(ctx, b.now.Add(-time.Hour))
	require.NoError(t, err)
	require.True(t, r.Resumed)
	require.Equal(t, 1, page(3, true, "2", "4"), "1 has left the window, so that 3 moved to the first page")
	require.Zero(t, page(3, false, "2", "3"), "so it is read anew")
	require.Zero(t, page(3, true, "4"))
	_, found, err := b.db.NextWindow(ctx, r)
	require.NoError(t, err)
	require.False(t, found)
	r, err = b.db.EndReading(ctx, r)
	require.NoError(t, err)
	require.Equal(t, []int64{4, 7, 0}, []int64{r.Requests, r.Actions, r.Missed})
	again, err := b.db.BeginReading(ctx, b.now.Add(-time.Hour))
	require.NoError(t, err)
	require.False(t, again.Resumed, "it was ended")
}

func TestSplitWindow(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := setup(t)
	r, err := b.db.BeginReading(ctx, b.now.Add(-4*time.Hour))
	require.NoError(t, err)
	require.NoError(t, b.db.AddWindows(ctx, state.ReadWindow{Reading: r.ID, Kind: state.ActionRows, From: b.now.Add(-4 * time.Hour), To: b.now}))
	w, _, err := b.db.NextWindow(ctx, r)
	require.NoError(t, err)
	require.NoError(t, b.db.SplitWindow(ctx, w))
	var spans []time.Duration
	var passes []int64
	for range 2 {
		w, _, err = b.db.NextWindow(ctx, r)
		require.NoError(t, err)
		spans, passes = append(spans, w.To.Sub(w.From)), append(passes, w.Pass)
		_, err = b.db.NotePage(ctx, w, state.PageRead{Last: true})
		require.NoError(t, err)
	}
	require.Equal(t, []time.Duration{2 * time.Hour, 2 * time.Hour}, spans)
	require.Len(t, slices.Compact(passes), 2, "each pass has its number")
}

func TestEventTypesOfActions(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		ours    string
		given   map[string]string
		tracker func(*state.Action)
		want    string
	}{
		"its number":                {"310", nil, tracked("310", "", ""), "matched"},
		"its code":                  {"Order Completed", nil, tracked("310", "order completed", "Sale"), "matched"},
		"its name":                  {"Order Completed", nil, tracked("310", "", "Order Completed"), "matched"},
		"a setting":                 {"Order Completed", map[string]string{"Order Completed": "310"}, tracked("310", "x", "y"), "matched"},
		"the orders that it shares": {"Order Completed", nil, tracked("310", "", "Sale"), "matched"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.sold(tt.ours, "o1", "o2", "o3")
			b.db.GiveTypes(tt.given)
			b.now = b.now.Add(72 * time.Hour)
			b.readActions(nil, action("1", "o1", tt.tracker), action("2", "o2", tt.tracker))
			require.Equal(t, map[string]string{"o1": tt.want, "o2": tt.want, "o3": "no_action"}, b.verdicts())
		})
	}
	t.Run("another number is another event type", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.sold("311", "o1")
		b.now = b.now.Add(72 * time.Hour)
		b.readActions(nil, action("1", "o1"))
		require.NoError(t, b.db.JudgeOrders(context.Background(), state.Judging{}))
		counts, err := b.db.VerdictCounts(context.Background())
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"no_action": 1, "not_ours": 1}, counts)
	})
	t.Run("one order under two event types", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.sold("310", "o1")
		b.sold("311", "o1")
		b.now = b.now.Add(72 * time.Hour)
		b.readActions(nil, action("1", "o1"), action("2", "o1", tracked("311", "", "")))
		require.NoError(t, b.db.JudgeOrders(context.Background(), state.Judging{}))
		counts, err := b.db.VerdictCounts(context.Background())
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"matched": 2}, counts)
	})
}

func TestOrdersThatWereTakenBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.sold("310", "owed", "locked", "gone", "less", "more", "yen", "told", "money", "twice")
	change := func(order string, status int, wanted, told string, left int, class string) {
		b.exec(fmt.Sprintf(`INSERT INTO order_changes (order_id, event_type, status, class, stale, wanted, told, amount_left, first_at, changed_at, next_attempt_at, reason, sent)
			VALUES ('%[1]s', '310', %[2]d, nullif('%[3]s', ''), 0, '%[4]s', '%[5]s', %[6]d, 1, 1, 1, 'r', '%[5]s')`, order, status, class, wanted, told, left*1_0000))
	}
	const items = `[{"sku":"A","quantity":1}]`
	change("owed", 4, "reversed", "", 0, "mode")
	change("locked", 4, "reversed", "", 0, "locked")
	change("gone", 0, "reversed", "reversed", 0, "done")
	change("less", 0, items, items, 60, "done")
	change("more", 4, items, "", 60, "mode")
	change("yen", 0, items, items, 60, "done")
	change("told", 3, "reversed", "reversed", 0, "shown")
	change("money", 4, "", "", 90, "part")
	change("twice", 4, "reversed", "", 0, "several")
	change("foreign", 4, "reversed", "", 0, "mode")
	change("unsold", 4, "reversed", "", 0, "mode")
	b.now = b.now.Add(72 * time.Hour)
	b.readActions([]state.ActionChange{{ID: "3.2", ActionID: "3", State: "REVERSED", Disposition: "ITEM_RETURNED"}},
		action("1", "owed"), action("2", "locked", func(a *state.Action) { a.State = "APPROVED" }), action("3", "gone", reversed), action("4", "less", worth(60)), action("5", "more"),
		action("21", "foreign"), action("6", "yen", in("JPY"), worth(9000)), action("7", "told"), action("8", "money"), action("9", "twice"), action("10", "twice"),
		action("11", "j1", in("JPY")), action("12", "j2", in("JPY")), action("13", "j3", in("JPY")), action("14", "j4", in("JPY")), action("15", "j5", in("JPY")),
		action("16", "j6", in("JPY")), action("17", "j7", in("JPY")), action("18", "j8", in("JPY")), action("19", "j9", in("JPY")), action("20", "j10", in("JPY")))
	want := map[string]string{
		"owed": "refund_owed: reported mode", "locked": "refund_owed: reported locked", "gone": "reversed", "less": "matched", "more": "refund_owed: reported mode",
		"yen": "matched", "told": "refund_owed: waiting shown", "money": "matched", "twice": "double",
		"foreign": "refund_owed: reported mode",
	}
	got := b.verdicts()
	for order, verdict := range want {
		require.Equal(t, verdict, got[order], order)
	}
	unsold, err := b.db.ExplainOrder(context.Background(), "unsold")
	require.NoError(t, err)
	require.Len(t, unsold, 1, "only refunds are known of it")
	require.NotContains(t, got, "unsold", "nor is it in question there")
	b.exec(`DELETE FROM order_changes`) // it is kept no longer than the conversion
	again := b.verdicts()
	for order := range want {
		require.Equal(t, got[order], again[order], order)
	}
}

func TestOldOrdersAreForgotten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.readActions(nil, action("1", "foreign", func(a *state.Action) { a.EventAt = b.now }), action("2", "", created(b.now)))
	b.sold("310", "o1")
	require.Len(t, b.verdicts(), 2)
	b.now = b.now.Add(401 * 24 * time.Hour)
	require.Equal(t, map[string]string{"o1": "waiting: not read"}, b.verdicts(), "one that the state still knows stays")
	n, err := b.db.NamelessActions(context.Background(), time.Time{})
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestManyOrdersAreJudgedInParts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var all []state.Action
	for i := range 25_000 {
		all = append(all, action(fmt.Sprint(i), fmt.Sprintf("o%d", i/2), created(b.now.Add(time.Duration(i)))))
	}
	b.now = b.now.Add(72 * time.Hour)
	b.readActions(nil, all...)
	got := b.verdicts()
	require.Len(t, got, 12_500)
	require.Equal(t, []string{"double"}, slices.Compact(slices.Sorted(maps.Values(got))))
}
