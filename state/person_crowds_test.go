package state_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

// visit is a message of a visitor under a user id, and what is sent of it.
func visit(userID, visitor, click string, kind state.Kind, n int, at time.Time) state.Item {
	payload := fmt.Sprintf(`{"type":"track","userId":%q,"anonymousId":%q}`, userID, visitor)
	key := fmt.Sprintf("%s-%s-%s-%d", userID, visitor, kind, n)
	return state.Item{
		Person: state.Person{UserID: userID, AnonymousID: visitor}, SeenAt: at, ClickID: click,
		Event: &state.Event{Key: key, MessageID: key, Kind: kind, Name: "x", At: at, Payload: []byte(payload)},
	}
}

// conversions claims what is due of them: the person's click id by payload.
func (b *bench) conversions() map[string]string {
	b.t.Helper()
	b.now = b.now.Add(time.Hour) // which none waits for its page loads
	claims, err := b.db.Turn(context.Background(), nil, state.Want{Conversions: 1e6})
	require.NoError(b.t, err)
	all := map[string]string{}
	for _, c := range claims {
		if c.Kind == state.Conversion {
			all[string(c.Payload)] = c.ClickID
		}
	}
	return all
}

func (b *bench) begin(people state.PeopleRules) {
	b.t.Helper()
	_, err := b.db.BeginRun(context.Background(), state.RunInfo{Kind: "run", Fingerprint: "f", KeepEvents: 1000 * time.Hour, People: people})
	require.NoError(b.t, err)
}

// peopleRules by which nobody and trusted are what they are.
func peopleRules(name, nobody, trusted string) state.PeopleRules {
	return state.PeopleRules{Fingerprint: name, Usable: func(id string) bool { return id != nobody }, Trusted: func(id string) bool { return id == trusted }}
}

// crowd stores so many visitors of one user id, each with a click, then one more with an order.
func (b *bench) crowd(id string, visitors int) {
	b.t.Helper()
	var items []state.Item
	for i := range visitors {
		items = append(items, visit(id, fmt.Sprintf("%s-anon-%d", id, i), fmt.Sprintf("click-%d", i), state.PageLoad, i, b.now.Add(-3*time.Hour)))
	}
	b.store(items...)
	b.store(visit(id, id+"-buyer", "", state.Conversion, 0, b.now.Add(-time.Hour)), visit(id, id+"-anon-5", "", state.Conversion, 0, b.now.Add(-time.Hour)))
}

func TestManyVisitorsAreNotOnePerson(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := context.Background()
	b.crowd("regular", state.MostVisitors-1)
	held, err := b.db.Crowds(ctx)
	require.NoError(t, err)
	require.Empty(t, held, "with the buyer, a thousand are still a person")

	b.crowd("web_user", state.MostVisitors+1)
	held, err = b.db.Crowds(ctx)
	require.NoError(t, err)
	require.Len(t, held, 1)
	require.Equal(t, "web_user user_id", held[0].ID+" "+held[0].Kind)
	// Its visitors are people of their own, before and after it was found.
	b.store(visit("web_user", "anon-late", "click-late", state.PageLoad, 1, b.now.Add(-3*time.Hour)), visit("web_user", "anon-late", "", state.Conversion, 1, b.now.Add(-time.Hour)))
	b.store(state.Item{Person: user("web_user"), SeenAt: b.now.Add(-2 * time.Hour), ClickID: "of-the-crowd"})
	late, err := b.db.Explain(ctx, "anon-late")
	require.NoError(t, err)
	require.Empty(t, late.AbsorbedInto)
	require.Equal(t, "click-late", late.ClickID)
	all, err := b.db.Explain(ctx, "web_user")
	require.NoError(t, err)
	require.Empty(t, all.ClickID+all.AnonymousID)
	require.Empty(t, all.Anonymous)
	require.Empty(t, all.Events)
	first, err := b.db.Explain(ctx, "web_user-anon-7")
	require.NoError(t, err)
	require.Len(t, first.Events, 1)

	got := b.conversions()
	require.Equal(t, "click-998", got[`{"type":"track","userId":"regular","anonymousId":"regular-buyer"}`])
	require.Contains(t, got, `{"type":"track","anonymousId":"web_user-buyer"}`, "and impact.com is not told the id")
	require.Empty(t, got[`{"type":"track","anonymousId":"web_user-buyer"}`])
	require.Equal(t, "click-5", got[`{"type":"track","anonymousId":"web_user-anon-5"}`], "each has their own")
	require.Equal(t, "click-late", got[`{"type":"track","anonymousId":"anon-late"}`])
	problems, err := b.db.Check(ctx)
	require.NoError(t, err)
	require.Empty(t, problems)

	// Somebody says that it is one person: it is merged as any.
	b.begin(peopleRules("trusted", "", "web_user"))
	b.crowd("web_user", state.MostVisitors+1)
	held, err = b.db.Crowds(ctx)
	require.NoError(t, err)
	require.Empty(t, held)
	first, err = b.db.Explain(ctx, "web_user-anon-7")
	require.NoError(t, err)
	require.Equal(t, "web_user", first.AbsorbedInto)
}

