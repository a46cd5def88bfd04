package state_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

func TestListsAreJudgedInBothDirections(t *testing.T) {
	t.Parallel()

	t.Run("joins are held, the next list decides anew, and an approval lets so many through", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		guard := state.Guard{Joins: limit(50, 5), Exits: limit(30, 100)}
		require.False(t, b.list("vip", guard, crowd(0, 20)...).Held, "a first sync")
		b.send()
		v := b.list("vip", guard, crowd(1, 40)...)
		require.True(t, v.Held)
		require.Equal(t, "20 people would join 20 told true (100 %): more than 50 % and at least 5", v.Reason)
		b.judge()
		require.Len(t, b.send(), 1, "the exit goes")

		require.True(t, b.list("vip", guard, crowd(1, 35)...).Held)
		require.EqualValues(t, 15, b.held()[0].Held)
		b.sound()
		b.approve("vip", state.Joins, 4)
		b.judge()
		require.Len(t, b.send(), 4)
		require.EqualValues(t, 11, b.held()[0].Held)

		require.False(t, b.list("vip", guard, crowd(1, 26)...).Held)
		require.Empty(t, b.held())
		b.sound()
	})

	t.Run("an emptied list is held without any limit, until it is approved", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.list("vip", state.Guard{}, crowd(0, 3)...)
		b.send()
		v := b.list("vip", state.Guard{})
		require.Equal(t, "the list is empty and would end all 3 memberships", v.Reason)
		require.Equal(t, v.Reason, b.held()[0].Reason)
		b.judge()
		require.Empty(t, b.send())
		b.approve("vip", state.Exits, 3)
		b.judge()
		require.Len(t, b.send(), 3)
		b.sound()
	})

	t.Run("an approval is not used up by a run that holds the same again", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		guard := state.Guard{Exits: limit(30, 2)}
		b.list("vip", guard, crowd(0, 10)...)
		b.send()
		b.list("vip", guard, crowd(0, 5)...)
		b.approve("vip", state.Exits, 5)
		b.reopen()
		require.True(t, b.list("vip", guard, crowd(0, 4)...).Held)
		b.judge()
		require.Len(t, b.send(), 5)
		require.EqualValues(t, 1, b.held()[0].Held)
		b.sound()
	})

	t.Run("an approval ends with the next judgement, and is for the people who were held when it was given", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		guard := state.Guard{Exits: limit(30, 2), Joins: limit(50, 5)}
		b.list("vip", guard, crowd(0, 10)...)
		b.send()
		next := func(members ...string) state.Verdict {
			v := b.list("vip", guard, members...)
			b.judge()
			return v
		}
		require.True(t, next().Held)
		require.EqualValues(t, 10, b.approve("vip", state.Exits, 10).Granted)
		require.EqualValues(t, 10, b.held()[0].Approved)
		require.False(t, next(crowd(0, 10)...).Held, "mended before the approval was used")
		require.True(t, next().Held)
		require.Zero(t, b.held()[0].Approved)
		require.Empty(t, b.send(), "another broken list")

		next(crowd(0, 10)...)
		next(crowd(0, 5)...)
		b.now = b.now.Add(time.Hour) // the clock is ahead for a moment
		b.approve("vip", state.Exits, 5)
		b.now = b.now.Add(-time.Hour)
		require.True(t, b.list("vip", guard, append(crowd(0, 1), crowd(6, 10)...)...).Held)
		require.EqualValues(t, 1, b.held()[0].Approved)
		b.judge()
		require.Equal(t, []string{"u00005 vip=false"}, b.send())
		b.now = b.now.Add(-time.Minute)
		require.Equal(t, state.Approved{Held: 4, Granted: 4}, b.approve("vip", state.Exits, 1000))
		b.judge()
		require.Len(t, b.send(), 4)
		b.sound()
	})

	t.Run("who was told true as a visitor and is on the list as a user does not leave", func(t *testing.T) {
		t.Parallel()
		visitors := func(from, to int) (all []state.Person) {
			for i := from; i < to; i++ {
				all = append(all, state.Person{AnonymousID: fmt.Sprintf("a%d", i)})
			}
			return all
		}
		users := func(from, to int) []state.Person {
			all := visitors(from, to)
			for i := range all {
				all[i].UserID = "u" + all[i].AnonymousID
			}
			return all
		}
		guard := state.Guard{Exits: limit(30, 5)}
		b := setup(t)
		b.listOf("vip", guard, visitors(0, 20)...)
		b.send()
		v := b.listOf("vip", guard, users(0, 19)...)
		require.Equal(t, state.Verdict{Members: 19, Exits: 1, Told: 20, Unchanged: 19}, v)
		b.judge()
		require.Len(t, b.send(), 20, "19 are told again under their user id")
		b.sound()

		b = setup(t)
		b.listOf("vip", state.Guard{}, visitors(0, 20)...)
		b.send()
		require.False(t, b.listOf("vip", state.Guard{}, visitors(10, 20)...).Held, "10 exits that are not sent yet")
		v = b.listOf("vip", guard, users(0, 16)...)
		require.EqualValues(t, 4, v.Exits)
		require.False(t, v.Held)
		b.sound()

		b = setup(t)
		b.listOf("vip", guard, visitors(0, 20)...)
		b.send()
		require.True(t, b.listOf("vip", guard, users(0, 13)...).Held, "7 of 20 do leave")
		require.EqualValues(t, 7, b.held()[0].Held)
		b.sound()
	})

	t.Run("limits of zero let nobody go", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.list("vip", state.Guard{}, crowd(0, 1000)...)
		b.send()
		require.True(t, b.list("vip", state.Guard{Exits: limit(0, 0)}, crowd(1, 1000)...).Held)
	})

	t.Run("nothing to approve is an error", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.list("vip", state.Guard{}, "u1")
		for _, d := range []state.Direction{state.Exits, state.Joins, state.ConversionBatch, state.NewComputation} {
			_, err := b.db.Approve(context.Background(), state.Approval{Key: "vip", Direction: d, Most: 1, Computation: "x"})
			require.ErrorIs(t, err, state.ErrNothingHeld, d)
		}
		_, err := b.db.Approve(context.Background(), state.Approval{Key: "nobody", Direction: state.Exits, Most: 1})
		require.ErrorIs(t, err, state.ErrNotFound)
	})
}

