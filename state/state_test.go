package state_test

import (
	"cmp"
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/state/rules"
)

// bench is a state file in a temporary folder and a clock that tests move.
type bench struct {
	t    *testing.T
	path string
	db   *state.DB
	now  time.Time
	run  int64

	guards map[string]state.Guard
	sales  state.ConversionGuard
	most   *state.Limit // of suppressions
}

var binding = state.Binding{AccountSID: "IRsid", CampaignID: "1", Hosts: "loopback"}

func setup(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, path: filepath.Join(t.TempDir(), "state.db"), now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), guards: map[string]state.Guard{}}
	b.reopen()
	t.Cleanup(func() {
		if b.db != nil {
			_ = b.db.Close()
		}
	})
	return b
}

// reopen is what a new process does, after the old one was closed or killed.
func (b *bench) reopen() {
	b.t.Helper()
	if b.db != nil {
		require.NoError(b.t, b.db.Close())
	}
	db, err := state.Open(context.Background(), state.Options{Path: b.path, Create: true, Binding: &binding, Now: func() time.Time { return b.now }})
	require.NoError(b.t, err)
	b.db = db
	b.run, err = db.BeginRun(context.Background(), state.RunInfo{Kind: "run", Fingerprint: "f", KeepEvents: 1000 * time.Hour, Guards: b.limits()})
	require.NoError(b.t, err)
}

func (b *bench) limits() state.Guards {
	return state.Guards{Traits: rules.Table{Guards: b.guards}, Conversions: b.sales, Suppressions: b.most}
}

// judge is the end of the reading.
func (b *bench) judge() []state.Ruling {
	b.t.Helper()
	held, err := b.db.Judge(context.Background())
	require.NoError(b.t, err)
	return held
}

func user(id string) state.Person { return state.Person{UserID: id} }

func audience(key string) state.TraitInfo { return state.TraitInfo{Key: key, Class: state.Audience} }

func (b *bench) change(p state.Person, key, value string, at time.Time) {
	b.t.Helper()
	b.store(state.Item{Person: p, SeenAt: at, Change: &state.Change{Trait: audience(key), Value: value, At: at}})
}

func (b *bench) store(items ...state.Item) {
	b.t.Helper()
	require.NoError(b.t, b.db.Store(context.Background(), state.Batch{Object: state.Object{Source: "web", Name: "log"}, Items: items}))
}

func (b *bench) list(key string, guard state.Guard, members ...string) state.Verdict {
	b.t.Helper()
	people := make([]state.Person, len(members))
	for i, m := range members {
		people[i] = user(m)
	}
	return b.listOf(key, guard, people...)
}

func (b *bench) listOf(key string, guard state.Guard, people ...state.Person) state.Verdict {
	b.t.Helper()
	b.now = b.now.Add(time.Minute)
	b.guards[key] = guard
	l, err := b.db.NewList(context.Background(), state.ListInfo{Trait: audience(key), Source: "exports", ListedAt: b.now})
	require.NoError(b.t, err)
	defer l.Close()
	for _, p := range people {
		require.NoError(b.t, l.Add(p, "true", false))
	}
	v, err := l.Apply(context.Background())
	require.NoError(b.t, err)
	return v
}

func (b *bench) approve(key string, d state.Direction, most int64) state.Approved {
	b.t.Helper()
	got, err := b.db.Approve(context.Background(), state.Approval{Key: key, Direction: d, Most: most})
	require.NoError(b.t, err)
	return got
}

var everything = state.Want{PageLoads: 1000, Conversions: 1000, Coalesce: true}

func (b *bench) claim() []*state.Claim {
	b.t.Helper()
	claims, err := b.db.Turn(context.Background(), nil, everything)
	require.NoError(b.t, err)
	return claims
}

func (b *bench) settle(result state.Result, claims ...*state.Claim) {
	b.t.Helper()
	var out []state.Outcome
	for _, c := range claims {
		out = append(out, state.Outcome{Claim: c, Result: result, Error: "test", Fingerprint: "f", Next: b.now.Add(time.Minute)})
	}
	_, err := b.db.Turn(context.Background(), out, state.Want{})
	require.NoError(b.t, err)
}

// send claims and delivers everything, and returns "user key=value" texts.
func (b *bench) send() []string {
	b.t.Helper()
	claims := b.claim()
	b.settle(state.Delivered, claims...)
	return told(claims)
}

func told(claims []*state.Claim) []string {
	var out []string
	for _, c := range claims {
		line := cmp.Or(c.Person.UserID, c.Person.AnonymousID, c.Person.EmailSHA1) + c.Event
		for _, v := range c.Values {
			line += " " + v.Key + "=" + v.Value
		}
		out = append(out, line)
	}
	return out
}

