package histories

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	seeds = flag.Int("histories.seeds", 12, "how many random histories to play")
	first = flag.Uint64("histories.first", 1, "the seed of the first one")
	last  = flag.Duration("histories.for", 0, "play histories for so long, whatever their number")
)

// TestHistories plays random histories. After each, impact.com answers cleanly
// and the program runs until nothing is due: impact.com must hold what the inputs
// say about everybody, every order and visit must have arrived, and nothing that
// was answered cleanly may have been repeated.
func TestHistories(t *testing.T) {
	t.Parallel()
	until := time.Now().Add(*last)
	if *last > 0 {
		*seeds = 1 << 30
	}
	for n := range *seeds {
		if *last > 0 && time.Now().After(until) {
			return
		}
		seed := *first + uint64(n)
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			if *last == 0 {
				t.Parallel()
			}
			newHistory(t, seed).play()
		})
	}
}

// history is one shop's life.
type history struct {
	*world
	t      *testing.T
	rng    *rand.Rand
	impact *impact

	runs    int
	killed  map[int]bool // runs that were killed
	backup  int          // calls made when the newest backup was made; -1: there is none
	backups int
	stale   map[[2]string]bool // person and list trait that a restored state cannot know of
	undone  int                // runs up to here were undone by a restore
	story   []string
}

func newHistory(t *testing.T, seed uint64) *history {
	rng := rand.New(rand.NewPCG(seed, 10))
	i := newImpact(t, rand.New(rand.NewPCG(seed, 11)))
	p := newProgram(t, i.server.URL)
	h := &history{world: newWorld(p, rng), t: t, rng: rng, impact: i, killed: map[int]bool{}, backup: -1, stale: map[[2]string]bool{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the story of seed %d:\n%s", seed, strings.Join(h.story, "\n"))
		}
	})
	return h
}

func (h *history) tell(format string, args ...any) {
	h.story = append(h.story, fmt.Sprintf(format, args...))
}

func (h *history) play() {
	h.fullList("vip")
	for _, key := range streamKeys { // a trait must be known before it can be resynced
		h.statements[key] = nil
	}
	for range 14 {
		h.inputs()
		h.weather()
		h.act()
		if h.rng.IntN(3) == 0 {
			h.p.hurry()
		}
	}
	h.end()
}

// inputs are what happens in the shop between two runs.
func (h *history) inputs() {
	for range h.rng.IntN(12) {
		switch n := h.rng.IntN(12); {
		case n < 5:
			h.change()
		case n < 7:
			h.visit()
		case n < 9:
			h.buy()
		case n < 10:
			h.meet()
		default:
			h.fullList(pick(h.rng, listKeys))
		}
	}
	h.flush()
}

// weather chooses how impact.com answers: cleanly, badly to some requests, or
// always in the same way to some people.
func (h *history) weather() {
	cast := map[string]answer{}
	var names []string
	for range h.rng.IntN(3) {
		user, a := pick(h.rng, users), pick(h.rng, faulty)
		cast[user] = a
		names = append(names, user+": "+a.name)
	}
	if h.rng.IntN(3) == 0 {
		h.impact.weather(0, nil, cast)
		h.tell("weather: fine; %s", names)
		return
	}
	mood := []answer{pick(h.rng, faulty), pick(h.rng, faulty), pick(h.rng, faulty)}
	share := []float64{0.1, 0.3, 1}[h.rng.IntN(3)]
	h.impact.weather(share, mood, cast)
	h.tell("weather: %.1f of %s, %s, %s; %s", share, mood[0].name, mood[1].name, mood[2].name, names)
}

// act runs the program, or another of its commands.
func (h *history) act() {
	switch n := h.rng.IntN(16); {
	case n < 7:
		h.run("--deadline", "2s")
	case n < 9:
		h.dieAt(1 + h.rng.IntN(12))
	case n < 11:
		h.dieIn(time.Duration(h.rng.IntN(250)) * time.Millisecond)
	case n < 12:
		h.run("--limit", "2", "--deadline", "2s")
	case n < 14:
		key := pick(h.rng, allKeys)
		r := h.p.run("resync", key)
		h.tell("resync %s: exit %d", key, r.code)
		h.oneOf(r, 0, 64, 1) // 64: a trait that no run has seen; 1: no state yet
	case n < 15:
		h.save()
	default:
		h.restore()
	}
}

