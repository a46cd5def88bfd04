package state_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

func crowd(from, to int) []string {
	names := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		names = append(names, fmt.Sprintf("u%05d", i))
	}
	return names
}

// sendAll delivers until nothing is due.
func (b *bench) sendAll() (lines []string) {
	b.t.Helper()
	for {
		some := b.send()
		if len(some) == 0 {
			return lines
		}
		lines = append(lines, some...)
	}
}

// Lists of this size are compared range by range.
func TestLargeLists(t *testing.T) {
	t.Parallel()
	const n = 12_000

	t.Run("only what changed is found, list after list", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		require.Equal(t, state.Verdict{Members: n, Joins: n}, b.list("vip", state.Guard{}, crowd(0, n)...))
		require.Len(t, b.sendAll(), n)
		require.Equal(t, state.Verdict{Members: n, Unchanged: n, Told: n}, b.list("vip", state.Guard{}, crowd(0, n)...))
		require.Equal(t, state.Verdict{Members: n, Joins: 5, Exits: 5, Told: n, Unchanged: n - 5}, b.list("vip", state.Guard{}, crowd(5, n+5)...))
		b.sound()
		require.Len(t, b.sendAll(), 10)
		require.Equal(t, state.Verdict{Members: n, Unchanged: n, Told: n}, b.list("vip", state.Guard{}, crowd(5, n+5)...))
		require.Empty(t, b.sendAll())
		b.sound()
	})

	t.Run("exits that are still due count for the next list's verdict", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		guard := state.Guard{Exits: &state.Limit{Percent: 30, AtLeast: 100}}
		b.list("vip", guard, crowd(0, n)...)
		b.sendAll()
		require.False(t, b.list("vip", guard, crowd(2400, n)...).Held, "20 %")
		require.True(t, b.list("vip", guard, crowd(4800, n)...).Held, "40 % with those who have not been told yet")
		b.sound()
	})

	t.Run("a person forgotten in between joins anew", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.list("vip", state.Guard{}, crowd(0, n)...)
		b.sendAll()
		_, err := b.db.Forget(context.Background(), "u00007")
		require.NoError(t, err)
		require.EqualValues(t, 1, b.list("vip", state.Guard{}, crowd(0, n)...).Joins)
		require.Equal(t, []string{"u00007 vip=true"}, b.sendAll())
		b.sound()
	})

	t.Run("the same people in a second audience", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.list("vip", state.Guard{}, crowd(0, n)...)
		b.list("gold", state.Guard{}, crowd(0, n)...)
		require.Len(t, b.sendAll(), n, "both in one call")
		b.sound()
	})

	t.Run("a few of the same people in a second audience", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.list("vip", state.Guard{}, crowd(0, n)...)
		b.list("gold", state.Guard{}, crowd(0, 40)...)
		require.Len(t, b.sendAll(), n)
		require.Equal(t, state.Verdict{Members: 40, Unchanged: 40, Told: 40}, b.list("gold", state.Guard{}, crowd(0, 40)...))
		b.list("gold", state.Guard{}, crowd(0, 20)...) // what is due is looked up, too
		require.Equal(t, state.Verdict{Members: 21, Joins: 1, Exits: 19, Unchanged: 20, Told: 40}, b.list("gold", state.Guard{}, crowd(0, 21)...))
		require.Len(t, b.sendAll(), 19)
		b.sound()
	})

	t.Run("a list of users and anonymous ids that turn out to be users", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.now = b.now.Add(1)
		l, err := b.db.NewList(context.Background(), state.ListInfo{Trait: audience("vip"), Source: "exports", ListedAt: b.now})
		require.NoError(t, err)
		for i, name := range crowd(0, n) {
			require.NoError(t, l.Add(state.Person{AnonymousID: "a" + name}, "true", false))
			if i%2 == 0 {
				require.NoError(t, l.Add(state.Person{UserID: name, AnonymousID: "a" + name}, "true", false))
			}
		}
		_, err = l.Apply(context.Background())
		require.NoError(t, err)
		require.NoError(t, l.Close())
		b.sound()
		told := b.sendAll()
		require.Len(t, told, n, "each person once, under the user id where there is one")
		b.sound()
	})
}

