package state_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

// suppress is what a run does with a list that names u0 to u(n-1).
func (b *bench) suppress(n int) state.Suppressed {
	b.t.Helper()
	var people []state.Person
	for i := range n {
		people = append(people, user(fmt.Sprintf("u%d", i)))
	}
	waiting, err := b.db.Suppress(context.Background(), people, true)
	require.NoError(b.t, err)
	s, err := b.db.JudgeSuppressions(context.Background(), true)
	require.NoError(b.t, err)
	s.Waiting += waiting
	return s
}

// view is what a page call of a user becomes.
func (b *bench) view(id string) {
	b.t.Helper()
	b.store(state.Item{Person: user(id), SeenAt: b.now, Event: &state.Event{
		Key: "page " + id, MessageID: "page " + id, Kind: state.PageLoad, Name: "page", At: b.now, Payload: []byte("{}"),
	}})
}

// Of whom there are events and nothing else, there is no row of their own.
func TestSuppressedPeopleKnownByEventsOnly(t *testing.T) {
	t.Parallel()
	both := func(b *bench, people ...string) {
		for _, id := range people {
			for _, kind := range []state.Kind{state.PageLoad, state.Conversion} {
				b.store(state.Item{Person: user(id), SeenAt: b.now, Event: &state.Event{
					Key: string(kind) + id, MessageID: string(kind) + id, Kind: kind, Name: "event", EventType: "sale", OrderID: string(kind) + id, At: b.now, Payload: []byte(`{"userId":"` + id + `"}`),
				}})
			}
		}
	}
	hold := state.Want{Kinds: map[state.Kind]state.Policy{state.PageLoad: state.Hold, state.Conversion: state.Hold}}
	for name, become := range map[string]func(*bench, []*state.Claim){
		"pending":     func(b *bench, c []*state.Claim) { b.settle(state.Unsent, c...) },
		"retry later": func(b *bench, c []*state.Claim) { b.settle(state.RetryLater, c...) },
		"unknown":     func(b *bench, c []*state.Claim) { b.settle(state.Unknown, c...) },
		"in flight":   func(*bench, []*state.Claim) {},
		"refused":     func(b *bench, c []*state.Claim) { b.settle(state.Refused, c...) },
		"held": func(b *bench, claims []*state.Claim) {
			for _, c := range claims {
				_, err := b.db.Turn(context.Background(), []state.Outcome{{Claim: c, Result: state.Unknown, Error: "test"}}, hold)
				require.NoError(b.t, err)
			}
		},
	} {
		t.Run(name+" events go", func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			both(b, "u0")
			claims := b.claim()
			require.Len(t, claims, 1, "the order waits for the page load")
			become(b, claims)
			e, err := b.db.Explain(context.Background(), "u0")
			require.NoError(t, err)
			require.ElementsMatch(t, []string{name, "pending"}, []string{e.Events[0].Status, e.Events[1].Status})
			both(b, "u9")
			require.Equal(t, state.Suppressed{}, b.suppress(1))
			require.Zero(t, b.number(`SELECT count(*) FROM deliveries WHERE message_id LIKE '%u0'`))
			require.Zero(t, b.number(`SELECT (SELECT count(*) FROM suppressions) + (SELECT count(*) FROM failed_attempts)`))
			b.sound()
			b.now = b.now.Add(time.Hour)
			b.reopen()
			require.Len(t, append(b.send(), b.send()...), 2, "of the bystander")
			b.sound()
		})
	}

	t.Run("the guard counts them, shows them, and approved they go", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.most = limit(30, 2)
		b.reopen()
		both(b, "u0", "u1", "u8", "u9")
		require.Equal(t, state.Suppressed{}, b.suppress(1), "one of four")
		both(b, "u2")
		b.store(state.Item{Person: user("u3"), SeenAt: b.now, ClickID: "c"}) // no event, but a row of their own
		b.reopen()
		s := b.suppress(3)
		require.EqualValues(t, 2, s.Held)
		require.Equal(t, "2 of 5 people known would be suppressed (40 %): more than 30 % and at least 2", s.Reason)
		require.Equal(t, []string{"u1", "u2"}, b.held()[0].Sample)
		b.approve("", state.Suppressions, 2)
		b.reopen()
		require.Equal(t, state.Suppressed{Reason: s.Reason}, b.suppress(3))
		require.Zero(t, b.number(`SELECT count(*) FROM deliveries WHERE message_id LIKE '%u1' OR message_id LIKE '%u2'`))
		require.Len(t, append(b.send(), b.send()...), 4)
		b.sound()
	})
}

