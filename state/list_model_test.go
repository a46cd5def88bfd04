package state_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

// listed is a line of a list in which people have several ids.
type listed struct {
	user, visitor, email string
	value                string // "" is none
}

func (l listed) person() state.Person {
	return state.Person{UserID: l.user, AnonymousID: l.visitor, EmailSHA1: l.email}
}

// listModel is what is known of who is whose visitor.
type listModel struct {
	rng    *rand.Rand
	owners map[string]string // of visitors
	told   []string          // "who value", in order
}

// whose returns the user of a visitor, as it will turn out.
func whose(visitor string) string {
	return map[byte]string{'1': "u1", '2': "u1", '3': "u1", '4': "u2", '5': "u3"}[visitor[1]]
}

func (m *listModel) line(values []string) listed {
	l := listed{value: values[m.rng.IntN(len(values))]}
	if m.rng.IntN(4) == 0 {
		l.email = fmt.Sprintf("%040d", 1+m.rng.IntN(2))
	}
	switch n := m.rng.IntN(7); {
	case n == 0 && l.email != "": // of somebody who is known by it alone
	case n < 2:
		l.user = fmt.Sprint("u", 1+m.rng.IntN(4))
	case n == 2:
		l.visitor = fmt.Sprint("a", 1+m.rng.IntN(5))
		l.user = whose(l.visitor)
	default:
		l.visitor = fmt.Sprint("a", 1+m.rng.IntN(7))
	}
	return l
}

// learn takes in whose visitor a line names.
func (m *listModel) learn(lines ...listed) {
	for _, l := range lines {
		if l.user != "" && l.visitor != "" {
			m.owners[l.visitor] = l.user
		}
	}
}

// values returns what a list says of everybody who has a value: of a user what is said by
// name counts, unless only a visitor has a value, and then the later line.
func (m *listModel) values(lines []listed) map[string]string {
	type said struct {
		value string
		rank  int
	}
	all := map[string]said{}
	for _, l := range lines {
		who, now := cmp.Or(l.user, m.owners[l.visitor], l.visitor, l.email), said{value: l.value}
		if l.user != "" {
			now.rank = 1
		}
		if l.value != "" {
			now.rank += 2
		}
		if before, found := all[who]; !found || now.rank >= before.rank {
			all[who] = now
		}
	}
	values := map[string]string{}
	for who, s := range all {
		if s.value != "" {
			values[who] = s.value
		}
	}
	return values
}

// sent takes in what was sent, such as "u1 vip=true".
func (m *listModel) sent(lines []string) {
	for _, line := range lines {
		who, what, _ := strings.Cut(line, " ")
		_, value, _ := strings.Cut(what, "=")
		m.told = append(m.told, who+" "+value)
	}
}

// holds requires that what impact.com was told last of everybody is what is wanted.
func (m *listModel) holds(t *testing.T, trait state.TraitInfo, values map[string]string) {
	t.Helper()
	last := map[string]string{}
	for _, line := range m.told {
		who, value, _ := strings.Cut(line, " ")
		last[cmp.Or(m.owners[who], who)] = value
	}
	for who, value := range values {
		require.Equal(t, value, last[who], "%s: %v", who, m.told)
	}
	for who, value := range last {
		if values[who] == "" && trait.Class == state.Audience {
			require.Equal(t, "false", value, "%s: %v", who, m.told)
		}
	}
}

// Lists name people by several ids, in any order, of whom it becomes known little by little
// who is whose visitor: afterwards everybody has what the list says.
func TestListsOfSeveralIDs(t *testing.T) {
	t.Parallel()
	for seed := range *modelSeeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			m := &listModel{rng: rand.New(rand.NewPCG(uint64(seed), 2)), owners: map[string]string{}}
			b := setup(t)
			trait, some := audience("vip"), []string{"true"}
			if seed%2 == 0 {
				trait, some = state.TraitInfo{Key: "tier", Class: state.Computed}, []string{"", "1", "2"}
			}
			b.guards[trait.Key] = state.Guard{}
			b.reopen()
			if m.rng.IntN(3) == 0 { // somebody has another's number
				b.squat(fmt.Sprint("u", 1+m.rng.IntN(4)))
			}
			for range 6 {
				b.now = b.now.Add(time.Minute)
				if m.rng.IntN(3) == 0 {
					l := listed{visitor: fmt.Sprint("a", 1+m.rng.IntN(5))}
					l.user = whose(l.visitor)
					b.store(state.Item{Person: l.person(), SeenAt: b.now})
					m.learn(l)
				}
				lines := make([]listed, 1+m.rng.IntN(9)) // the guard holds all that an empty list changes
				l, err := b.db.NewList(context.Background(), state.ListInfo{Trait: trait, Source: "exports", ListedAt: b.now})
				require.NoError(t, err)
				for i := range lines {
					lines[i] = m.line(some)
					require.NoError(t, l.Add(lines[i].person(), lines[i].value, lines[i].value == ""))
				}
				_, err = l.Apply(context.Background())
				require.NoError(t, err)
				require.NoError(t, l.Close())
				m.learn(lines...)
				values, want := m.values(lines), []string{}
				for who, value := range values {
					want = append(want, who+" "+value)
				}
				slices.Sort(want)
				got := b.texts(`SELECT coalesce(p.user_id, p.anonymous_id, p.email_sha1) || ' ' || CASE r.wanted WHEN 1 THEN iif(t.class = 'audience', 'true', '1') ELSE r.wanted END
					FROM trait_rows r JOIN people p ON p.id = r.profile_id JOIN traits t ON t.id = r.trait_id
					WHERE r.wanted IS NOT NULL AND NOT (t.class = 'audience' AND r.wanted = 0) ORDER BY 1`)
				require.Equal(t, want, append([]string{}, got...), "%+v\nowners %v", lines, m.owners)
				b.sound()
				if m.rng.IntN(2) == 0 {
					m.sent(b.sendAll())
					m.holds(t, trait, values)
				}
				if m.rng.IntN(4) == 0 {
					b.end()
					b.reopen()
				}
			}
		})
	}
}
