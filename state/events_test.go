package state_test

import (
	"context"
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