func TestSuppressionsAreJudged(t *testing.T) {
	t.Parallel()
	shop := func(t *testing.T) *bench {
		b := setup(t)
		b.most = limit(30, 10)
		b.reopen()
		b.say("vip", "true", 0, 100)
		b.judge()
		require.Len(t, b.send(), 100)
		return b
	}
	const words = "40 of 100 people known would be suppressed (40 %): more than 30 % and at least 10"

	t.Run("a usual list goes, and who was suppressed counts no more", func(t *testing.T) {
		t.Parallel()
		b := shop(t)
		require.Equal(t, state.Suppressed{Waiting: 30}, b.suppress(30))
		require.Len(t, b.send(), 30)
		for range 3 {
			b.reopen()
			require.Zero(t, b.suppress(40).Held, "ten are new")
			b.send()
		}
		require.Equal(t, 60, b.number(`SELECT count(*) FROM profiles`))
		require.Zero(t, b.number(`SELECT count(*) FROM suppressions`))
		b.sound()
	})

	t.Run("too many are held: nobody is lost, and nothing is sent about them", func(t *testing.T) {
		t.Parallel()
		b := shop(t)
		b.view("u3")
		b.view("u50")
		b.say("gold", "true", 10, 12)
		b.say("gold", "true", 60, 61)
		b.judge()
		require.Equal(t, state.Suppressed{Held: 40, Reason: words}, b.suppress(40))
		require.ElementsMatch(t, []string{"page", "u60 gold=true"}, b.send())
		b.sound()
		held := b.held()
		require.Len(t, held, 1)
		require.Equal(t, state.Suppressions, held[0].Direction)
		require.EqualValues(t, 40, held[0].Held)
		require.Equal(t, words, held[0].Reason)
		require.Equal(t, "approve --suppressions 40", held[0].Command)
		require.Len(t, held[0].Sample, 5)
		plan, err := b.db.Plan(context.Background(), state.Part{})
		require.NoError(t, err)
		require.Equal(t, held, plan.Held)
		e, err := b.db.Explain(context.Background(), "u10")
		require.NoError(t, err)
		require.Equal(t, "held", e.Traits[0].Status)
		require.Contains(t, e.Traits[0].LastError, words)

		b.reopen() // a new process, the same list, and a change of somebody on it
		b.say("vip", "false", 3, 4)
		b.judge()
		require.EqualValues(t, 40, b.suppress(40).Held)
		require.Empty(t, b.send())
		require.EqualValues(t, 40, b.held()[0].Held)
		b.sound()

		b.reopen() // the list is mended
		require.Equal(t, state.Suppressed{Waiting: 2}, b.suppress(2))
		require.ElementsMatch(t, []string{"page", "u10 gold=true", "u11 gold=true", "u3 vip=false", "u0 vip=false", "u1 vip=false"}, append(b.send(), b.send()...), "nothing was lost")
		require.Empty(t, b.held())
		b.sound()
	})

	t.Run("an approval lets that many through and no more", func(t *testing.T) {
		t.Parallel()
		b := shop(t)
		b.suppress(40)
		require.Equal(t, state.Approved{Held: 40, Granted: 15}, b.approve("", state.Suppressions, 15))
		b.reopen()
		b.judge()
		require.Equal(t, state.Suppressed{Held: 25, Waiting: 15, Reason: words}, b.suppress(40))
		require.Len(t, b.send(), 15)
		b.reopen()
		require.Zero(t, b.suppress(40).Held, "25 of the 85 who are left are no more than the guard lets through")
		require.Len(t, b.send(), 25)
		b.sound()
	})

	t.Run("an approval is for the people who were held when it was given, and ends with the next verdict", func(t *testing.T) {
		t.Parallel()
		b := shop(t)
		b.suppress(40)
		b.approve("", state.Suppressions, 40)
		require.EqualValues(t, 40, b.held()[0].Approved)
		b.reopen()
		require.EqualValues(t, 40, b.suppress(80).Held, "as many are named for the first time")
		var approved []string
		for i := range 40 {
			approved = append(approved, fmt.Sprintf("u%d vip=false", i))
		}
		require.ElementsMatch(t, approved, b.send())
		b.approve("", state.Suppressions, 40)
		b.reopen()
		require.Zero(t, b.suppress(0).Held, "mended")
		b.reopen()
		require.EqualValues(t, 40, b.suppress(80).Held, "broken again")
		b.sound()
	})

	t.Run("an approval is over after a day, and none is given in advance", func(t *testing.T) {
		t.Parallel()
		b := shop(t)
		_, err := b.db.Approve(context.Background(), state.Approval{Direction: state.Suppressions, Most: 5})
		require.ErrorIs(t, err, state.ErrNothingHeld)
		b.suppress(100)
		require.Equal(t, state.Approved{Held: 100, Granted: 100}, b.approve("", state.Suppressions, 1000))
		b.now = b.now.Add(25 * time.Hour)
		b.reopen()
		require.EqualValues(t, 100, b.suppress(100).Held)
		require.Empty(t, b.send())
	})

	t.Run("a list that is gone holds nobody", func(t *testing.T) {
		t.Parallel()
		b := shop(t)
		b.view("u1")
		b.suppress(40)
		require.Empty(t, b.send())
		b.reopen()
		require.Equal(t, state.Suppressed{}, b.suppress(0))
		require.Len(t, b.send(), 1)
		require.Empty(t, b.held())
		b.sound()
	})

	t.Run("what another verdict or a refusal holds stays with it", func(t *testing.T) {
		t.Parallel()
		b := shop(t)
		b.guards["vip"] = state.Guard{Exits: limit(30, 5)}
		b.say("vip", "false", 0, 50)
		b.judge()
		b.suppress(0)
		b.say("gold", "true", 0, 60)
		b.judge()
		require.EqualValues(t, 60, b.suppress(60).Held)
		require.Empty(t, b.send())
		require.Len(t, b.held(), 2)
		b.sound()
		b.reopen()
		b.suppress(0)
		require.Len(t, b.send(), 60)
		require.EqualValues(t, 50, b.held()[0].Held, "the exits wait on")
		b.sound()
	})

	t.Run("who is forgotten meanwhile leaves nothing behind", func(t *testing.T) {
		t.Parallel()
		b := shop(t)
		b.view("u1")
		b.suppress(40)
		_, err := b.db.Forget(context.Background(), "u1")
		require.NoError(t, err)
		require.Equal(t, 39, b.number(`SELECT count(*) FROM suppressions`))
		b.reopen()
		require.EqualValues(t, 39, b.suppress(40).Held)
		b.sound()
	})

	t.Run("a kill before they are taken out leaves them to the next run", func(t *testing.T) {
		t.Parallel()
		b := shop(t)
		b.view("u1")
		_, err := b.db.Suppress(context.Background(), []state.Person{user("u1")}, true)
		require.NoError(t, err)
		b.reopen()
		require.Equal(t, state.Suppressed{Waiting: 2}, b.suppress(2))
		require.ElementsMatch(t, []string{"u0 vip=false", "u1 vip=false"}, b.send())
		b.sound()
	})

	t.Run("a refusal that is made due again meanwhile is held, too", func(t *testing.T) {
		t.Parallel()
		b := shop(t)
		b.say("gold", "true", 0, 2)
		b.view("u5")
		b.judge()
		b.suppress(0)
		b.settle(state.Refused, b.claim()...)
		require.EqualValues(t, 40, b.suppress(40).Held)
		n, err := b.db.RetryRefused(context.Background(), state.Filter{})
		require.NoError(t, err)
		require.EqualValues(t, 3, n)
		require.Empty(t, b.send())
		b.sound()
	})

	t.Run("whatever happens, nothing is sent about them, and the counts add up", func(t *testing.T) {
		t.Parallel()
		b := shop(t)
		rng := rand.New(rand.NewPCG(7, 7))
		b.guards["vip"] = state.Guard{Exits: limit(30, 8), Joins: limit(50, 8)}
		for step := range 120 {
			from := rng.IntN(100)
			to := min(from+1+rng.IntN(20), 110)
			switch rng.IntN(5) {
			case 0:
				b.say("vip", "false", from, to)
			case 1:
				b.say("vip", "true", from, to)
			case 2:
				b.list("gold", state.Guard{Exits: limit(30, 5), Joins: limit(50, 5)}, crowd(from, to)...)
			case 3:
				_, err := b.db.Forget(context.Background(), fmt.Sprintf("u%d", from))
				require.True(t, err == nil || errors.Is(err, state.ErrNotFound))
			case 4:
				_, err := b.db.RetryRefused(context.Background(), state.Filter{})
				require.NoError(t, err)
			}
			b.judge()
			names := []int{0, 3, 60, 100}[rng.IntN(4)]
			s := b.suppress(names)
			b.sound()
			claims := b.claim()
			for _, c := range claims {
				var n int
				_, err := fmt.Sscanf(c.Person.UserID, "u%d", &n)
				require.NoError(t, err)
				for _, v := range c.Values {
					require.True(t, s.Held == 0 || n >= names || v.Value == "false", "step %d: %s %s=%s", step, c.Person.UserID, v.Key, v.Value)
				}
			}
			result := []state.Result{state.Delivered, state.Delivered, state.Refused, state.Unknown, state.RetryLater}[rng.IntN(5)]
			b.settle(result, claims...)
			b.sound()
			b.now = b.now.Add(time.Duration(rng.IntN(20)) * time.Hour)
			if rng.IntN(3) == 0 && s.Held > 1 {
				b.approve("", state.Suppressions, s.Held/2)
			}
			b.reopen()
		}
	})
}