// What was written while lists were compared is judged as a whole.
func TestLargeListsInTurn(t *testing.T) {
	t.Parallel()
	const n = 12_000

	t.Run("people come back who have left before", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.list("vip", state.Guard{}, crowd(0, n)...)
		b.sendAll()
		b.list("vip", state.Guard{}, crowd(10, n)...)
		require.Len(t, b.sendAll(), 10)
		require.Equal(t, state.Verdict{Members: n, Joins: 10, Told: n - 10, Unchanged: n - 10}, b.list("vip", state.Guard{}, crowd(0, n)...))
		require.Len(t, b.sendAll(), 10)
		b.sound()
	})

	t.Run("exits that were written are held by the verdict", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		guard := state.Guard{Exits: &state.Limit{Percent: 30, AtLeast: 100}}
		b.list("vip", guard, crowd(0, n)...)
		b.sendAll()
		v := b.list("vip", guard, crowd(n/2, n+7)...)
		require.True(t, v.Held)
		require.EqualValues(t, n/2, v.Exits)
		b.sound()
		require.Len(t, b.sendAll(), 7, "the joins go")
		require.False(t, b.list("vip", guard, crowd(0, n+7)...).Held)
		require.Empty(t, b.sendAll(), "the next list says that they are members")
		b.sound()
	})

	t.Run("a line said twice", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.list("vip", state.Guard{}, crowd(0, n)...)
		b.sendAll()
		v := b.list("vip", state.Guard{}, append(crowd(3, n+3), "u00005", "u00005")...)
		require.Equal(t, []int64{3, 3, n - 3}, []int64{v.Joins, v.Exits, v.Unchanged})
		require.Len(t, b.sendAll(), 6)
		b.sound()
	})
}

func TestListsAreComparedByValue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	apply := func(values map[string]string) {
		b.now = b.now.Add(time.Minute)
		l, err := b.db.NewList(context.Background(), state.ListInfo{Trait: audience("vip"), Source: "exports", ListedAt: b.now})
		require.NoError(t, err)
		defer l.Close()
		for who, value := range values {
			require.NoError(t, l.Add(user(who), value, false))
		}
		_, err = l.Apply(context.Background())
		require.NoError(t, err)
	}
	apply(map[string]string{"u1": "true", "u2": "true"})
	require.Len(t, b.sendAll(), 2)
	apply(map[string]string{"u1": "true", "u2": "false"})
	require.Equal(t, []string{"u2 vip=false"}, b.sendAll())
	b.sound()
}

// The lengths of texts stand in front of them: any byte may be in one.
func TestListsTakeAnyByte(t *testing.T) {
	t.Parallel()
	b := setup(t)
	people := []string{"a\x00b", "a\x00c", "a", "3 4 u"}
	require.EqualValues(t, 4, b.list("vip", state.Guard{}, people...).Joins)
	require.Len(t, b.sendAll(), 4)
	require.Equal(t, state.Verdict{Members: 4, Unchanged: 4, Told: 4}, b.list("vip", state.Guard{}, people...))
	require.Equal(t, state.Verdict{Members: 3, Unchanged: 3, Exits: 1, Told: 4}, b.list("vip", state.Guard{}, people[1:]...))
	require.Equal(t, []string{"a\x00b vip=false"}, b.sendAll())
	b.sound()
}

// A visitor who was told and is a user by a line of this list has not left.
func TestVisitorsBecomeUsersByAList(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 6000} { // in one range, in several
		b := setup(t)
		apply := func(people ...state.Person) state.Verdict {
			b.now = b.now.Add(time.Minute)
			l, err := b.db.NewList(context.Background(), state.ListInfo{Trait: audience("vip"), Source: "exports", ListedAt: b.now})
			require.NoError(t, err)
			defer l.Close()
			for _, p := range people {
				require.NoError(t, l.Add(p, "true", false))
			}
			v, err := l.Apply(context.Background())
			require.NoError(t, err)
			return v
		}
		var visitors, users []state.Person
		for _, name := range crowd(0, n) {
			visitors = append(visitors, state.Person{AnonymousID: "a" + name})
			users = append(users, state.Person{UserID: name, AnonymousID: "a" + name})
		}
		require.EqualValues(t, n, apply(visitors...).Joins)
		require.Len(t, b.sendAll(), n)
		v := apply(users[1:]...)
		require.Equal(t, []int64{int64(n) - 1, 1}, []int64{v.Members, v.Exits}, "the first visitor has left")
		b.sound()
		require.Len(t, b.sendAll(), n, "said once more under the user id; and one false")
		v = apply(users[1:]...)
		require.Equal(t, []int64{0, 0, int64(n) - 1}, []int64{v.Joins, v.Exits, v.Unchanged})
		require.Empty(t, b.sendAll())
		b.sound()
	}
}

