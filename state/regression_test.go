package state_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

func ev(b *bench, p state.Person, key string, kind state.Kind, at time.Time) state.Item {
	return state.Item{Person: p, SeenAt: at, Event: &state.Event{Key: key, MessageID: key, Kind: kind, Name: key, At: at, Payload: []byte(`{}`)}}
}

func (b *bench) balance(note string) {
	b.t.Helper()
	c, err := b.db.RunCounts(context.Background(), b.run)
	require.NoError(b.t, err)
	tr, pl, cv, err := b.db.Due(context.Background())
	require.NoError(b.t, err)
	due := func(x state.Counts) int64 { return x.Open() + x.Refused + x.Held }
	growth := due(tr) + due(pl) + due(cv)
	require.Equal(b.t, c["found"], c["delivered"]+c["superseded"]+c["absorbed"]+c["forgotten"]+c["dropped"]+growth, "%s: %v growth %d", note, c, growth)
}

func TestAbsorbBalance(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := state.Person{AnonymousID: "a1"}
	b.change(a, "vip", "true", b.now.Add(-time.Hour))
	b.balance("before")
	b.store(state.Item{Person: state.Person{UserID: "u1", AnonymousID: "a1"}, SeenAt: b.now})
	b.balance("pending absorbed")
}

func TestAbsorbDeliveredBalance(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := state.Person{AnonymousID: "a1"}
	b.change(a, "vip", "true", b.now.Add(-time.Hour))
	b.send()
	b.balance("sent")
	b.store(state.Item{Person: state.Person{UserID: "u1", AnonymousID: "a1"}, SeenAt: b.now})
	b.balance("delivered absorbed")
}

func TestDroppedBalance(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, key := range []string{"old", "lost", "held", "waits"} {
		b.store(ev(b, user("u "+key), key, state.PageLoad, b.now))
	}
	for _, c := range b.claim() {
		o := state.Outcome{Claim: c, Result: state.Unknown, Next: b.now.Add(time.Minute)}
		if c.Event == "old" {
			o.Result = state.TooOld
		}
		policy := map[string]state.Policy{"lost": state.Drop, "held": state.Hold}[c.Event]
		_, err := b.db.Turn(context.Background(), []state.Outcome{o}, state.Want{Kinds: map[state.Kind]state.Policy{state.PageLoad: policy}})
		require.NoError(t, err)
	}
	b.balance("two given up, one held, one unknown")
}

func TestAbsorbedPageLoadsWithoutClick(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := state.Person{AnonymousID: "a1"}
	b.store(ev(b, a, "page1", state.PageLoad, b.now.Add(-2*time.Hour)))
	b.store(ev(b, state.Person{UserID: "u1", AnonymousID: "a1"}, "order1", state.Conversion, b.now.Add(-time.Hour)))
	w := everything
	w.PageLoads = 0
	w.AttributionWait = 6 * time.Hour
	claims, err := b.db.Turn(context.Background(), nil, w)
	require.NoError(t, err)
	require.Empty(t, told(claims), "the conversion waits for the page load of its person")
}

func TestForgetLeavesAbsorbedPageLoads(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(ev(b, state.Person{AnonymousID: "a1"}, "page1", state.PageLoad, b.now.Add(-2*time.Hour)))
	b.store(state.Item{Person: state.Person{UserID: "u1", AnonymousID: "a1"}, SeenAt: b.now})
	b.store(state.Item{Person: state.Person{UserID: "u1"}, Forget: true})
	_, pl, _, err := b.db.Due(context.Background())
	require.NoError(t, err)
	require.Zero(t, pl.Open(), "forgotten")
}