// A visitor who is a user by now is suppressed as that user, whose calls carry the id.
func TestSuppressedVisitorsOfUsers(t *testing.T) {
	t.Parallel()
	suppress := func(b *bench) state.Suppressed {
		_, err := b.db.Suppress(context.Background(), []state.Person{{AnonymousID: "a1"}}, true)
		require.NoError(b.t, err)
		s, err := b.db.JudgeSuppressions(context.Background(), true)
		require.NoError(b.t, err)
		return s
	}
	gone := func(b *bench) {
		suppress(b)
		b.sound()
		require.Empty(b.t, b.texts(`SELECT id FROM people UNION ALL SELECT profile_id FROM trait_rows`))
	}

	t.Run("of whom impact.com was told", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.change(state.Person{UserID: "u1", AnonymousID: "a1"}, "vip", "true", b.now)
		require.Equal(t, []string{"u1 vip=true"}, b.send())
		suppress(b)
		require.Equal(t, []string{"u1 vip=false"}, b.send())
		gone(b)
	})

	t.Run("who became one while the suppression is held", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.most = limit(0, 1)
		b.reopen()
		b.change(state.Person{AnonymousID: "a1"}, "vip", "true", b.now)
		require.EqualValues(t, 1, suppress(b).Held)
		b.reopen()
		b.store(state.Item{Person: state.Person{UserID: "u1", AnonymousID: "a1"}, SeenAt: b.now})
		require.EqualValues(t, 1, suppress(b).Held)
		require.Empty(t, b.send())
		b.approve("", state.Suppressions, 1)
		gone(b)
	})
}

