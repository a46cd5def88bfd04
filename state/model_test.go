package state_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

var modelSeeds = flag.Int("model.seeds", 60, "how many random histories the model test plays")

// model is the world in maps: what the inputs say, and what impact.com holds.
type model struct {
	*bench
	rng    *rand.Rand
	wanted map[string]bool // user|key -> member
	holds  map[string]string
	tried  map[string]bool // a true may have reached impact.com
	open   []state.Claim
}

var (
	modelUsers = []string{"u1", "u2", "u3", "u4", "u5", "u6"}
	modelLists = []string{"gold", "vip"}
	modelKeys  = []string{"gold", "vip", "web"}
)

// TestModel plays random inputs, outcomes and kills, and then lets everything
// through: impact.com must hold what the inputs say, of everybody.
func TestModel(t *testing.T) {
	t.Parallel()
	for seed := range *modelSeeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			m := &model{bench: setup(t), rng: rand.New(rand.NewPCG(uint64(seed), 1)), wanted: map[string]bool{}, holds: map[string]string{}, tried: map[string]bool{}}
			for range 60 {
				m.now = m.now.Add(time.Duration(1+m.rng.IntN(200)) * time.Second)
				m.step()
			}
			m.sound()
			m.drain()
			m.compare()
			m.sound()
		})
	}
}

func (m *model) step() {
	switch n := m.rng.IntN(12); {
	case n < 4:
		m.message()
	case n < 6 && len(m.open) == 0:
		m.fullList()
	case n < 8:
		m.take()
	case n < 11:
		m.answer()
	default:
		m.kill()
	}
}

// message says of one person what "web" is now; sometimes an old one comes late.
func (m *model) message() {
	if len(m.open) > 0 {
		return // inputs are read before anything is sent
	}
	u := modelUsers[m.rng.IntN(len(modelUsers))]
	value := m.rng.IntN(2) == 0
	m.change(user(u), "web", fmt.Sprint(value), m.now)
	m.wanted[u+"|web"] = value
	if m.rng.IntN(3) == 0 {
		m.change(user(u), "web", fmt.Sprint(!value), m.now.Add(-time.Hour*1000))
	}
}

func (m *model) fullList() {
	key := modelLists[m.rng.IntN(len(modelLists))]
	var members []string
	for _, u := range modelUsers {
		m.wanted[u+"|"+key] = m.rng.IntN(3) > 0
		if m.wanted[u+"|"+key] {
			members = append(members, u)
		}
	}
	if len(members) == 0 { // the guard would hold it
		members = modelUsers[:1]
		m.wanted[members[0]+"|"+key] = true
	}
	m.list(key, state.Guard{}, members...)
}

func (m *model) take() {
	want := everything
	want.PageLoads, want.Coalesce = 1+m.rng.IntN(4), m.rng.IntN(2) == 0
	claims, err := m.db.Turn(context.Background(), nil, want)
	require.NoError(m.t, err)
	for _, c := range claims {
		for _, v := range c.Values {
			id := c.Person.UserID + "|" + v.Key
			if v.Value == "true" {
				m.tried[id] = true
			}
			require.True(m.t, m.tried[id], "%s is told false and was never told true", id)
		}
	}
	m.open = append(m.open, claims...)
}

// arrive is what impact.com does with a request that reaches it.
func (m *model) arrive(c state.Claim) {
	for _, v := range c.Values {
		m.holds[c.Person.UserID+"|"+v.Key] = v.Value
	}
}

func (m *model) answer() {
	if len(m.open) == 0 {
		return
	}
	i := m.rng.IntN(len(m.open))
	c := m.open[i]
	m.open = append(m.open[:i], m.open[i+1:]...)
	result := state.Result(1 + m.rng.IntN(5))
	if result == state.Delivered || result == state.Unknown && m.rng.IntN(2) == 0 {
		m.arrive(c)
	}
	m.settle(result, c)
}

// kill ends the process: some of what was under way had arrived.
func (m *model) kill() {
	for _, c := range m.open {
		if m.rng.IntN(2) == 0 {
			m.arrive(c)
		}
	}
	m.open = nil
	m.reopen()
	m.sound()
}

// drain lets everything through: a new configuration, a long wait, and a
// server that answers.
func (m *model) drain() {
	m.kill()
	require.NoError(m.t, m.db.EndRun(context.Background(), 0, ""))
	_, err := m.db.BeginRun(context.Background(), state.RunInfo{Kind: "run", Fingerprint: "mended"})
	require.NoError(m.t, err)
	m.now = m.now.Add(100 * time.Hour)
	for range 100 {
		claims := m.claim()
		if len(claims) == 0 {
			return
		}
		for _, c := range claims {
			m.arrive(c)
		}
		m.settle(state.Delivered, claims...)
	}
	m.t.Fatal("there is always something left to send")
}

func (m *model) compare() {
	traits, _, _, err := m.db.Due(context.Background())
	require.NoError(m.t, err)
	require.Equal(m.t, state.Counts{}, traits)
	for _, u := range modelUsers {
		for _, k := range modelKeys {
			id := u + "|" + k
			if m.wanted[id] {
				require.Equal(m.t, "true", m.holds[id], id)
			} else {
				require.NotEqual(m.t, "true", m.holds[id], id)
			}
		}
	}
}
