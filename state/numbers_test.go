package state_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

// squat gives a person's number to somebody else.
func (b *bench) squat(person string) {
	b.t.Helper()
	b.exec(fmt.Sprintf(`INSERT INTO profiles (id, user_id) VALUES (%d, 'squatter')`, user(person).ProfileID()))
}

// Two people of one number are once in a lifetime; then, too, nobody is told
// what is not so.
func TestListsKnowWhoseNumberIsTaken(t *testing.T) {
	t.Parallel()
	for _, n := range []int{3, 12_000} { // in one range, in several
		t.Run(fmt.Sprintf("among %d", n), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.squat("u00001")
			require.EqualValues(t, n, b.list("vip", state.Guard{}, crowd(0, n)...).Joins)
			require.Len(t, b.sendAll(), n)
			for range 2 {
				require.Equal(t, state.Verdict{Members: int64(n), Unchanged: int64(n), Told: int64(n)}, b.list("vip", state.Guard{}, crowd(0, n)...))
				require.Empty(t, b.sendAll())
			}
			without := append(crowd(0, 1), crowd(2, n)...)
			require.EqualValues(t, 1, b.list("vip", state.Guard{}, without...).Exits)
			require.Equal(t, []string{"u00001 vip=false"}, b.sendAll())
			require.EqualValues(t, 0, b.list("vip", state.Guard{}, without...).Exits)
			require.EqualValues(t, 1, b.list("vip", state.Guard{}, crowd(0, n)...).Joins)
			require.Equal(t, []string{"u00001 vip=true"}, b.sendAll())
			more := append(crowd(0, n), "another")
			require.Equal(t, state.Verdict{Members: int64(n) + 1, Joins: 1, Unchanged: int64(n), Told: int64(n)}, b.list("vip", state.Guard{}, more...))
			require.Equal(t, []string{"another vip=true"}, b.sendAll())
			b.sound()
		})
	}

	t.Run("a member under the number of one who has left", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.list("vip", state.Guard{}, "leaver", "stayer")
		b.sendAll()
		b.exec(fmt.Sprintf(`UPDATE newcomers SET id = %[2]d WHERE id = %[1]d; UPDATE trait_values SET profile_id = %[2]d WHERE profile_id = %[1]d`,
			user("leaver").ProfileID(), user("joiner").ProfileID()))
		b.reopen()
		v := b.list("vip", state.Guard{}, "joiner", "stayer")
		require.Equal(t, state.Verdict{Members: 2, Joins: 1, Exits: 1, Unchanged: 1, Told: 2}, v)
		require.ElementsMatch(t, []string{"leaver vip=false", "joiner vip=true"}, b.sendAll())
		require.Equal(t, state.Verdict{Members: 2, Unchanged: 2, Told: 2}, b.list("vip", state.Guard{}, "joiner", "stayer"))
		require.Empty(t, b.sendAll())
		b.sound()
	})
}

func TestEventsFollowAVisitorWhoseNumberIsTaken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	visitor := state.Person{AnonymousID: "a1"}
	b.exec(fmt.Sprintf(`INSERT INTO profiles (id, user_id, click_id, click_at) VALUES (%d, 'squatter', 'squatters', 1)`, visitor.ProfileID()))
	page := event(state.PageLoad, "page", b.now)
	page.Payload = []byte(`{"type":"page","anonymousId":"a1"}`)
	b.store(
		state.Item{Person: visitor, SeenAt: b.now, Event: page},
		state.Item{Person: state.Person{UserID: "u1", AnonymousID: "a1"}, SeenAt: b.now.Add(1)},
	)
	claims := b.claim()
	require.Len(t, claims, 1)
	require.Equal(t, user("u1").ProfileID(), claims[0].Profile)
	require.Empty(t, claims[0].ClickID)
	b.sound()
}