func TestTooManyMessagesAreNotOnePersons(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := context.Background()
	at := b.now.Add(-3 * time.Hour)
	b.store(
		state.Item{Person: user("system"), SeenAt: at, ClickID: "click-system"},
		visit("u1", "kiosk", "click-kiosk", state.PageLoad, 1, at), visit("u1", "kiosk", "", state.Conversion, 1, at.Add(time.Hour)),
	)
	require.NoError(t, b.db.HoldCrowds(ctx, map[state.Person]int64{user("system"): 2000, {AnonymousID: "kiosk"}: 3000}, 9000))
	require.NoError(t, b.db.HoldCrowds(ctx, map[state.Person]int64{user("system"): 2000}, 9000), "again is no news")
	s, err := b.db.Status(ctx, 1)
	require.NoError(t, err)
	require.Len(t, s.Crowds, 2)
	counts, err := b.db.RunCounts(ctx, b.run)
	require.NoError(t, err)
	require.EqualValues(t, 2, counts["crowds"])
	e, err := b.db.Explain(ctx, "system")
	require.NoError(t, err)
	require.Empty(t, e.ClickID)

	b.store(visit("u2", "kiosk", "click-u2", state.PageLoad, 2, at), visit("u1", "kiosk", "", state.Conversion, 2, at.Add(2*time.Hour)))
	e, err = b.db.Explain(ctx, "u2")
	require.NoError(t, err)
	require.Equal(t, "click-u2", e.ClickID)
	require.Empty(t, e.AnonymousID)
	got := b.conversions()
	require.Empty(t, got[`{"type":"track","userId":"u1"}`], "u2's click is not u1's")
}

func TestPeopleOfOlderStatesWhoAreNobodyAreTakenApart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := context.Background()
	at := b.now.Add(-3 * time.Hour)
	order := visit("undefined", "anon-B", "", state.Conversion, 1, at.Add(time.Hour))
	order.Event.EventType, order.Event.OrderID = "Order Completed", "oB"
	b.store(visit("undefined", "anon-A", "CLICK-OF-A", state.PageLoad, 1, at), order, visit("u1", "undefined", "", state.PageLoad, 1, at))
	alone := visit("undefined", "", "", state.Conversion, 2, at.Add(time.Hour))
	b.store(alone)
	b.change(user("undefined"), "vip", "true", at)
	b.change(state.Person{UserID: "u1"}, "vip", "true", at)

	b.begin(peopleRules("1", "undefined", ""))
	counts, err := b.db.RunCounts(ctx, b.run+1)
	require.NoError(t, err)
	require.EqualValues(t, 2, counts["nobody_removed"], "a user, and a visitor")
	require.EqualValues(t, 1, counts["forgotten"], "what was to be said of nobody")
	for id, events := range map[string]int{"anon-A": 1, "anon-B": 1, "u1": 1} {
		e, err := b.db.Explain(ctx, id)
		require.NoError(t, err, id)
		require.Empty(t, e.AbsorbedInto, id)
		require.Equal(t, map[string]string{"anon-A": "CLICK-OF-A"}[id], e.ClickID, id)
		require.Len(t, e.Events, events, id)
	}
	e, err := b.db.Explain(ctx, "u1")
	require.NoError(t, err)
	require.Empty(t, e.AnonymousID)
	require.Len(t, e.Traits, 1)
	problems, err := b.db.Check(ctx)
	require.NoError(t, err)
	require.Empty(t, problems)

	// A click that comes later under another of them reaches none of the orders.
	b.store(state.Item{Person: state.Person{AnonymousID: "anon-A"}, SeenAt: at, ClickID: "CLICK-OF-A"})
	require.Equal(t, map[string]string{`{"type":"track","anonymousId":"anon-B"}`: "", string(alone.Event.Payload): ""}, b.conversions())

	b.begin(peopleRules("1", "anon-B", ""))
	_, err = b.db.Explain(ctx, "anon-B")
	require.NoError(t, err, "the same rules: nobody is looked through again")
	b.begin(peopleRules("2", "anon-B", ""))
	counts, err = b.db.RunCounts(ctx, b.run+3)
	require.NoError(t, err)
	require.EqualValues(t, 1, counts["nobody_removed"])
}