// A false that was not answered leaves open whether impact.com still holds the true before
// it, which was not answered either: somebody who is suppressed then is told once more.
func TestSuppressedWithoutAnswers(t *testing.T) {
	t.Parallel()
	for _, died := range []bool{false, true} {
		for _, visitor := range []bool{false, true} {
			t.Run(fmt.Sprintf("died %t, as a visitor %t", died, visitor), func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				person := user("u1")
				if visitor {
					person = state.Person{AnonymousID: "a1"}
				}
				for i, value := range []string{"true", "false"} {
					b.now = b.now.Add(time.Hour)
					b.change(person, "vip", value, b.now)
					claims := b.claim()
					require.Equal(t, value, claims[0].Values[0].Value)
					if died && i == 1 {
						b.reopen()
					} else {
						b.settle(state.Unknown, claims...)
					}
				}
				if visitor {
					b.store(state.Item{Person: state.Person{UserID: "u1", AnonymousID: "a1"}, SeenAt: b.now})
				}
				b.now = b.now.Add(time.Hour)
				_, err := b.db.Suppress(context.Background(), []state.Person{user("u1")}, true)
				require.NoError(t, err)
				_, err = b.db.JudgeSuppressions(context.Background(), true)
				require.NoError(t, err)
				require.Equal(t, []string{"u1 vip=false"}, b.send())
				b.sound()
			})
		}
	}
}