func (b *bench) sound() {
	b.t.Helper()
	problems, err := b.db.Check(context.Background())
	require.NoError(b.t, err)
	require.Empty(b.t, problems)
}

func TestWantedAgainstDelivered(t *testing.T) {
	t.Parallel()

	t.Run("flapping between two runs sends nothing", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.change(user("u1"), "vip", "true", b.now)
		require.Equal(t, []string{"u1 vip=true"}, b.send())
		b.change(user("u1"), "vip", "false", b.now.Add(1))
		b.now = b.now.Add(time.Hour)
		b.change(user("u1"), "vip", "false", b.now.Add(-2))
		b.change(user("u1"), "vip", "true", b.now.Add(-1))
		require.Empty(t, b.send())
		b.sound()
	})

	t.Run("nobody gets a false who was never told true", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.change(user("u1"), "vip", "false", b.now)
		b.list("gold", state.Guard{}, "u2")
		b.list("gold", state.Guard{})
		require.Empty(t, b.send())
		b.sound()
	})

	t.Run("a late message does not overwrite a newer one", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.change(user("u1"), "vip", "false", b.now.Add(-time.Minute))
		b.change(user("u1"), "vip", "true", b.now.Add(-time.Hour))
		require.Empty(t, b.send())
	})

	t.Run("a repeated value keeps its time, and still stands against late messages", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		first := b.now.Add(-3 * time.Hour)
		b.change(user("u1"), "vip", "true", first)
		b.change(user("u1"), "vip", "true", b.now.Add(-time.Hour))
		b.change(user("u1"), "vip", "false", b.now.Add(-2*time.Hour))
		claims := b.claim()
		require.Equal(t, []string{"u1 vip=true"}, told(claims))
		require.True(t, claims[0].Values[0].At.Equal(first), "the event date is when it became wanted")
	})

	t.Run("a message from the future does not win for ever", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.change(user("u1"), "vip", "true", b.now.Add(1000*time.Hour))
		b.now = b.now.Add(time.Hour)
		b.change(user("u1"), "vip", "false", b.now)
		require.Empty(t, b.send())
	})

	t.Run("an unanswered true that is no longer wanted becomes an explicit false", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.change(user("u1"), "vip", "true", b.now)
		b.settle(state.Unknown, b.claim()...)
		b.now = b.now.Add(time.Hour)
		b.change(user("u1"), "vip", "false", b.now)
		require.Equal(t, []string{"u1 vip=false"}, b.send())
		b.sound()
	})

	t.Run("a kill leaves doubt, and the next run says it again", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.change(user("u1"), "vip", "true", b.now)
		require.Len(t, b.claim(), 1)
		b.reopen()
		traits, _, _, err := b.db.Due(context.Background())
		require.NoError(t, err)
		require.Equal(t, state.Counts{Unknown: 1}, traits)
		require.Equal(t, []string{"u1 vip=true"}, b.send())
		b.sound()
	})

	t.Run("a refusal waits for another configuration or another value", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.change(user("u1"), "vip", "true", b.now)
		b.settle(state.Refused, b.claim()...)
		require.Empty(t, b.claim())
		b.reopen()
		require.Empty(t, b.claim(), "the same configuration refuses it again")
		require.NoError(t, b.db.EndRun(context.Background(), 3, ""))
		_, err := b.db.BeginRun(context.Background(), state.RunInfo{Kind: "run", Fingerprint: "g"})
		require.NoError(t, err)
		require.Equal(t, []string{"u1 vip=true"}, b.send())
		b.sound()
	})

	t.Run("one refused trait does not keep the others", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.change(user("u1"), "gold", "true", b.now)
		b.change(user("u1"), "vip", "true", b.now)
		claims := b.claim()
		require.Equal(t, []string{"u1 gold=true vip=true"}, told(claims))
		_, err := b.db.Turn(context.Background(), []state.Outcome{{Claim: claims[0], Result: state.Refused, RefusedKeys: []string{"gold"}, Fingerprint: "f"}}, state.Want{})
		require.NoError(t, err)
		require.Equal(t, []string{"u1 vip=true"}, b.send())
		b.sound()
	})

	t.Run("a retry waits for its time", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.change(user("u1"), "vip", "true", b.now)
		b.settle(state.RetryLater, b.claim()...)
		require.Empty(t, b.claim())
		b.now = b.now.Add(2 * time.Minute)
		claims := b.claim()
		require.Equal(t, 1, claims[0].Attempts)
		b.settle(state.Unsent, claims...)
		require.Equal(t, []string{"u1 vip=true"}, b.send(), "given back unsent, it may go at once")
		b.sound()
	})

	t.Run("a computed trait that is cleared sends nothing", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		spent := state.TraitInfo{Key: "spent", Class: state.Computed}
		b.store(state.Item{Person: user("u1"), Change: &state.Change{Trait: spent, Value: "12.5", At: b.now}})
		require.Equal(t, []string{"u1 spent=12.5"}, b.send())
		b.now = b.now.Add(time.Hour)
		b.store(state.Item{Person: user("u1"), Change: &state.Change{Trait: spent, Cleared: true, At: b.now}})
		require.Empty(t, b.send())
		b.sound()
	})
}