// Visitors are looked up in groups.
func TestLongLists(t *testing.T) {
	t.Parallel()
	const n = 10_000

	t.Run("the last line of a person prevails", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.list("vip", state.Guard{}, crowd(0, n)...)
		require.Len(t, b.sendAll(), n)
		b.now = b.now.Add(time.Minute)
		l, err := b.db.NewList(context.Background(), state.ListInfo{Trait: audience("vip"), Source: "exports", ListedAt: b.now})
		require.NoError(t, err)
		defer l.Close()
		for _, value := range []string{"false", "true"} {
			for _, name := range crowd(0, n) {
				require.NoError(t, l.Add(user(name), value, false))
			}
		}
		require.NoError(t, l.Add(user("u00007"), "false", false))
		require.NoError(t, l.Flush(context.Background()))
		require.EqualValues(t, 2*n+1, l.Len())
		v, err := l.Apply(context.Background())
		require.NoError(t, err)
		require.EqualValues(t, n, v.Members)
		require.Equal(t, []string{"u00007 vip=false"}, b.sendAll())
		b.sound()
	})

	t.Run("visitors who were users before", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var visitors []state.Person
		for _, name := range crowd(0, 2500) {
			if visitors = append(visitors, state.Person{AnonymousID: "a" + name}); len(visitors)%2 == 0 {
				b.store(state.Item{Person: state.Person{UserID: name, AnonymousID: "a" + name}, SeenAt: b.now})
			}
		}
		require.EqualValues(t, 2500, b.listOf("vip", state.Guard{}, visitors...).Joins)
		users := 0
		for _, line := range b.sendAll() {
			users += strings.Count(line[:1], "u")
		}
		require.Equal(t, 1250, users)
		b.sound()
	})

	t.Run("of visitors who are one user, the last line counts", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		visitors := crowd(0, 10)
		for _, name := range visitors {
			b.store(state.Item{Person: state.Person{UserID: "u", AnonymousID: name}, SeenAt: b.now})
		}
		for range 2 {
			b.now = b.now.Add(time.Minute)
			tier := state.TraitInfo{Key: "tier", Class: state.Computed}
			l, err := b.db.NewList(context.Background(), state.ListInfo{Trait: tier, Source: "exports", ListedAt: b.now})
			require.NoError(t, err)
			defer l.Close()
			for _, name := range visitors {
				require.NoError(t, l.Add(state.Person{AnonymousID: name}, "of "+name, false))
			}
			require.NoError(t, l.Add(state.Person{AnonymousID: "stranger"}, "", true))
			_, err = l.Apply(context.Background())
			require.NoError(t, err)
			require.Equal(t, []string{"u tier=of " + visitors[len(visitors)-1]}, b.sendAll())
			slices.Reverse(visitors)
		}
		b.sound()
	})

	t.Run("a visitor's value counts for more than none of the user, and the later of two", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		for i, before := range []bool{false, true} { // whether the users have the value before
			tier := state.TraitInfo{Key: fmt.Sprint("tier", i), Class: state.Computed}
			users := crowd(1000*i, 1000*i+3*200) // more than are stored at once
			apply := func(add func(l *state.List, name string)) {
				b.now = b.now.Add(time.Minute)
				l, err := b.db.NewList(context.Background(), state.ListInfo{Trait: tier, Source: "exports", ListedAt: b.now})
				require.NoError(t, err)
				defer l.Close()
				for _, name := range users {
					add(l, name)
				}
				_, err = l.Apply(context.Background())
				require.NoError(t, err)
				b.sound()
			}
			if before {
				apply(func(l *state.List, name string) { require.NoError(t, l.Add(user(name), "gold", false)) })
				require.Len(t, b.sendAll(), len(users))
			}
			all := func(l *state.List, name string) { // says whose the visitors are, too
				require.NoError(t, l.Add(state.Person{AnonymousID: "b" + name}, "silver", false))
				require.NoError(t, l.Add(state.Person{AnonymousID: "a" + name}, "gold", false))
				require.NoError(t, l.Add(state.Person{UserID: name, AnonymousID: "a" + name}, "", true))
				require.NoError(t, l.Add(state.Person{UserID: name, AnonymousID: "b" + name}, "", true))
			}
			apply(all)
			sent := b.sendAll()
			if before {
				require.Empty(t, sent)
			} else {
				require.Len(t, sent, len(users))
				for _, name := range users {
					require.Contains(t, sent, name+" "+tier.Key+"=gold")
				}
			}
			apply(all)
			require.Empty(t, b.sendAll())
		}
	})

	t.Run("what fails ends the list", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		l, err := b.db.NewList(context.Background(), state.ListInfo{Trait: audience("vip"), Source: "exports", ListedAt: b.now})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		require.NoError(t, l.Add(state.Person{AnonymousID: "a1"}, "true", false))
		require.ErrorIs(t, l.Flush(ctx), context.Canceled)
		require.ErrorIs(t, l.Add(user("u1"), "true", false), context.Canceled)
		_, err = l.Apply(context.Background())
		require.ErrorIs(t, err, context.Canceled, "the lines are not complete")
		require.NoError(t, l.Close())
		require.Empty(t, b.sendAll())
		b.sound()
	})
}

