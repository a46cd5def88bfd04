package state_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

// One turn settles claims that ended in all kinds of ways. What was forgotten or
// settled meanwhile counts as a request, and changes nothing else.
func TestTurnOfManyOutcomes(t *testing.T) {
	t.Parallel()
	users := []string{"delivered", "too", "forgotten", "refused", "later", "unknown", "unsent"}
	results := map[string]state.Result{
		"delivered": state.Delivered, "too": state.Delivered, "forgotten": state.Delivered,
		"refused": state.Refused, "later": state.RetryLater, "unknown": state.Unknown, "unsent": state.Unsent,
	}
	for name, wanted := range map[string]func(*bench, string){
		"page loads": func(b *bench, who string) {
			b.store(state.Item{Person: user(who), Event: event(state.PageLoad, who, b.now)})
		},
		"conversions": func(b *bench, who string) {
			b.store(state.Item{Person: user(who), Event: event(state.Conversion, who, b.now)})
		},
		"trait updates": func(b *bench, who string) { b.change(user(who), "vip", "true", b.now) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			for _, who := range users {
				wanted(b, who)
			}
			var outcomes []state.Outcome
			for _, c := range b.claim() {
				who := c.Event + c.Person.UserID
				outcomes = append(outcomes, state.Outcome{
					Claim: c, Result: results[who], Requests: 1, Error: "test", Fingerprint: "f", Next: b.now.Add(time.Minute),
					Warnings: []state.Warning{{Field: "vip", Level: "WARNING", Message: "unknown"}}, Notes: []string{"note_cut"},
				})
			}
			require.Len(t, outcomes, len(users))
			_, err := b.db.Forget(context.Background(), "forgotten")
			require.NoError(t, err)

			turn := func(outcomes []state.Outcome) []string {
				claims, err := b.db.Turn(context.Background(), outcomes, everything)
				require.NoError(t, err)
				b.sound()
				return told(claims)
			}
			require.Len(t, turn(outcomes), 1, "what was not sent goes again at once")
			counted := func() map[string]int64 {
				c, err := b.db.RunCounts(context.Background(), b.run)
				require.NoError(t, err)
				return c
			}
			require.Equal(t, map[string]int64{
				"found": 7, "forgotten": 1, "people_forgotten": 1, "delivered": 2, "refused": 1, "unknown": 1, "requests": 7, "warnings": 7, "note_cut": 7,
			}, positive(counted()))
			status, err := b.db.Status(context.Background(), 0)
			require.NoError(t, err)
			require.EqualValues(t, 7, status.Warnings[0].Count)

			require.Empty(t, turn(outcomes[:2]), "settled before")
			again := counted()
			require.EqualValues(t, 2, again["delivered"])
			require.EqualValues(t, 9, again["requests"])
		})
	}
}

// An outcome of an earlier attempt leaves the attempt that is under way alone.
func TestOutcomeOfAnotherAttempt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.change(user("u1"), "vip", "true", b.now)
	b.store(state.Item{Person: user("u2"), Event: event(state.PageLoad, "page", b.now)})
	first := b.claim()
	require.Len(t, first, 2)
	b.settle(state.Unsent, first...)
	second := b.claim()
	require.Len(t, second, 2)

	b.settle(state.Delivered, first...)
	b.sound()
	traits, pageLoads, _, err := b.db.Due(context.Background())
	require.NoError(t, err)
	require.EqualValues(t, 1, traits.InFlight)
	require.EqualValues(t, 1, pageLoads.InFlight)

	b.settle(state.Delivered, second...)
	b.sound()
	require.Empty(t, b.claim())
}

// Trait updates of several values: one refused in part, one of a person of whom another
// value became wanted meanwhile.
func TestTurnOfManyValues(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, who := range []string{"u1", "u2", "u3", "u4"} {
		for _, key := range []string{"vip", "gold", "zinc"} {
			b.change(user(who), key, "true", b.now)
		}
	}
	b.change(user("u5"), "gold", "true", b.now)
	claims := b.claim()
	require.Equal(t, []string{
		"u1 gold=true vip=true zinc=true", "u2 gold=true vip=true zinc=true", "u3 gold=true vip=true zinc=true", "u4 gold=true vip=true zinc=true", "u5 gold=true",
	}, sorted(told(claims)))

	b.now = b.now.Add(time.Second)
	b.change(user("u3"), "vip", "false", b.now)
	outcomes := delivered(claims)
	for i, c := range claims {
		switch c.Person.UserID {
		case "u2":
			outcomes[i].RefusedKeys = []string{"vip"}
		case "u4":
			outcomes[i].Result, outcomes[i].Next = state.RetryLater, b.now.Add(time.Minute)
		}
	}
	_, err := b.db.Turn(context.Background(), outcomes, state.Want{})
	require.NoError(t, err)
	b.sound()
	counts, err := b.db.RunCounts(context.Background(), b.run)
	require.NoError(t, err)
	require.EqualValues(t, 8, counts["delivered"])
	traits, _, _, err := b.db.Due(context.Background())
	require.NoError(t, err)
	require.Equal(t, state.Counts{Pending: 1, RetryLater: 3, Refused: 1}, traits)

	b.now = b.now.Add(time.Hour)
	require.Equal(t, []string{"u3 vip=false", "u4 gold=true vip=true zinc=true"}, sorted(b.send()))
	b.sound()
}

// Without coalescing each value is a delivery of its own, and no person has two at once.
func TestTurnOfSingleValues(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, who := range []string{"u1", "u2"} {
		for _, key := range []string{"vip", "gold"} {
			b.change(user(who), key, "true", b.now)
		}
	}
	var outcomes []state.Outcome
	var all []string
	for range 2 {
		claims, err := b.db.Turn(context.Background(), outcomes, state.Want{PageLoads: 100})
		require.NoError(t, err)
		require.Len(t, claims, 2)
		require.NotEqual(t, claims[0].Profile, claims[1].Profile)
		all, outcomes = append(all, told(claims)...), delivered(claims)
	}
	require.Equal(t, []string{"u1 gold=true", "u1 vip=true", "u2 gold=true", "u2 vip=true"}, sorted(all))
	b.settle(state.Delivered, outcomes[0].Claim, outcomes[1].Claim)
	b.sound()
	require.Empty(t, b.claim())
}

func sorted(all []string) []string {
	slices.Sort(all)
	return all
}

// positive leaves out what was not counted.
func positive(counts map[string]int64) map[string]int64 {
	for name, n := range counts {
		if n == 0 {
			delete(counts, name)
		}
	}
	return counts
}
