package state_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

func event(kind state.Kind, key string, at time.Time) *state.Event {
	return &state.Event{Key: key, MessageID: key, Kind: kind, Name: key, At: at, Payload: []byte(`{"userId":"u1"}`)}
}

func TestEvents(t *testing.T) {
	t.Parallel()

	t.Run("a message is delivered once however often it comes", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		for range 3 {
			b.store(state.Item{Person: user("u1"), Event: event(state.PageLoad, "m1", b.now)})
		}
		require.Equal(t, []string{"m1"}, b.send())
		b.store(state.Item{Person: user("u1"), Event: event(state.PageLoad, "m1", b.now)})
		require.Empty(t, b.send())
		b.sound()
	})

	t.Run("an order is one conversion even under two message ids", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		for _, key := range []string{"m1", "m2"} {
			e := event(state.Conversion, key, b.now)
			e.EventType, e.OrderID = "Order Completed", "o1"
			b.store(state.Item{Person: user("u1"), Event: e})
		}
		require.Equal(t, []string{"m1"}, b.send())
	})

	t.Run("a conversion waits for earlier page loads of its person, but not for ever", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.store(
			state.Item{Person: state.Person{AnonymousID: "a1"}, SeenAt: b.now, ClickID: "click", Event: event(state.PageLoad, "page", b.now)},
			state.Item{Person: state.Person{UserID: "u1", AnonymousID: "a1"}, SeenAt: b.now.Add(1)},
			state.Item{Person: user("u1"), Event: event(state.Conversion, "order", b.now.Add(2))},
		)
		want := everything
		want.AttributionWait = time.Hour
		claims, err := b.db.Turn(context.Background(), nil, want)
		require.NoError(t, err)
		require.Equal(t, []string{"page"}, told(claims))
		b.settle(state.RetryLater, claims...)
		b.now = b.now.Add(30 * time.Second)
		claims, err = b.db.Turn(context.Background(), nil, want)
		require.NoError(t, err)
		require.Empty(t, claims)
		b.now = b.now.Add(2 * time.Hour)
		claims, err = b.db.Turn(context.Background(), nil, state.Want{Conversions: 1, AttributionWait: time.Hour})
		require.NoError(t, err)
		require.Equal(t, []string{"order"}, told(claims))
		require.Equal(t, "click", claims[0].ClickID)
	})

	t.Run("unknown deliveries follow the policy", func(t *testing.T) {
		t.Parallel()
		for policy, left := range map[state.Policy]state.Counts{state.Resend: {Unknown: 1}, state.Hold: {Held: 1}, state.Drop: {}} {
			b := setup(t)
			b.store(state.Item{Person: user("u1"), Event: event(state.PageLoad, "m1", b.now)})
			_, err := b.db.Turn(context.Background(), []state.Outcome{{Claim: b.claim()[0], Result: state.Unknown, Next: b.now}}, state.Want{Kinds: map[state.Kind]state.Policy{state.PageLoad: policy}})
			require.NoError(t, err)
			_, pageLoads, _, err := b.db.Due(context.Background())
			require.NoError(t, err)
			require.Equal(t, left, pageLoads, policy)
			b.sound()
		}
	})

	t.Run("what a policy held follows today's policy when a run begins", func(t *testing.T) {
		t.Parallel()
		type policies = map[state.Kind]state.Policy
		hold := policies{state.PageLoad: state.Hold, state.Conversion: state.Hold}
		for policy, left := range map[state.Policy]state.Counts{state.Resend: {Unknown: 2}, state.Hold: {Held: 2}, state.Drop: {}} {
			b := setup(t)
			begin := func(unknown policies) {
				var err error
				b.run, err = b.db.BeginRun(context.Background(), state.RunInfo{Kind: "run", Fingerprint: "f", Guards: b.limits(), Unknown: unknown})
				require.NoError(t, err)
			}
			for _, kind := range []state.Kind{state.PageLoad, state.Conversion} {
				b.store(state.Item{Person: user("u1"), Event: event(kind, "lost "+string(kind), b.now)}, state.Item{Person: user("u2"), Event: event(kind, "died "+string(kind), b.now)})
				for _, c := range b.claim() {
					if c.Person.UserID == "u1" {
						_, err := b.db.Turn(context.Background(), []state.Outcome{{Claim: c, Result: state.Unknown, Error: "test", Next: b.now.Add(time.Hour)}}, state.Want{Kinds: hold})
						require.NoError(t, err)
					}
				}
				begin(hold)
			}
			held := b.held()
			require.Len(t, held, 2)
			require.Equal(t, state.HeldSet{
				Kind: state.PageLoad, Direction: state.Unanswered, Held: 2, Reason: "no answer came, so impact.com may have them or not",
				Command: "set delivery.unknown.pageLoads: resend or drop", Sample: []string{"lost page_load", "died page_load"},
			}, held[1])
			begin(policies{state.PageLoad: policy, state.Conversion: policy})
			b.sound()
			_, pageLoads, conversions, err := b.db.Due(context.Background())
			require.NoError(t, err)
			require.Equal(t, left, pageLoads, policy)
			require.Equal(t, left, conversions, policy)
			counts, err := b.db.RunCounts(context.Background(), b.run)
			require.NoError(t, err)
			if policy == state.Drop {
				require.EqualValues(t, 4, counts["dropped"])
			}
			if policy == state.Resend {
				claims := b.claim()
				require.Len(t, claims, 2, "one of each person at a time")
				require.True(t, claims[0].Doubt)
			}
		}
	})

	t.Run("one attempt per person at a time", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.store(state.Item{Person: user("u1"), Event: event(state.PageLoad, "m1", b.now)}, state.Item{Person: user("u1"), Event: event(state.PageLoad, "m2", b.now.Add(1))})
		first := b.claim()
		require.Equal(t, []string{"m1"}, told(first))
		require.Empty(t, b.claim())
		b.settle(state.Delivered, first...)
		require.Equal(t, []string{"m2"}, b.send())
	})
}