func TestANewComputationUnderAKnownKeyIsHeld(t *testing.T) {
	t.Parallel()
	first := state.TraitInfo{Key: "vip", Class: state.Audience, SpaceID: "spa_1", ComputationID: "aud_1"}
	second := first
	second.ComputationID = "aud_2"

	t.Run("until it is approved, and then it is judged as any other", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.sayBy(first, "true", 0, 10)
		b.judge()
		require.Len(t, b.send(), 10)
		b.guards["vip"] = state.Guard{Exits: limit(30, 5)}
		b.sayBy(second, "true", 10, 12)
		b.sayBy(second, "false", 0, 6)
		b.sayBy(first, "true", 20, 21)
		b.judge()
		require.Equal(t, []string{"u20 vip=true"}, b.send(), "the known one goes on")
		held := b.held()
		require.Len(t, held, 1)
		require.EqualValues(t, 8, held[0].Held)
		require.Equal(t, `computation "aud_2" of space "spa_1" is new under this key`, held[0].Reason)
		require.Equal(t, "approve vip --computation aud_2", held[0].Command)

		b.reopen()
		b.sayBy(second, "true", 12, 13)
		b.judge()
		require.Empty(t, b.send())
		got, err := b.db.Approve(context.Background(), state.Approval{Key: "vip", Direction: state.NewComputation, Computation: "aud_2"})
		require.NoError(t, err)
		require.EqualValues(t, 9, got.Held)
		require.Len(t, b.judge(), 1, "its exits are too many")
		require.ElementsMatch(t, []string{"u10 vip=true", "u11 vip=true", "u12 vip=true"}, b.send())
		b.sayBy(second, "true", 13, 14)
		b.judge()
		require.Len(t, b.send(), 1)
		b.sound()
	})

	t.Run("so is another space; a message that names neither is taken", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.sayBy(first, "true", 0, 1)
		b.sayBy(state.TraitInfo{Key: "vip", Class: state.Audience}, "true", 1, 2)
		b.sayBy(state.TraitInfo{Key: "vip", Class: state.Audience, SpaceID: "spa_2"}, "true", 2, 3)
		b.judge()
		require.Len(t, b.send(), 2)
		require.Equal(t, "approve vip --computation spa_2", b.held()[0].Command)
		_, err := b.db.Approve(context.Background(), state.Approval{Key: "vip", Direction: state.NewComputation, Computation: "spa_2"})
		require.NoError(t, err)
		b.judge()
		require.Len(t, b.send(), 1)
		b.sound()
	})

	t.Run("of a computed trait, too", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		points := state.TraitInfo{Key: "points", Class: state.Computed, ComputationID: "trt_1"}
		b.sayBy(points, "1", 0, 1)
		points.ComputationID = "trt_2"
		b.sayBy(points, "2", 1, 2)
		b.judge()
		require.Equal(t, []string{"u0 points=1"}, b.send())
		_, err := b.db.Approve(context.Background(), state.Approval{Key: "points", Direction: state.NewComputation, Computation: "trt_2"})
		require.NoError(t, err)
		b.judge()
		require.Equal(t, []string{"u1 points=2"}, b.send())
		b.sound()
	})
}

func TestARenamedListIsHeldWithoutALimitOfJoins(t *testing.T) {
	t.Parallel()
	b := setup(t)
	gone := func(there ...string) {
		_, err := b.db.NoteLists(context.Background(), map[string][]string{"exports": there})
		require.NoError(t, err)
	}
	b.list("vip", state.Guard{}, crowd(0, 150)...)
	b.list("few", state.Guard{}, crowd(500, 550)...)
	b.send()
	gone("important", "some", "new")

	const why = `150 people would join 0 told true: more than 100 % and at least 100; most of them are members of "vip", whose list has no file any more: was it renamed?`
	require.Equal(t, why, b.list("important", state.Guard{}, crowd(0, 150)...).Reason)
	require.False(t, b.list("some", state.Guard{}, crowd(500, 550)...).Held, "so few do no harm")
	require.False(t, b.list("new", state.Guard{}, crowd(600, 750)...).Held, "a first sync of others")
	b.judge()
	require.Len(t, b.send(), 200)

	require.Equal(t, why, b.list("important", state.Guard{}, crowd(0, 150)...).Reason, "the next list is no more believable")
	b.approve("important", state.Joins, 60)
	b.judge()
	require.Len(t, b.send(), 60)
	require.EqualValues(t, 90, b.held()[0].Held)

	gone("vip", "important")
	require.False(t, b.list("important", state.Guard{}, crowd(0, 150)...).Held, "the old list is back: these are two")
	require.Len(t, b.send(), 90)
	b.sound()
}
