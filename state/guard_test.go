package state_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

func limit(percent float64, atLeast int64) *state.Limit {
	return &state.Limit{Percent: percent, AtLeast: atLeast}
}

// say stores a message of each person from..to-1.
func (b *bench) say(key, value string, from, to int) {
	b.t.Helper()
	b.sayBy(state.TraitInfo{Key: key, Class: state.Audience}, value, from, to)
}

func (b *bench) sayBy(trait state.TraitInfo, value string, from, to int) {
	b.t.Helper()
	b.now = b.now.Add(time.Minute)
	var items []state.Item
	for i := from; i < to; i++ {
		items = append(items, state.Item{Person: user(fmt.Sprintf("u%d", i)), SeenAt: b.now, Change: &state.Change{Trait: trait, Value: value, At: b.now}})
	}
	b.store(items...)
}

func (b *bench) held() []state.HeldSet {
	b.t.Helper()
	s, err := b.db.Status(context.Background(), 0)
	require.NoError(b.t, err)
	return s.Held
}

func TestChangeStreamsAreJudged(t *testing.T) {
	t.Parallel()
	guarded := func(t *testing.T) *bench {
		b := setup(t)
		b.say("vip", "true", 0, 100)
		b.judge()
		require.Len(t, b.send(), 100)
		b.guards["vip"] = state.Guard{Exits: limit(30, 10)}
		return b
	}

	t.Run("nothing that the guard has not seen can be sent, not even after a kill", func(t *testing.T) {
		t.Parallel()
		b := guarded(t)
		b.say("vip", "false", 0, 5)
		require.Empty(t, b.send())
		b.reopen()
		require.Empty(t, b.send())
		b.judge()
		require.Len(t, b.send(), 5)
		b.sound()
	})

	t.Run("a mass exit is held, survives a restart, and shows with its words and a sample", func(t *testing.T) {
		t.Parallel()
		b := guarded(t)
		b.say("vip", "false", 0, 40)
		b.say("gold", "true", 0, 3)
		require.Equal(t, []state.Ruling{{Key: "vip", Direction: state.Exits, Reason: "40 of 100 people told true would leave within 24 hours (40 %): more than 30 % and at least 10"}}, b.judge())
		require.Len(t, b.send(), 3, "the other audiences go on")
		b.reopen()
		require.Empty(t, b.judge(), "it was judged")
		require.Empty(t, b.send())
		held := b.held()
		require.Len(t, held, 1)
		require.Len(t, held[0].Sample, 5)
		require.Contains(t, held[0].Sample[0], "vip=false")
		require.Equal(t, "approve vip --exits 40", held[0].Command)
		require.Contains(t, held[0].Reason, "40 of 100")
		plan, err := b.db.Plan(context.Background(), state.Part{})
		require.NoError(t, err)
		require.Equal(t, held, plan.Held)
		b.sound()
	})

	t.Run("many small runs within 24 hours are as one", func(t *testing.T) {
		t.Parallel()
		b := guarded(t)
		for i := range 3 {
			b.say("vip", "false", i*10, i*10+10)
			require.Empty(t, b.judge())
			require.Len(t, b.send(), 10)
		}
		b.say("vip", "false", 30, 31)
		require.Equal(t, "31 of 100 people told true would leave within 24 hours (31 %): more than 30 % and at least 10", b.judge()[0].Reason)
		require.Empty(t, b.send())

		b.now = b.now.Add(25 * time.Hour)
		b.say("vip", "false", 31, 32)
		require.Empty(t, b.judge())
		require.Equal(t, []string{"u31 vip=false"}, b.send(), "what was held before waits for an approval")
		b.sound()
	})

	t.Run("who leaves again counts once, however often", func(t *testing.T) {
		t.Parallel()
		b := guarded(t)
		for range 4 { // 60 exits, of 15 people
			b.say("vip", "false", 0, 15)
			require.Empty(t, b.judge())
			require.Len(t, b.send(), 15)
			b.say("vip", "true", 0, 15)
			b.judge()
			require.Len(t, b.send(), 15)
		}
		b.say("vip", "false", 0, 30)
		require.Empty(t, b.judge(), "30 people of 100")
		require.Len(t, b.send(), 30)
		b.say("vip", "true", 0, 2)
		b.judge()
		b.send()
		b.say("vip", "false", 0, 2)
		b.say("vip", "false", 30, 31)
		require.Equal(t, "31 of 100 people told true would leave within 24 hours (31 %): more than 30 % and at least 10", b.judge()[0].Reason)
		require.Empty(t, b.send())

		b.now = b.now.Add(25 * time.Hour)
		b.say("vip", "false", 40, 43)
		require.Empty(t, b.judge(), "the window begins anew")
		require.Len(t, b.send(), 3)
		b.sound()
	})

	t.Run("who was let through and is forgotten leaves nothing behind", func(t *testing.T) {
		t.Parallel()
		b := guarded(t)
		b.say("vip", "false", 0, 3)
		b.judge()
		b.send()
		for i := range 3 {
			_, err := b.db.Forget(context.Background(), fmt.Sprintf("u%d", i))
			require.NoError(t, err)
		}
		require.Zero(t, b.number(`SELECT count(*) FROM guard_passed`))
		b.sound()
	})

	t.Run("a clock that was ahead does not count for ever", func(t *testing.T) {
		t.Parallel()
		b := guarded(t)
		right := b.now
		b.now = b.now.Add(1000 * time.Hour)
		b.say("vip", "false", 0, 25)
		require.Empty(t, b.judge())
		require.Len(t, b.send(), 25)
		b.now = right
		b.reopen()
		b.say("vip", "false", 50, 70)
		require.Empty(t, b.judge(), "the 25 of the clock that was ahead are out of the window")
		require.Len(t, b.send(), 20)
		b.sound()
	})

	t.Run("an approval lets that much through and no more", func(t *testing.T) {
		t.Parallel()
		b := guarded(t)
		b.say("vip", "false", 0, 40)
		b.judge()
		require.Equal(t, state.Approved{Held: 40, Granted: 35}, b.approve("vip", state.Exits, 35))
		require.Equal(t, state.Approved{Held: 40, Granted: 5, Before: 35}, b.approve("vip", state.Exits, 1000), "capped")
		require.Equal(t, state.Approved{Held: 40, Before: 40}, b.approve("vip", state.Exits, 1))
		b.reopen()
		b.judge()
		require.Len(t, b.send(), 40)
		b.sound()
	})

	t.Run("what was approved and not sent yet is not held again, and the rest stays", func(t *testing.T) {
		t.Parallel()
		b := guarded(t)
		b.say("vip", "false", 0, 40)
		b.judge()
		b.approve("vip", state.Exits, 35)
		b.judge()
		b.reopen()
		b.now = b.now.Add(48 * time.Hour)
		b.say("vip", "false", 40, 41)
		b.judge()
		require.Len(t, b.send(), 36)
		require.EqualValues(t, 5, b.held()[0].Held)
		b.sound()
	})

	t.Run("an approval is no use to those who leave after it was given", func(t *testing.T) {
		t.Parallel()
		b := guarded(t)
		b.say("vip", "false", 0, 40)
		b.judge()
		b.approve("vip", state.Exits, 40)
		b.say("vip", "true", 0, 40)
		b.say("vip", "false", 50, 90)
		require.Len(t, b.judge(), 1)
		require.Empty(t, b.send())
		require.Zero(t, b.held()[0].Approved)
		b.sound()
	})

	t.Run("an approval is over after a day", func(t *testing.T) {
		t.Parallel()
		b := guarded(t)
		b.say("vip", "false", 0, 40)
		b.judge()
		b.approve("vip", state.Exits, 40)
		b.now = b.now.Add(25 * time.Hour)
		b.judge()
		require.Empty(t, b.send())
	})

	t.Run("who comes back is not held any more", func(t *testing.T) {
		t.Parallel()
		b := guarded(t)
		b.say("vip", "false", 0, 40)
		b.judge()
		b.say("vip", "true", 0, 40)
		require.Empty(t, b.judge())
		require.Empty(t, b.held())
		require.Empty(t, b.send())
		b.sound()
	})

	t.Run("joins have a limit of their own, but for the first sync", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.guards["vip"] = state.Guard{Joins: limit(50, 5)}
		b.say("vip", "true", 0, 20)
		require.Empty(t, b.judge(), "a first sync")
		require.Len(t, b.send(), 20)
		b.say("vip", "true", 20, 30)
		require.Empty(t, b.judge())
		b.say("vip", "true", 30, 31)
		require.Equal(t, "11 people would join 20 told true within 24 hours (55 %): more than 50 % and at least 5", b.judge()[0].Reason)
		require.Len(t, b.send(), 10)
		require.Equal(t, "approve vip --joins 1", b.held()[0].Command)
		b.approve("vip", state.Joins, 1)
		b.judge()
		require.Len(t, b.send(), 1)
		b.sound()
	})

	t.Run("a first sync is held where the guard says so", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.guards["vip"] = state.Guard{Joins: limit(50, 5), FirstSync: true}
		b.say("vip", "true", 0, 20)
		require.Len(t, b.judge(), 1)
		require.Empty(t, b.send())
	})

	t.Run("a resync is no change of anybody's", func(t *testing.T) {
		t.Parallel()
		b := guarded(t)
		b.guards["vip"] = state.Guard{Exits: limit(0, 0), Joins: limit(0, 0), FirstSync: true}
		_, err := b.db.Resync(context.Background(), "vip")
		require.NoError(t, err)
		require.Empty(t, b.judge())
		require.Len(t, b.send(), 100)
	})

	t.Run("a person that turns out to be another one is judged as well", func(t *testing.T) {
		t.Parallel()
		b := guarded(t)
		b.say("vip", "false", 0, 40)
		b.judge()
		b.change(state.Person{AnonymousID: "a"}, "vip", "true", b.now.Add(-time.Hour))
		b.change(state.Person{UserID: "u1", AnonymousID: "a"}, "gold", "true", b.now)
		b.judge()
		require.Equal(t, []string{"u1 gold=true"}, b.send())
		b.sound()
	})

	t.Run("a visitor who becomes a user is one person of the last 24 hours", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.guards["vip"] = state.Guard{Exits: limit(50, 4)}
		say := func(p state.Person, value string) {
			b.change(p, "vip", value, b.now)
			require.Empty(t, b.judge())
			b.send()
			b.now = b.now.Add(time.Minute)
		}
		visitor := func(i int) state.Person { return state.Person{AnonymousID: fmt.Sprint("a", i)} }
		for i := range 10 {
			say(visitor(i), "true")
		}
		for i := range 5 {
			say(visitor(i), "false")
		}
		u0 := state.Person{UserID: "u0", AnonymousID: "a0"}
		say(u0, "true")
		require.Zero(t, b.number(fmt.Sprint(`SELECT count(*) FROM guard_passed WHERE profile_id = `, visitor(0).ProfileID())))
		require.Equal(t, 5, b.number(`SELECT count(*) FROM guard_passed WHERE is_exit = 1`))
		say(u0, "false")
		require.Equal(t, 5, b.number(`SELECT count(*) FROM guard_passed WHERE is_exit = 1`))
		b.sound()
	})

	t.Run("a conversion does not tell what is held", func(t *testing.T) {
		t.Parallel()
		b := guarded(t)
		b.say("vip", "false", 0, 40)
		b.judge()
		values, err := b.db.TraitsOf(context.Background(), user("u1").ProfileID())
		require.NoError(t, err)
		require.Equal(t, map[string]string{"vip": "true"}, values)
	})
}