// A backlog of conversions that wait must neither be read through in every turn
// nor hide those that need not wait.
func TestManyConversionsWait(t *testing.T) {
	t.Parallel()
	const n = 1_200
	b := setup(t)
	var items []state.Item
	for i := range n {
		who := fmt.Sprintf("u%04d", i)
		items = append(items,
			state.Item{Person: user(who), Event: event(state.PageLoad, "page "+who, b.now.Add(time.Duration(i)))},
			state.Item{Person: user(who), Event: event(state.Conversion, "order "+who, b.now.Add(time.Duration(n+i)))})
	}
	b.store(append(items, state.Item{Person: user("free"), Event: event(state.Conversion, "order", b.now.Add(time.Hour))})...)
	turn := func(pageLoads int, outcomes ...state.Outcome) []*state.Claim {
		claims, err := b.db.Turn(context.Background(), outcomes, state.Want{PageLoads: pageLoads, Conversions: 10, AttributionWait: time.Hour})
		require.NoError(t, err)
		return claims
	}
	first := turn(1)
	require.Equal(t, []string{"page u0000"}, told(first), "not yet")
	require.Equal(t, []string{"page u0001"}, told(turn(1)))
	require.Equal(t, []string{"page u0002", "order"}, told(turn(1)), "each turn goes on behind the last one's")

	require.Equal(t, []string{"order u0000"}, told(turn(0, delivered(first)...)), "from the oldest again")

	b.reopen()
	again := turn(0)
	require.ElementsMatch(t, []string{"order", "order u0000"}, told(again))
	b.store(state.Item{Person: user("late"), Event: event(state.Conversion, "late order", b.now.Add(time.Hour))})
	require.Equal(t, []string{"late order"}, told(turn(0, delivered(again)...)), "with nothing in flight all are looked at")
	b.sound()
}

func delivered(claims []*state.Claim) (all []state.Outcome) {
	for _, c := range claims {
		all = append(all, state.Outcome{Claim: c, Result: state.Delivered})
	}
	return all
}