func TestProfiles(t *testing.T) {
	t.Parallel()

	t.Run("an anonymous id seen with a user is that user", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.change(state.Person{AnonymousID: "a1"}, "vip", "true", b.now)
		require.Equal(t, []string{"a1 vip=true"}, b.send())
		b.now = b.now.Add(time.Hour)
		b.store(state.Item{Person: state.Person{UserID: "u1", AnonymousID: "a1"}, SeenAt: b.now})
		require.Equal(t, []string{"u1 vip=true"}, b.send(), "a delivered value moves over as doubt")
		b.change(state.Person{AnonymousID: "a1"}, "vip", "false", b.now)
		require.Equal(t, []string{"u1 vip=false"}, b.send(), "nothing goes to the absorbed address")
		b.sound()
	})

	t.Run("two user ids never merge", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.change(state.Person{UserID: "u1", AnonymousID: "shared"}, "vip", "true", b.now)
		b.change(state.Person{UserID: "u2", AnonymousID: "shared"}, "gold", "true", b.now)
		require.ElementsMatch(t, []string{"u1 vip=true", "u2 gold=true"}, b.send())
		b.sound()
	})

	t.Run("a user id and an anonymous id of the same text are two people", func(t *testing.T) {
		t.Parallel()
		require.NotEqual(t, user("x").ProfileID(), state.Person{AnonymousID: "x"}.ProfileID())
	})

	t.Run("a forgotten person leaves no row", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.change(state.Person{UserID: "u1", AnonymousID: "a1"}, "vip", "true", b.now)
		b.store(state.Item{Person: user("u1"), Event: &state.Event{Key: "k", Kind: state.Conversion, EventType: "t", OrderID: "o1", At: b.now, Payload: []byte(`{}`)}})
		n, err := b.db.Forget(context.Background(), "u1")
		require.NoError(t, err)
		require.Positive(t, n)
		_, err = b.db.Explain(context.Background(), "u1")
		require.ErrorIs(t, err, state.ErrNotFound)
		b.sound()
	})
}

