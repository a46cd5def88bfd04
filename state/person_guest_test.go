package state_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

// sale is a conversion with an order's id.
func sale(id string, at time.Time) *state.Event {
	e := event(state.Conversion, id, at)
	e.EventType, e.OrderID, e.Payload = "Order Completed", id, []byte(`{"type":"track"}`)
	return e
}

func TestGuestsShareNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(
		state.Item{SeenAt: b.now, ClickID: "of-g1", Event: event(state.PageLoad, "page", b.now)},
		state.Item{SeenAt: b.now, ClickID: "of-g1", Event: sale("g1", b.now)},
		state.Item{SeenAt: b.now, Event: sale("g2", b.now)},
		state.Item{SeenAt: b.now, ClickID: "nothing-to-send"},
	)
	want := everything
	want.AttributionWait = time.Hour
	want.People = 3
	claims, err := b.db.Turn(context.Background(), nil, want)
	require.NoError(t, err)
	require.Equal(t, []string{"page", "g1", "g2"}, told(claims), "all at once: nobody waits")
	for _, c := range claims {
		require.Empty(t, c.ClickID)
		require.True(t, c.Person.IsZero())
	}
	b.settle(state.Delivered, claims[:2]...)
	_, err = b.db.Turn(context.Background(), []state.Outcome{{Claim: claims[2], Result: state.Refused, Class: "identifier", Error: "no identifier", Fingerprint: "f"}}, state.Want{})
	require.NoError(t, err)
	b.sound()
	require.Zero(t, b.number(`SELECT count(*) FROM profiles`))
	require.Equal(t, 1, b.number(`SELECT count(*) FROM refused_deliveries WHERE user_id IS NULL AND detail = 'g2 g2'`))

	e, err := b.db.Explain(context.Background(), "g2")
	require.NoError(t, err)
	require.Equal(t, "refused", e.Events[0].Status)
	require.Len(t, e.Attempts, 1)
	require.Empty(t, e.UserID+e.ClickID)

	require.Positive(t, b.forget(state.Person{UserID: "g2"}))
	_, err = b.db.Explain(context.Background(), "g2")
	require.ErrorIs(t, err, state.ErrNotFound)
	_, err = b.db.Explain(context.Background(), "g1")
	require.NoError(t, err)
	b.sound()
}

func TestAGuestsOrderComesOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 2 {
		b.store(state.Item{SeenAt: b.now, Event: sale("g1", b.now)})
	}
	require.Equal(t, []string{"g1"}, b.send())
	again := sale("g1", b.now)
	again.Key = "another message"
	b.store(state.Item{SeenAt: b.now, Event: again})
	require.Empty(t, b.send())
}

// TestUpgradeSeparatesGuests: not parallel, the migrations are the package's.
func TestUpgradeSeparatesGuests(t *testing.T) {
	path := madeWith(t, 6, schemaFiles(t, 6))
	raw, err := sql.Open("sqlite3", path)
	require.NoError(t, err)
	_, err = raw.ExecContext(context.Background(), `
		INSERT INTO profiles (id, click_id, click_at, seen_at) VALUES (2286946517328429721, 'of-one', 1, 1);
		INSERT INTO deliveries (id, kind, status, profile_id, message_id, event, event_type, order_id, event_at, created_at, payload, attempts) VALUES
			(11, 'conversion', 1, 2286946517328429721, 'g1', 'Order', 'Order', 'g1', 1795000000000000000, 1795000000000000000, '{}', 1),
			(12, 'conversion', 1, 2286946517328429721, 'g2', 'Order', 'Order', 'g2', 1795000000000000000, 1795000000000000000, '{}', 0);
		INSERT INTO attempts (attempt, run, profile_id, delivery_id, detail, at, outcome, error) VALUES (1, 1, 2286946517328429721, 11, 'Order', 1, 'retry later', 'busy');
		INSERT INTO counters (scope, name, value) VALUES (-1, 'pending', 2);`)
	require.NoError(t, err)
	require.NoError(t, raw.Close())
	db, err := state.Open(context.Background(), options(path))
	require.NoError(t, err)
	defer db.Close()
	e, err := db.Explain(context.Background(), "g1")
	require.NoError(t, err)
	require.Len(t, e.Events, 1)
	require.Len(t, e.Attempts, 1)
	claims, err := db.Turn(context.Background(), nil, everything)
	require.NoError(t, err)
	require.Subset(t, told(claims), []string{"Order", "Order"}, "both in one turn")
	for _, c := range claims {
		require.NotEqual(t, "of-one", c.ClickID)
	}
	problems, err := db.Check(context.Background())
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestWhichClickCounts(t *testing.T) {
	t.Parallel()
	type seen struct {
		id   string
		sure bool
		at   time.Duration
	}
	for name, c := range map[string]struct {
		seen []seen
		want string
	}{
		"the newest":            {[]seen{{"a", true, 1}, {"b", true, 2}}, "b"},
		"not the one read last": {[]seen{{"b", true, 2}, {"a", true, 1}}, "b"},
		"the newest of an account that has clickid": {[]seen{{"a", false, 1}, {"b", false, 2}}, "b"},
		"no other network's":                        {[]seen{{"a", true, 1}, {"other", false, 2}}, "a"},
		"nor if that is read first":                 {[]seen{{"other", false, 2}, {"a", true, 1}}, "a"},
		"none has no place":                         {[]seen{{"a", true, 1}, {"", true, 2}}, "a"},
		"one that turns out to be sure":             {[]seen{{"a", false, 1}, {"a", true, 2}, {"other", false, 3}}, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, visitor := range []bool{false, true} { // who turns out to be a user
				b := setup(t)
				for i, s := range c.seen {
					p := user("u1")
					if visitor && i == 0 {
						p = state.Person{AnonymousID: "v1"}
					}
					b.store(state.Item{Person: p, SeenAt: b.now.Add(s.at), ClickID: s.id, ClickSure: s.sure})
				}
				if visitor {
					b.store(state.Item{Person: state.Person{UserID: "u1", AnonymousID: "v1"}, SeenAt: b.now.Add(9)})
				}
				b.store(state.Item{Person: user("u1"), SeenAt: b.now.Add(10), Event: sale("o1", b.now.Add(10))})
				claims := b.claim()
				require.Len(t, claims, 1)
				require.Equal(t, c.want, claims[0].ClickID)
				e, err := b.db.Explain(context.Background(), "u1")
				require.NoError(t, err)
				require.Equal(t, c.want, e.ClickID)
			}
		})
	}
}

func TestWhoseClickIsOfAnOlderSchema(t *testing.T) {
	t.Parallel()
	for later, want := range map[time.Duration]string{-1: "old", 1: "new"} {
		for _, sure := range []bool{false, true} {
			b := setup(t)
			b.store(state.Item{Person: user("u1"), SeenAt: b.now, ClickID: "old", ClickSure: true})
			b.reopen()
			b.exec(`UPDATE profiles SET click_sure = NULL`)
			b.reopen()
			b.store(state.Item{Person: user("u1"), SeenAt: b.now.Add(later), ClickID: "new", ClickSure: sure})
			e, err := b.db.Explain(context.Background(), "u1")
			require.NoError(t, err)
			require.Equal(t, want, e.ClickID)
		}
	}
}
