package state_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
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
	late   map[string]bool   // visitors of whom that became known after the list
	told   []string          // "who value", in order

	trait    state.TraitInfo
	some     []string // values in lists
	lines    []listed // of the newest list
	listedAt time.Time
	changes  map[string]changed // the newest of each id

	lists, messages bool            // have fed it
	authority       state.Authority // when they last did
}

// changed is what a message says.
type changed struct {
	at    time.Time
	value string
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
			m.late[l.visitor] = m.late[l.visitor] || m.owners[l.visitor] == ""
			m.owners[l.visitor] = l.user
		}
	}
}

// either is the value of users whose visitors have different ones: the state does not keep
// whose line was later, and so cannot say if it learns afterwards that they are one person.
const either = "?"

// values returns what a list says of everybody who has a value: of a user what is said by
// name counts, unless only a visitor has a value, and then the later line.
func (m *listModel) values(lines []listed) map[string]string {
	type said struct {
		value string
		rank  int
		late  bool
	}
	all := map[string]said{}
	for _, l := range lines {
		who, now := cmp.Or(l.user, m.owners[l.visitor], l.visitor, l.email), said{value: l.value, late: m.late[l.visitor]}
		if l.user != "" {
			now.rank = 1
		}
		if l.value != "" {
			now.rank += 2
		}
		before, found := all[who]
		if found && now.rank == before.rank && now.value != before.value && (now.late || before.late) {
			now.value, now.late = either, true
		}
		if !found || now.rank >= before.rank {
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
func (m *listModel) holds(t *testing.T) {
	t.Helper()
	values := m.wanted()
	last := map[string]string{}
	for _, line := range m.told {
		who, value, _ := strings.Cut(line, " ")
		last[cmp.Or(m.owners[who], who)] = value
	}
	for who, value := range values {
		if value == either {
			continue
		}
		require.Equal(t, value, last[who], "%s: %v", who, m.told)
	}
	for who, value := range last {
		if values[who] == "" && m.trait.Class == state.Audience {
			require.Equal(t, "false", value, "%s: %v", who, m.told)
		}
	}
}

// Lists name people by several ids, in any order, of whom it becomes known little by little
// who is whose visitor; messages may say more of them: afterwards everybody has what the
// newest of the two says.
func TestListsOfSeveralIDs(t *testing.T) {
	t.Parallel()
	for seed := range *modelSeeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			m := &listModel{rng: rand.New(rand.NewPCG(uint64(seed), 2)), owners: map[string]string{}, late: map[string]bool{}, changes: map[string]changed{}}
			b := setup(t)
			m.trait, m.some = audience("vip"), []string{"true"}
			if seed%2 == 0 {
				m.trait, m.some = state.TraitInfo{Key: "tier", Class: state.Computed}, []string{"", "1", "2"}
			}
			if seed%3 > 0 {
				m.trait.Authority = state.AuthorityLatest
			}
			b.guards[m.trait.Key] = state.Guard{}
			b.reopen()
			if m.rng.IntN(3) == 0 { // somebody has another's number
				b.squat(fmt.Sprint("u", 1+m.rng.IntN(4)))
			}
			for range 12 {
				b.now = b.now.Add(time.Minute)
				switch n := m.rng.IntN(6); {
				case n < 3:
					m.list(b)
				case n == 3 && m.trait.Authority == state.AuthorityLatest:
					m.message(b)
				case n == 4:
					l := listed{visitor: fmt.Sprint("a", 1+m.rng.IntN(5))}
					l.user = whose(l.visitor)
					b.store(state.Item{Person: l.person(), SeenAt: b.now})
					m.learn(l)
				}
				b.judge()
				m.compare(b)
				b.sound()
				if m.rng.IntN(2) == 0 {
					m.sent(b.sendAll())
					m.holds(t)
				}
				if m.rng.IntN(4) == 0 {
					b.end()
					b.reopen()
				}
			}
		})
	}
}

func (m *listModel) list(b *bench) {
	m.lines, m.listedAt = make([]listed, 1+m.rng.IntN(9)), b.now // the guard holds all that an empty list changes
	l, err := b.db.NewList(context.Background(), state.ListInfo{Trait: m.trait, Source: "exports", ListedAt: b.now})
	require.NoError(b.t, err)
	for i := range m.lines {
		m.lines[i] = m.line(m.some)
		require.NoError(b.t, l.Add(m.lines[i].person(), m.lines[i].value, m.lines[i].value == ""))
	}
	_, err = l.Apply(context.Background())
	require.NoError(b.t, err)
	require.NoError(b.t, l.Close())
	m.learn(m.lines...)
	m.late = map[string]bool{}
}

// message says something of somebody, perhaps of some minutes ago.
func (m *listModel) message(b *bench) {
	at := b.now.Add(-time.Duration(1+m.rng.IntN(200)) * time.Second).Add(-time.Duration(m.rng.IntN(1e6)))
	l := m.line([]string{"true", "false"})
	if m.trait.Class == state.Computed {
		l = m.line([]string{"1", "2", "3"})
	}
	b.store(state.Item{Person: l.person(), SeenAt: at, Change: &state.Change{Trait: m.trait, Value: l.value, At: at}})
	m.learn(l)
	who := cmp.Or(l.user, l.visitor, l.email)
	if at.After(m.changes[who].at) {
		m.changes[who] = changed{at, l.value}
	}
}

// wanted returns the value that everybody should have.
func (m *listModel) wanted() map[string]string {
	values := m.values(m.lines)
	newest := map[string]time.Time{}
	for id, c := range m.changes {
		if who := cmp.Or(m.owners[id], id); c.at.After(m.listedAt) && c.at.After(newest[who]) {
			values[who], newest[who] = c.value, c.at
		}
	}
	maps.DeleteFunc(values, func(_, value string) bool { return value == "false" })
	return values
}

func (m *listModel) compare(b *bench) {
	b.t.Helper()
	want, open := []string{}, map[string]bool{}
	for who, value := range m.wanted() {
		if open[who] = value == either; !open[who] {
			want = append(want, who+" "+value)
		}
	}
	slices.Sort(want)
	got := b.texts(`SELECT coalesce(p.user_id, p.anonymous_id, p.email_sha1) || ' ' || CASE r.wanted WHEN 1 THEN iif(t.class = 'audience', 'true', '1') ELSE r.wanted END
		FROM trait_rows r JOIN people p ON p.id = r.profile_id JOIN traits t ON t.id = r.trait_id
		WHERE r.wanted IS NOT NULL AND NOT (t.class = 'audience' AND r.wanted = 0) ORDER BY 1`)
	got = slices.DeleteFunc(got, func(line string) bool {
		who, _, _ := strings.Cut(line, " ")
		return open[who]
	})
	require.Equal(b.t, want, append([]string{}, got...), "%+v at %s\nowners %v\nmessages %v", m.lines, m.listedAt, m.owners, m.changes)
}