func TestLists(t *testing.T) {
	t.Parallel()

	t.Run("who is not on the next list has left", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		v := b.list("vip", state.Guard{}, "u1", "u2", "u2", "u3")
		require.EqualValues(t, 3, v.Joins)
		require.Len(t, b.send(), 3)
		v = b.list("vip", state.Guard{}, "u2", "u3", "u4")
		require.Equal(t, state.Verdict{Members: 3, Joins: 1, Exits: 1, Told: 3, Unchanged: 2}, v)
		require.ElementsMatch(t, []string{"u1 vip=false", "u4 vip=true"}, b.send())
		b.sound()
	})

	t.Run("the guard holds a mass exit, and an approval lets that much through", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		guard := state.Guard{Exits: &state.Limit{Percent: 30, AtLeast: 2}}
		b.list("vip", guard, "u1", "u2", "u3", "u4")
		b.send()
		v := b.list("vip", guard, "u1")
		require.True(t, v.Held)
		require.Empty(t, b.send())
		require.Equal(t, state.Approved{Held: 3, Granted: 2}, b.approve("vip", state.Exits, 2))
		b.reopen()
		b.judge()
		require.Len(t, b.send(), 2)
		b.reopen()
		b.judge()
		require.Empty(t, b.send(), "no more than was approved")
		b.sound()
	})

	t.Run("the next list decides anew", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		guard := state.Guard{Exits: &state.Limit{Percent: 30, AtLeast: 2}}
		b.list("vip", guard, "u1", "u2", "u3", "u4")
		b.send()
		require.True(t, b.list("vip", guard, "u1").Held)
		require.False(t, b.list("vip", guard, "u1", "u2", "u3").Held)
		require.Equal(t, []string{"u4 vip=false"}, b.send())
		b.sound()
	})

	t.Run("an emptied list is held", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.list("vip", state.Guard{Exits: &state.Limit{Percent: 30, AtLeast: 100}}, "u1")
		b.send()
		require.True(t, b.list("vip", state.Guard{Exits: &state.Limit{Percent: 30, AtLeast: 100}}).Held)
	})

	t.Run("a list that is not newer is ignored", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.list("vip", state.Guard{}, "u1")
		_, err := b.db.NewList(context.Background(), state.ListInfo{Trait: audience("vip"), Source: "exports", ListedAt: b.now})
		require.ErrorIs(t, err, state.ErrIgnoredList)
	})

	t.Run("a list abandoned half-way changes nothing", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.list("vip", state.Guard{}, "u1")
		b.send()
		b.now = b.now.Add(time.Minute)
		l, err := b.db.NewList(context.Background(), state.ListInfo{Trait: audience("vip"), Source: "exports", ListedAt: b.now})
		require.NoError(t, err)
		require.NoError(t, l.Add(user("u9"), "true", false))
		require.NoError(t, l.Close())
		b.reopen()
		require.Empty(t, b.send())
		b.sound()
	})

	t.Run("a key fed by a list and by messages needs an authority", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.list("vip", state.Guard{}, "u1")
		err := b.db.Store(context.Background(), state.Batch{Object: state.Object{Source: "web", Name: "log"}, Items: []state.Item{
			{Line: 7, Person: user("u2"), Change: &state.Change{Trait: audience("vip"), Value: "true", At: b.now}},
		}})
		require.ErrorIs(t, err, state.ErrAuthority)
		require.ErrorContains(t, err, `log line 7: two inputs feed one trait: "vip"`)
	})

	t.Run("a message that calls an audience a computed trait is rejected, and stops nothing", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.change(user("u1"), "vip", "true", b.now)
		other := audience("vip")
		other.Class = state.Computed
		b.store(
			state.Item{Line: 8, Person: user("u2"), Change: &state.Change{Trait: other, Value: "5", At: b.now}},
			state.Item{Line: 9, Person: user("u3"), Change: &state.Change{Trait: audience("vip"), Value: "true", At: b.now}},
		)
		require.ElementsMatch(t, []string{"u1 vip=true", "u3 vip=true"}, b.send())
		rejected, err := b.db.Rejected(context.Background(), state.Filter{})
		require.NoError(t, err)
		require.Equal(t, []string{"web", "log", "8", `two inputs feed one trait in two ways: "vip" is known as audience, and this says computed: give one of them another key`}, rejected.Rows[0][:4])
		b.sound()
	})

	t.Run("with authority latest the newer of list and message counts", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		vip := audience("vip")
		vip.Authority = state.AuthorityLatest
		listed := b.now.Add(-time.Hour)
		b.store(state.Item{Person: user("old"), Change: &state.Change{Trait: vip, Value: "true", At: listed.Add(-time.Minute)}},
			state.Item{Person: user("new"), Change: &state.Change{Trait: vip, Value: "true", At: listed.Add(time.Minute)}})
		l, err := b.db.NewList(context.Background(), state.ListInfo{Trait: vip, Source: "exports", ListedAt: listed})
		require.NoError(t, err)
		require.NoError(t, l.Add(user("listed"), "true", false))
		_, err = l.Apply(context.Background())
		require.NoError(t, err)
		require.NoError(t, l.Close())
		require.ElementsMatch(t, []string{"new vip=true", "listed vip=true"}, b.send())
		b.sound()
	})

	t.Run("an anonymous member who is a user by now counts as that user", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.store(state.Item{Person: state.Person{UserID: "u1", AnonymousID: "a1"}, SeenAt: b.now})
		l, err := b.db.NewList(context.Background(), state.ListInfo{Trait: audience("vip"), Source: "exports", ListedAt: b.now})
		require.NoError(t, err)
		require.NoError(t, l.Add(state.Person{AnonymousID: "a1"}, "true", false))
		_, err = l.Apply(context.Background())
		require.NoError(t, err)
		require.NoError(t, l.Close())
		require.Equal(t, []string{"u1 vip=true"}, b.send())
		b.sound()
	})
}

func TestAdoptAndResync(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.list("vip", state.Guard{}, "u1", "u2")
	n, err := b.db.Adopt(context.Background(), "vip")
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	require.Empty(t, b.send(), "what is adopted is not sent")
	b.list("vip", state.Guard{}, "u1")
	require.Equal(t, []string{"u2 vip=false"}, b.send(), "later exits are")
	n, err = b.db.Resync(context.Background(), "vip")
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	require.ElementsMatch(t, []string{"u2 vip=false", "u1 vip=true"}, b.send())
	b.sound()
	_, err = b.db.Adopt(context.Background(), "nope")
	require.ErrorIs(t, err, state.ErrNotFound)
}
