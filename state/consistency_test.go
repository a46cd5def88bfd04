package state_test

import (
	"context"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

// resync is the command, between two runs.
func (b *bench) resync(key string) int64 {
	b.t.Helper()
	n, err := b.db.Resync(context.Background(), key)
	require.NoError(b.t, err)
	b.sound()
	return n
}

func TestResyncEndsWaiting(t *testing.T) {
	t.Parallel()
	for name, result := range map[string]state.Result{"turned away with 408 or 429": state.RetryLater, "unknown": state.Unknown} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.list("vip", state.Guard{}, "u1", "u2")
			claims := b.claim()
			b.settle(result, claims[0])
			b.settle(state.Delivered, claims[1])
			require.EqualValues(t, 2, b.resync("vip"), "both are due at once")
			require.ElementsMatch(t, []string{"u1 vip=true", "u2 vip=true"}, b.send())
			b.sound()
		})
	}

	t.Run("who certainly was not told is not told false", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.list("vip", state.Guard{}, "u1")
		b.settle(state.RetryLater, b.claim()...)
		b.resync("vip")
		b.listOf("vip", state.Guard{}, user("u2"))
		require.Equal(t, []string{"u2 vip=true"}, b.send())
	})

	t.Run("refused and held stay so, and are not counted as sent", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.list("vip", state.Guard{}, "u1", "u2", "u3", "u4")
		for _, c := range b.claim() {
			result := state.Delivered
			if c.Person == user("u1") {
				result = state.Refused
			}
			b.settle(result, c)
		}
		require.EqualValues(t, 3, b.resync("vip"))
		require.Len(t, b.send(), 3)
		b.list("vip", state.Guard{Exits: limit(10, 1)}, "u1")
		require.EqualValues(t, 0, b.resync("vip"), "all three are held")
		require.Empty(t, b.send())
		b.approve("vip", state.Exits, 3)
		b.judge()
		require.Len(t, b.send(), 3)
		n, err := b.db.RetryRefused(context.Background(), state.Filter{})
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
		require.Len(t, b.send(), 1)
		b.sound()
	})

	t.Run("what a dead process left in flight is recovered as always", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.list("vip", state.Guard{}, "u1")
		b.settle(state.Unknown, b.claim()...)
		b.now = b.now.Add(time.Hour)
		require.Len(t, b.claim(), 1)
		b.resync("vip")
		b.reopen()
		b.sound()
		require.Equal(t, []string{"u1 vip=true"}, b.send())
	})
}

// TestAdoptOfWhatHasNoValue: an audience's value was taken back, and its false
// waits for a retry, is refused or is held.
func TestAdoptOfWhatHasNoValue(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*bench){
		"waits":   func(b *bench) { b.settle(state.RetryLater, b.claim()...) },
		"unknown": func(b *bench) { b.settle(state.Unknown, b.claim()...) },
		"refused": func(b *bench) { b.settle(state.Refused, b.claim()...) },
		"pending": func(*bench) {},
		"held": func(b *bench) {
			b.change(user("u1"), "vip", "true", b.now)
			b.send()
			b.guards["vip"] = state.Guard{Exits: limit(1, 1)}
			b.clear("u1", "vip")
			b.judge()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.change(user("u1"), "vip", "true", b.now.Add(-time.Minute))
			b.send()
			b.clear("u1", "vip")
			fail(b)
			b.sound()
			_, err := b.db.Adopt(context.Background(), "vip")
			require.NoError(t, err)
			b.sound()
			b.now = b.now.Add(100 * time.Hour)
			b.reopen()
			require.Empty(t, b.send(), "adopt sends nothing")
			b.change(user("u1"), "vip", "true", b.now)
			b.judge()
			require.Equal(t, []string{"u1 vip=true"}, b.send())
		})
	}
}

func (b *bench) clear(id, key string) {
	b.t.Helper()
	b.now = b.now.Add(time.Second)
	b.store(state.Item{Person: user(id), SeenAt: b.now, Change: &state.Change{Trait: audience(key), Cleared: true, At: b.now}})
}

var number = regexp.MustCompile(`profile \d{6,}`)

func TestOpeningHeals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, damage string
		found        []string
		sent         []string
	}{
		{"a resync of an earlier version", `UPDATE trait_due SET next_attempt_at = NULL, at = NULL WHERE class IS NULL`,
			[]string{"trait values that contradict their status: vip profile # is retry_later", "trait values that contradict their status: vip profile # is unknown"},
			[]string{"u1 vip=true", "u2 vip=true", "page"}},
		{"times that are gone", `UPDATE trait_due SET next_attempt_at = NULL; UPDATE deliveries SET next_attempt_at = NULL`,
			[]string{
				"trait values that contradict their status: vip profile # is retry_later", "trait values that contradict their status: vip profile # is unknown",
				"events that contradict their status: page_load 1 is retry_later",
			},
			[]string{"u1 vip=true", "u2 vip=true", "page"}},
		{"a refusal without a reason", `UPDATE trait_due SET class = NULL, at = NULL WHERE class IS NOT NULL`,
			[]string{"trait values that contradict their status: vip profile # is refused"},
			[]string{"u1 vip=true", "u2 vip=true", "u3 vip=true", "page"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.list("vip", state.Guard{}, "u1", "u2", "u3")
			b.view("u9")
			results := map[string]state.Result{"u1": state.RetryLater, "u2": state.Unknown, "u3": state.Refused, "": state.RetryLater}
			for _, claim := range b.claim() {
				o := state.Outcome{Claim: claim, Result: results[claim.Person.UserID], Error: "test", Fingerprint: "f", Next: b.now.Add(time.Minute)}
				if o.Result == state.Refused {
					o.Class = "other"
				}
				_, err := b.db.Turn(context.Background(), []state.Outcome{o}, state.Want{})
				require.NoError(t, err)
			}
			b.sound()
			b.exec(c.damage)
			problems, err := b.db.Check(context.Background())
			require.NoError(t, err)
			for i := range problems {
				problems[i] = number.ReplaceAllString(problems[i], "profile #")
			}
			require.ElementsMatch(t, c.found, problems)
			b.now = b.now.Add(time.Hour)
			b.reopen()
			b.sound()
			require.ElementsMatch(t, c.sent, b.send())
			b.sound()
		})
	}
}

// A computed trait without a value cannot be sent, but what is not known of it stays.
func TestDoubtOfWhatIsNotDue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	points := func(value string) {
		b.now = b.now.Add(time.Second)
		b.store(state.Item{Person: user("u1"), SeenAt: b.now, Change: &state.Change{
			Trait: state.TraitInfo{Key: "points", Class: state.Computed}, Value: value, Cleared: value == "", At: b.now, MessageID: "m" + value,
		}})
		b.sound()
	}
	doubts := func() int { return b.number(`SELECT doubt FROM profile_traits WHERE trait_key = 'points'`) }
	points("80")
	require.Equal(t, []string{"u1 points=80"}, b.send())
	require.EqualValues(t, 1, b.resync("points"))
	points("")
	require.Empty(t, b.send())
	require.Equal(t, 1, doubts())
	b.reopen()
	points("80")
	require.Equal(t, []string{"u1 points=80"}, b.send(), "impact.com may have been told something else")
	require.Equal(t, 0, doubts())
	require.Equal(t, 1, b.number(`SELECT count(*) FROM profile_traits WHERE message_id = 'm80' AND status = 'settled'`))
}
