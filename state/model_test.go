package state_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
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
	open   []*state.Claim
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
			for _, key := range modelKeys {
				m.guards[key] = m.guard()
			}
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
	switch n := m.rng.IntN(16); {
	case n < 4:
		m.message()
	case n < 6 && len(m.open) == 0:
		m.fullList()
	case n < 8:
		m.take()
	case n < 11:
		m.answer()
	case n < 13:
		m.letThrough(int64(1 + m.rng.IntN(4)))
	case n < 15:
		m.command()
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
	web := audience("web")
	web.ComputationID = []string{"aud_1", "aud_1", "aud_1", "aud_2", ""}[m.rng.IntN(5)]
	m.store(state.Item{Person: user(u), SeenAt: m.now, Change: &state.Change{Trait: web, Value: fmt.Sprint(value), At: m.now}})
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
	m.list(key, m.guards[key], members...)
}

// command is what somebody may do between two runs.
func (m *model) command() {
	if len(m.open) > 0 {
		return
	}
	ctx := context.Background()
	var err error
	switch key := modelKeys[m.rng.IntN(len(modelKeys))]; m.rng.IntN(4) {
	case 0:
		_, err = m.db.RetryRefused(ctx, state.Filter{Trait: key})
	case 1:
		m.restored()
		_, err = m.db.DoubtAll(ctx)
	default:
		if _, err = m.db.Resync(ctx, key); errors.Is(err, state.ErrNotFound) {
			err = nil // not seen so far
		}
	}
	require.NoError(m.t, err)
	m.sound()
}

// restored: nobody knows any more who was told true.
func (m *model) restored() {
	for _, u := range modelUsers {
		for _, k := range modelKeys {
			m.tried[u+"|"+k] = true
		}
	}
}

// guard is any guard, or none.
func (m *model) guard() (g state.Guard) {
	if m.rng.IntN(2) == 0 {
		g.Exits = limit(float64(m.rng.IntN(60)), m.rng.Int64N(4))
	}
	if m.rng.IntN(2) == 0 {
		g.Joins = limit(float64(m.rng.IntN(60)), m.rng.Int64N(4))
	}
	g.FirstSync = m.rng.IntN(2) == 0
	return g
}

// letThrough approves some of what is held, and looks that no more is let go.
func (m *model) letThrough(most int64) {
	if len(m.open) > 0 {
		return
	}
	m.judge()
	sets := m.held()
	if len(sets) == 0 {
		return
	}
	s := sets[m.rng.IntN(len(sets))]
	if s.Direction == state.NewComputation {
		_, id, _ := strings.Cut(s.Command, "--computation ")
		got, err := m.db.Approve(context.Background(), state.Approval{Key: s.Key, Direction: s.Direction, Computation: id})
		require.NoError(m.t, err)
		require.Equal(m.t, s.Held, got.Held)
		m.judge()
		m.sound()
		return
	}
	got := m.approve(s.Key, s.Direction, most)
	require.Equal(m.t, s.Held, got.Held)
	require.LessOrEqual(m.t, got.Granted, min(most, s.Held))
	m.judge()
	left := int64(0)
	for _, now := range m.held() {
		if now.Key == s.Key && now.Direction == s.Direction {
			left = now.Held
		}
	}
	require.Equal(m.t, s.Held-got.Granted, left)
	m.sound()
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
func (m *model) arrive(c *state.Claim) {
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
		if m.judge(); len(m.held()) == 0 {
			break
		}
		m.letThrough(1000)
	}
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