// Long values do not gather in memory, those of the list and those known before: few
// people are compared at once.
func TestListsOfLongValues(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, value := range []string{strings.Repeat("x ", 100_000), "short"} {
		b.now = b.now.Add(time.Minute)
		most := int64(0)
		l, err := b.db.NewList(context.Background(), state.ListInfo{
			Trait: state.TraitInfo{Key: "bought", Class: state.Computed}, Source: "exports", ListedAt: b.now,
			Progress: func(people int64) { most = max(most, people) },
		})
		require.NoError(t, err)
		for _, name := range crowd(0, 40) {
			require.NoError(t, l.Add(user(name), value+name, false))
			require.NoError(t, l.Add(state.Person{AnonymousID: "a" + name}, value+name, false))
		}
		v, err := l.Apply(context.Background())
		require.NoError(t, err)
		require.EqualValues(t, 80, v.Joins)
		require.Positive(t, most)
		require.Less(t, most, int64(20), "of 80")
		require.NoError(t, l.Close())
		require.Len(t, b.sendAll(), 80)
		b.sound()
	}
}

// A list that cannot be compared to its end changes nothing, and the next one can be.
func TestListsThatStop(t *testing.T) {
	t.Parallel()
	const n = 12_000
	apply := func(t *testing.T, b *bench, ctx context.Context, progress func(int64)) error {
		t.Helper()
		b.now = b.now.Add(time.Minute)
		l, err := b.db.NewList(ctx, state.ListInfo{Trait: audience("vip"), Source: "exports", ListedAt: b.now, Progress: progress})
		require.NoError(t, err)
		defer l.Close()
		for _, name := range crowd(5, n+5) {
			require.NoError(t, l.Add(user(name), "true", false))
		}
		_, err = l.Apply(ctx)
		return err
	}
	setup := func(t *testing.T) *bench {
		t.Helper()
		b := setup(t)
		b.list("vip", state.Guard{}, crowd(0, n)...)
		b.sendAll()
		return b
	}
	after := func(t *testing.T, b *bench) {
		t.Helper()
		require.Empty(t, b.sendAll())
		require.NoError(t, apply(t, b, context.Background(), nil))
		require.Len(t, b.sendAll(), 10)
		b.sound()
	}

	t.Run("the run is stopped", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		ctx, cancel := context.WithCancelCause(context.Background())
		cause, calls := errors.New("stopped"), 0
		err := apply(t, b, ctx, func(int64) { calls++; cancel(cause) })
		require.ErrorIs(t, err, cause)
		require.Equal(t, 1, calls)
		after(t, b)
	})

	t.Run("rows cannot be read", func(t *testing.T) {
		t.Parallel()
		for _, which := range []string{"min", "max"} { // in the first range, in the last
			b := setup(t)
			of := ` WHERE profile_id = (SELECT ` + which + `(profile_id) FROM trait_values)`
			b.exec(`UPDATE trait_values SET message = '{'` + of)
			require.ErrorContains(t, apply(t, b, context.Background(), nil), "malformed JSON")
			b.exec(`UPDATE trait_values SET message = NULL` + of)
			after(t, b)
		}
	})
}