// number is the one value of a query.
func (b *bench) number(query string) (n int) {
	b.t.Helper()
	raw, err := sql.Open("sqlite3", b.path)
	require.NoError(b.t, err)
	defer raw.Close()
	require.NoError(b.t, raw.QueryRowContext(context.Background(), query).Scan(&n))
	return n
}

// What is held of a visitor stays held when the visitor turns out to be a user.
func TestHeldVisitorsBecomeUsers(t *testing.T) {
	t.Parallel()
	both := func(b *bench) {
		b.store(state.Item{Person: state.Person{UserID: "u1", AnonymousID: "a1"}, SeenAt: b.now})
		b.judge()
		require.Empty(b.t, b.send())
		b.reopen()
		b.judge()
		require.Empty(b.t, b.send())
		b.sound()
	}

	t.Run("of a list", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.listOf("vip", state.Guard{}, state.Person{AnonymousID: "a1"}, state.Person{AnonymousID: "a2"})
		require.Len(t, b.sendAll(), 2)
		require.True(t, b.listOf("vip", state.Guard{}).Held, "it is empty")
		both(b)
		require.EqualValues(t, 2, b.approve("vip", state.Exits, 2).Granted)
		b.judge()
		require.ElementsMatch(t, []string{"u1 vip=false", "a2 vip=false"}, b.sendAll())
	})

	t.Run("of another computation", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		say := func(p state.Person, computation string) {
			web := audience("web")
			web.ComputationID = computation
			b.now = b.now.Add(time.Minute)
			b.store(state.Item{Person: p, SeenAt: b.now, Change: &state.Change{Trait: web, Value: "true", At: b.now}})
			b.judge()
		}
		say(user("u2"), "aud_1")
		require.Equal(t, []string{"u2 web=true"}, b.send())
		say(state.Person{AnonymousID: "a1"}, "aud_2")
		require.Empty(t, b.send())
		both(b)
	})
}
