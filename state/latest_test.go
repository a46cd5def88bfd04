package state_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

func latest(class state.Class) state.TraitInfo {
	return state.TraitInfo{Key: "vip", Class: class, Authority: state.AuthorityLatest}
}

// listAt applies a list of a trait with both kinds of feed.
func (b *bench) listAt(tr state.TraitInfo, at time.Time, value string, people ...state.Person) {
	b.t.Helper()
	l, err := b.db.NewList(context.Background(), state.ListInfo{Trait: tr, Source: "exports", ListedAt: at})
	require.NoError(b.t, err)
	defer l.Close()
	for _, p := range people {
		require.NoError(b.t, l.Add(p, value, false))
	}
	_, err = l.Apply(context.Background())
	require.NoError(b.t, err)
}

func (b *bench) say1(tr state.TraitInfo, p state.Person, value string, at time.Time) {
	b.t.Helper()
	b.store(state.Item{Person: p, SeenAt: at, Change: &state.Change{Trait: tr, Value: value, At: at}})
}

// TestLatestAgainstTheNewestList: a list confirms what it does not change, and a
// message from before it comes too late, whatever it says.
func TestLatestAgainstTheNewestList(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		first         string
		listed        bool
		late          string
		before, after []string // the list, what is sent
	}{
		{"on the list, late false", "true", true, "false", []string{"u5 vip=true"}, nil},
		{"not on the list, late true", "false", false, "true", nil, nil},
		{"told true, not on the list, late true", "true", false, "true", []string{"u5 vip=true"}, []string{"u5 vip=false"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			tr := latest(state.Audience)
			b.say1(tr, user("u5"), c.first, b.now.Add(-3*time.Hour))
			require.Equal(t, c.before, b.send())
			people := []state.Person{}
			if c.listed {
				people = append(people, user("u5"))
			}
			b.listAt(tr, b.now.Add(-time.Hour), "true", append(people, user("u1"))...)
			b.judge()
			if !c.listed && c.first == "true" {
				b.say1(tr, user("u5"), c.late, b.now.Add(-2*time.Hour)) // in the same run
			}
			require.ElementsMatch(t, append([]string{"u1 vip=true"}, c.after...), b.send())
			b.reopen() // what the list said is no matter of memory
			b.say1(tr, user("u5"), c.late, b.now.Add(-2*time.Hour))
			b.judge()
			require.Empty(t, b.send(), "the list is newer")
			b.say1(tr, user("u5"), "true", b.now.Add(-30*time.Minute))
			b.say1(tr, user("u1"), "false", b.now.Add(-30*time.Minute))
			b.judge()
			got := b.send()
			require.Contains(t, got, "u1 vip=false", "a message after the list counts")
			if !c.listed {
				require.Contains(t, got, "u5 vip=true")
			}
			b.sound()
		})
	}

	t.Run("a computed trait", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		tr := latest(state.Computed)
		b.say1(tr, user("u5"), "gold", b.now.Add(-3*time.Hour))
		b.listAt(tr, b.now.Add(-time.Hour), "gold", user("u5"))
		require.Equal(t, []string{"u5 vip=gold"}, b.send())
		b.say1(tr, user("u5"), "silver", b.now.Add(-2*time.Hour))
		require.Empty(t, b.send())
	})

	t.Run("messages alone have no list to fear", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		tr := latest(state.Audience)
		b.listAt(tr, b.now.Add(-time.Hour), "true", user("u1"))
		b.send()
		tr.Authority = state.AuthorityChanges
		b.say1(tr, user("u1"), "false", b.now.Add(-30*time.Minute))
		b.say1(tr, user("u2"), "true", b.now.Add(-2*time.Hour))
		b.judge()
		require.ElementsMatch(t, []string{"u1 vip=false", "u2 vip=true"}, b.send())
	})
}

// TestMergeAgainstTheNewestList: a list has a user and a visitor; they turn out
// to be one person. Who is on the newest list under either id is a member.
func TestMergeAgainstTheNewestList(t *testing.T) {
	t.Parallel()
	visitor := state.Person{AnonymousID: "a1"}
	both := state.Person{UserID: "u3", AnonymousID: "a1"}
	for _, authority := range []state.Authority{"", state.AuthorityList, state.AuthorityLatest, state.AuthorityChanges} { // no message feeds it
		for _, c := range []struct {
			name  string
			lists [][]state.Person
			last  string
		}{
			{"the user stays and the visitor leaves", [][]state.Person{{user("u3"), visitor}, {user("u3")}}, "true"},
			{"the visitor stays and the user leaves", [][]state.Person{{user("u3"), visitor}, {visitor}}, "true"},
			{"both leave", [][]state.Person{{user("u3"), visitor}, {}}, "false"},
			{"both stay", [][]state.Person{{user("u3"), visitor}, {user("u3"), visitor}}, "true"},
			{"the user leaves, then the visitor", [][]state.Person{{user("u3"), visitor}, {visitor}, {}}, "false"},
			{"the visitor leaves, then the user comes", [][]state.Person{{visitor}, {}, {user("u3")}}, "true"},
		} {
			t.Run(fmt.Sprintf("authority %q, %s", authority, c.name), func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				tr := audience("vip")
				tr.Authority = authority
				holds := map[string]string{}
				send := func() {
					b.judge()
					for _, claim := range b.claim() {
						holds[claim.Person.UserID] = claim.Values[0].Value
						b.settle(state.Delivered, claim)
					}
				}
				for _, members := range c.lists {
					b.now = b.now.Add(time.Minute)
					b.listAt(tr, b.now, "true", append(members, user("u9"))...)
					send()
				}
				b.store(state.Item{Person: both, SeenAt: b.now.Add(-time.Hour)})
				send()
				require.Equal(t, c.last, holds["u3"])
				b.now = b.now.Add(time.Minute)
				b.listAt(tr, b.now, "true", append(c.lists[len(c.lists)-1], user("u9"))...)
				require.Empty(t, b.claim(), "the same list again says nothing new")
				b.sound()
			})
		}
	}

	t.Run("a message after the list counts", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		tr := latest(state.Audience)
		b.listAt(tr, b.now.Add(-time.Hour), "true", user("u3"))
		b.send()
		b.say1(tr, visitor, "true", b.now.Add(-time.Minute))
		b.say1(tr, visitor, "false", b.now)
		b.judge()
		require.Empty(t, b.send())
		b.store(state.Item{Person: both, SeenAt: b.now})
		b.judge()
		require.Equal(t, []string{"u3 vip=false"}, b.send())
	})
}