func (h *history) oneOf(r result, codes ...int) {
	h.t.Helper()
	require.Contains(h.t, codes, r.code, "%s", r.output)
}

func (h *history) begin(args ...string) *process {
	settle()
	h.runs++
	h.impact.begin(h.runs)
	return h.p.start(append([]string{"run"}, args...)...)
}

func (h *history) run(args ...string) result {
	h.t.Helper()
	r := h.begin(args...).wait()
	h.tell("run %d %v: exit %d", h.runs, args, r.code)
	h.oneOf(r, 0, 1, 3, 4, 5)
	return r
}

// dieAt kills a run when impact.com has received its nth request.
func (h *history) dieAt(n int) {
	c := h.begin("--deadline", "2s")
	h.impact.killAfter(n, c.kill)
	h.died(c, fmt.Sprintf("at request %d", n))
}

// dieIn kills a run after some time, or asks it to stop.
func (h *history) dieIn(d time.Duration) {
	c := h.begin("--deadline", "2s")
	signal := syscall.SIGKILL
	if h.rng.IntN(4) == 0 {
		signal = syscall.SIGTERM
	}
	time.AfterFunc(d, func() { _ = c.cmd.Process.Signal(signal) })
	h.died(c, fmt.Sprintf("%s after %s", signal, d))
}

func (h *history) died(c *process, how string) {
	r := c.wait()
	h.impact.killAfter(0, nil)
	h.killed[h.runs] = r.code == -1
	h.tell("run %d, %s: exit %d", h.runs, how, r.code)
	h.oneOf(r, -1, 0, 1, 3, 4, 5)
}

func (h *history) save() {
	h.backups++
	name := fmt.Sprintf("backup%d.db", h.backups)
	made := len(h.impact.log())
	r := h.p.run("state", "backup", name)
	h.tell("backup: exit %d", r.code)
	h.oneOf(r, 0, 1) // 1: no state yet
	if r.code == 0 {
		require.NoError(h.t, os.Rename(filepath.Join(h.p.dir, name), filepath.Join(h.p.dir, "backup.db")))
		h.backup = made
	}
}

// restore goes back to the backup. What a list said since then and no longer
// says cannot be known; what messages said is read again.
func (h *history) restore() {
	if h.backup < 0 {
		return
	}
	r := h.p.run("state", "restore", "backup.db")
	h.tell("restore: exit %d", r.code)
	h.oneOf(r, 0)
	h.undone = h.runs
	for _, c := range h.impact.log()[h.backup:] {
		for _, key := range listKeys {
			if c.form.Get(key) == "true" {
				h.stale[[2]string{address(c), key}] = true
			}
		}
	}
}

// approve lets through what the guard holds: in lists as short as these, a few
// new people look like ids of another form.
func (h *history) approve() {
	for _, key := range listKeys {
		for _, direction := range []string{"--exits", "--joins"} {
			r := h.p.run("approve", key, direction, "1000")
			h.tell("approve %s %s: exit %d", key, direction, r.code)
			h.oneOf(r, 0, 1, 64) // 1: nothing like it is held; 64: no run has seen it
		}
	}
}

// end lets everything through and compares.
func (h *history) end() {
	h.impact.weather(0, nil, nil)
	code := -1
	for n := 0; n < 12 && code != 0; n++ {
		h.p.hurry()
		h.oneOf(h.p.run("refused", "retry"), 0, 1) // 1: no state yet
		if code = h.run("--deadline", "20s").code; code == 5 {
			h.approve()
		}
	}
	require.Zero(h.t, code, "what is due does not end: %s", h.p.run("status").output)
	r := h.p.run("state", "check")
	require.Zero(h.t, r.code, "%s", r.output)
	before := len(h.impact.log())
	h.run()
	require.Equal(h.t, before, len(h.impact.log()), "a run with nothing to do sent something") //nolint:testifylint // Len prints all calls
	h.compare()
}
