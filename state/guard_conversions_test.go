package state_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/money"
)

// orders stores n conversions of an amount each.
func (b *bench) orders(n int, amount money.Amount, currency string) {
	b.ordersOf("u", n, amount, currency)
}

func (b *bench) ordersOf(who string, n int, amount money.Amount, currency string) {
	b.t.Helper()
	var items []state.Item
	for i := range n {
		id := fmt.Sprintf("o%d-%d", b.now.UnixNano(), i)
		items = append(items, state.Item{Person: user(who), SeenAt: b.now, Event: &state.Event{
			Key: id, MessageID: id, Kind: state.Conversion, Name: "Order Completed", EventType: "1", OrderID: id, Amount: amount, Currency: currency, At: b.now, Payload: []byte("{}"),
		}})
	}
	b.store(items...)
	b.now = b.now.Add(time.Minute)
}

// sell delivers everything, one conversion of a person at a time.
func (b *bench) sell() (sent int) {
	b.t.Helper()
	for {
		got := len(b.send())
		if got == 0 {
			return sent
		}
		sent += got
	}
}

func TestConversionsAreJudged(t *testing.T) {
	t.Parallel()
	shop := func(t *testing.T) *bench {
		b := setup(t)
		b.sales = state.ConversionGuard{Count: limit(200, 5), Money: limit(200, 100_0000)}
		b.reopen()
		for day := range 4 {
			b.orders(10, 10*money.Unit, "USD")
			require.Empty(t, b.judge(), "day %d", day)
			require.Equal(t, 10, b.sell())
			b.now = b.now.Add(25 * time.Hour)
		}
		return b
	}

	t.Run("too many are held as a batch, and an approval lets the oldest through", func(t *testing.T) {
		t.Parallel()
		b := shop(t)
		b.orders(17, money.Unit, "USD")
		require.Equal(t, []state.Ruling{{Direction: state.ConversionBatch, Reason: "17 conversions within 24 hours, 8 a day on average (212 %): more than 200 % and at least 5"}}, b.judge())
		require.Zero(t, b.sell())
		b.reopen()
		b.judge()
		require.Zero(t, b.sell())
		held := b.held()
		require.Len(t, held, 1)
		require.Equal(t, "approve --conversions 17", held[0].Command)
		require.Contains(t, held[0].Sample[0], "1.00 USD")
		require.Equal(t, state.Approved{Held: 17, Granted: 6}, b.approve("", state.ConversionBatch, 6))
		b.judge()
		require.Equal(t, 6, b.sell())
		b.sound()
	})

	t.Run("what was approved and forgotten lets nothing else through", func(t *testing.T) {
		t.Parallel()
		b := shop(t)
		b.ordersOf("bot", 17, money.Unit, "USD")
		b.judge()
		b.approve("", state.ConversionBatch, 17)
		require.EqualValues(t, 17, b.held()[0].Approved)
		b.forget(user("bot"))
		b.orders(18, money.Unit, "USD")
		require.Len(t, b.judge(), 1)
		require.Zero(t, b.held()[0].Approved)
		b.reopen()
		b.judge()
		require.Zero(t, b.sell())
		b.sound()
	})

	t.Run("too much money is held, though they are few", func(t *testing.T) {
		t.Parallel()
		b := shop(t)
		b.orders(1, 500*money.Unit, "EUR")
		require.Equal(t, "conversions of 500.00 EUR within 24 hours, 0.00 a day on average: more than 200 % and at least 100.00", b.judge()[0].Reason)
		b.orders(1, 300*money.Unit, "USD")
		require.Contains(t, b.judge()[0].Reason, "conversions of 300.00 USD within 24 hours, 80.00 a day on average (375 %)")
		require.Zero(t, b.sell())
		b.sound()
	})

	t.Run("a usual day goes, in any number of runs, and not much more", func(t *testing.T) {
		t.Parallel()
		b := shop(t)
		for range 4 {
			b.orders(4, money.Unit, "USD")
			require.Empty(t, b.judge())
			require.Equal(t, 4, b.sell())
		}
		b.orders(4, money.Unit, "USD")
		require.Len(t, b.judge(), 1)
		require.Zero(t, b.sell())
	})

	t.Run("a first sync is held where the guard says so", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.sales = state.ConversionGuard{Count: limit(200, 5), FirstSync: true}
		b.reopen()
		b.orders(5, 0, "")
		require.Len(t, b.judge(), 1)
	})

	t.Run("what a policy holds is no business of the guard", func(t *testing.T) {
		t.Parallel()
		b := shop(t)
		b.orders(1, money.Unit, "USD")
		b.judge()
		claims := b.claim()
		_, err := b.db.Turn(context.Background(), []state.Outcome{{Claim: claims[0], Result: state.Unknown, Error: "test"}},
			state.Want{Kinds: map[state.Kind]state.Policy{state.Conversion: state.Hold}})
		require.NoError(t, err)
		b.judge()
		require.Zero(t, b.sell())
		held := b.held()
		require.Len(t, held, 1)
		require.Equal(t, state.Unanswered, held[0].Direction)
		b.sound()
	})
}