func TestListAbsorbsAndTellsTheAnonymous(t *testing.T) {
	t.Parallel()
	for i := range 12 {
		b := setup(t)
		an := "anon" + string(rune('a'+i))
		us := "user" + string(rune('a'+i))
		b.now = b.now.Add(time.Minute)
		add := func(ps ...state.Person) {
			b.now = b.now.Add(time.Minute)
			l, err := b.db.NewList(context.Background(), state.ListInfo{Trait: audience("vip"), Source: "exports", ListedAt: b.now})
			require.NoError(t, err)
			defer l.Close()
			for _, p := range ps {
				require.NoError(t, l.Add(p, "true", false))
			}
			_, err = l.Apply(context.Background())
			require.NoError(t, err)
		}
		add(state.Person{AnonymousID: an})
		b.send()
		add(state.Person{UserID: us, AnonymousID: an}, state.Person{AnonymousID: an})
		got := b.send()
		for _, g := range got {
			require.NotContains(t, g, "anon", "i=%d %v", i, got)
		}
	}
}

func TestDropRefusedIsUndoneByTheNextList(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.list("vip", state.Guard{}, "u1")
	b.settle(state.Refused, b.claim()...)
	n, err := b.db.DropRefused(context.Background(), state.Filter{})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	b.list("vip", state.Guard{}, "u1")
	require.Empty(t, b.send(), "dropped until it changes")
}

func TestDoubtAllLeavesHeldAndRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.list("vip", state.Guard{Exits: &state.Limit{Percent: 30, AtLeast: 1}}, "u1", "u2")
	b.send()
	b.list("vip", state.Guard{Exits: &state.Limit{Percent: 30, AtLeast: 1}}, "u1") // u2's exit is held; backup is made here
	// ... after the backup: approved, and false was told. Now the backup is restored:
	_, err := b.db.DoubtAll(context.Background())
	require.NoError(t, err)
	b.send()
	b.list("vip", state.Guard{}, "u1", "u2") // u2 is back
	require.Equal(t, []string{"u2 vip=true"}, b.send(), "impact.com may hold false")
}

func TestLatestAbsence(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tr := audience("vip")
	tr.Authority = state.AuthorityLatest
	b.now = b.now.Add(time.Hour)
	l, err := b.db.NewList(context.Background(), state.ListInfo{Trait: tr, Source: "exports", ListedAt: b.now})
	require.NoError(t, err)
	require.NoError(t, l.Add(user("u1"), "true", false))
	_, err = l.Apply(context.Background())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	b.send()
	at := b.now.Add(-30 * time.Minute)
	b.store(state.Item{Person: user("u2"), SeenAt: at, Change: &state.Change{Trait: tr, Value: "true", At: at}})
	require.Empty(t, b.send(), "the newer list says that u2 is no member")
}

func TestApprovedPendingHeldAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	g := state.Guard{Exits: &state.Limit{Percent: 30, AtLeast: 1}}
	b.list("vip", g, "u1", "u2", "u3", "u4")
	b.send()
	b.list("vip", g, "u1")
	b.approve("vip", state.Exits, 3)
	b.judge()
	w := everything
	w.PageLoads = 1
	c, err := b.db.Turn(context.Background(), nil, w) // the deadline comes after one
	require.NoError(t, err)
	b.settle(state.Delivered, c...)
	b.list("vip", g, "u1")
	b.judge()
	require.Len(t, b.send(), 2, "approved and not yet sent")
}

func TestNulFromAMessage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tr := state.TraitInfo{Key: "tier", Class: state.Computed, Authority: state.AuthorityLatest}
	b.store(state.Item{Person: user("u1"), SeenAt: b.now, Change: &state.Change{Trait: tr, Value: "a\x00b", At: b.now.Add(-time.Hour)}})
	b.now = b.now.Add(time.Hour)
	l, err := b.db.NewList(context.Background(), state.ListInfo{Trait: tr, Source: "exports", ListedAt: b.now})
	require.NoError(t, err)
	defer l.Close()
	require.NoError(t, l.Add(user("u1"), "gold", false))
	_, err = l.Apply(context.Background())
	require.NoError(t, err)
}
