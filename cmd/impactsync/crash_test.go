package main

import (
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/impactsync/impactsync/state"
	"github.com/stretchr/testify/require"
)

var (
	crashKills = flag.Int("crash.kills", 100, "how often TestKilledAtRandom kills the program")
	crashAll   = flag.Bool("crash.all", false, "kill reversals and reconciliations at every point, not at some")
)

// mostClaimed is what may be claimed and not settled: 16 workers and a group.
const mostClaimed = 16 + 500

// crashing is the program for tests that kill it at its named points: it
// writes their names to the file CRASH_POINTS, and dies at the one that
// CRASH_AT names with a number, such as "before a commit#3".
func crashing() {
	log, err := os.OpenFile(os.Getenv("CRASH_POINTS"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	var mu sync.Mutex
	seen := map[string]int{}
	point = func(name string) {
		mu.Lock()
		defer mu.Unlock()
		seen[name]++
		fmt.Fprintln(log, name)
		if os.Getenv("CRASH_AT") == name+"#"+strconv.Itoa(seen[name]) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	main()
}

// TestKilledAtEveryPoint kills the program before and after every commit it
// makes, or some thirty of them, before a request, after one was taken, after its
// answer came and before it is settled: the first, the middle and the last time.
func TestKilledAtEveryPoint(t *testing.T) {
	t.Parallel()
	points := crashPoints(t)
	t.Log(points)
	require.Greater(t, len(points), 15, "%v", points)
	const groups = 3
	for group := range groups {
		t.Run(fmt.Sprintf("group %d", group), func(t *testing.T) {
			t.Parallel()
			s := newStory(t, uint64(100+group), sandbox.Config{})
			for i := group; i < len(points); i += groups {
				s.next()
				s.dieAt(points[i])
				s.finish()
			}
			s.end()
		})
	}
}

// crashPoints are the points of a run, each with the number of the time.
func crashPoints(t *testing.T) []string {
	t.Helper()
	s := newStory(t, 99, sandbox.Config{})
	count := map[string]int{}
	for range 2 { // the first step makes the state, the second changes it
		s.next()
		c := s.start("impactsync-crashing", "CRASH_POINTS="+filepath.Join(s.dir, "points"))
		require.NoError(t, c.Wait(), "%s", c.Stderr)
		s.verify()
	}
	data, err := os.ReadFile(filepath.Join(s.dir, "points"))
	require.NoError(t, err)
	for line := range strings.Lines(string(data)) {
		count[strings.TrimSpace(line)]++
	}
	for _, must := range []string{"before a commit", "after a commit", "before a request", "after an answer", "before settling"} {
		require.Positive(t, count[must], must)
	}
	points := []string{"taken#1", "taken#7", "taken#40"}
	for name, n := range count {
		most := 3
		if strings.HasSuffix(name, " a commit") {
			most = 30 // each kind of transaction is among them
		}
		for i := range most {
			points = append(points, fmt.Sprintf("%s#%d", name, 1+i*(max(n/2, 1)-1)/(most-1)))
		}
	}
	slices.Sort(points)
	return slices.Compact(points)
}

// dieAt starts the program and has it killed at a point. That it ends before
// is no fault: the last time of a point is not the same in each step.
func (s *story) dieAt(at string) {
	s.t.Helper()
	c := s.start("impactsync-crashing", "CRASH_AT="+at, "CRASH_POINTS="+filepath.Join(s.dir, "points"))
	if n, taken := strings.CutPrefix(at, "taken#"); taken {
		last, err := strconv.ParseInt(n, 10, 64)
		require.NoError(s.t, err)
		var count atomic.Int64
		hook := func() {
			if count.Add(1) >= last {
				_ = c.Process.Kill()
			}
		}
		s.answering.Store(&hook)
		defer s.answering.Store(nil)
	}
	s.died(c)
}

// died waits for the end of a program that is to be killed, and looks at what
// it left behind.
func (s *story) died(c *exec.Cmd) (killed bool) {
	s.t.Helper()
	if s.ended(c, -1) {
		return false
	}
	s.kills++
	n := s.inspect()
	require.LessOrEqual(s.t, n, mostClaimed)
	s.claimed += n
	return true
}

// ended waits for the program and reports whether it came to an end by itself,
// with exit code 0; it may also have given one of the others.
func (s *story) ended(c *exec.Cmd, others ...int) bool {
	s.t.Helper()
	err := c.Wait()
	if err != nil {
		require.Contains(s.t, others, c.ProcessState.ExitCode(), "%s", c.Stderr)
	}
	return err == nil
}

// inspect checks a copy of the state as a dead program left it, write-ahead
// log and all, and returns how many requests were claimed and not settled.
func (s *story) inspect() (claimed int) {
	s.t.Helper()
	dir := s.t.TempDir()
	for _, name := range []string{"state.db", "state.db-wal"} {
		data, err := os.ReadFile(filepath.Join(s.dir, "db", name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		require.NoError(s.t, err)
		require.NoError(s.t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	path := filepath.Join(dir, "state.db")
	db, err := state.Open(s.t.Context(), state.Options{Path: path, ReadOnly: true})
	if errors.Is(err, state.ErrMissing) || errors.Is(err, state.ErrUnusable) && s.step == 1 {
		return 0 // it died before there was a schema
	}
	require.NoError(s.t, err)
	problems, err := db.Check(s.t.Context())
	require.NoError(s.t, err)
	require.Empty(s.t, problems, "step %d", s.step)
	require.NoError(s.t, db.Close())
	return s.number(path, `SELECT (SELECT count(*) FROM deliveries WHERE status = 2) + (SELECT count(DISTINCT attempt) FROM trait_due WHERE status = 2)`)
}

func (s *story) number(path, query string) (n int) {
	s.t.Helper()
	db, err := sql.Open("sqlite3", path)
	require.NoError(s.t, err)
	defer db.Close()
	require.NoError(s.t, db.QueryRowContext(s.t.Context(), query).Scan(&n))
	return n
}

// end checks the whole history: the state is sound, nothing is due, and what
// the runs counted adds up.
func (s *story) end() {
	s.t.Helper()
	require.Zero(s.t, s.inspect())
	path := filepath.Join(s.dir, "db", "state.db")
	require.Zero(s.t, s.number(path, `SELECT count(*) FROM trait_due WHERE status > 0`)+s.number(path, `SELECT count(*) FROM deliveries WHERE status > 0`))
	require.Zero(s.t, s.number(path, `SELECT sum(CASE name WHEN 'found' THEN value ELSE -value END) FROM run_counters WHERE name IN ('found', 'delivered', 'superseded', 'absorbed', 'forgotten')`),
		"found = delivered + superseded + absorbed + forgotten")
	s.t.Logf("%d steps, %d kills, 0 lost, %d repeated", s.step, s.kills, s.repeats)
}

// TestKilledAtRandom kills the program over and over, at any moment.
func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	const stories = 3
	for i := range stories {
		t.Run(fmt.Sprintf("story %d", i), func(t *testing.T) {
			t.Parallel()
			s := newStory(t, uint64(i), sandbox.Config{Latency: 2 * time.Millisecond})
			for s.kills < (*crashKills+stories-1)/stories {
				s.next()
				s.storm(func(c *exec.Cmd) bool {
					_ = c.Process.Kill() // it may have ended by now
					return s.died(c)
				})
				s.verify()
			}
			s.end()
		})
	}
}

// TestStoppedAtRandom asks the program to stop, over and over, at any moment.
// Then nothing is lost, and nothing is repeated either.
func TestStoppedAtRandom(t *testing.T) {
	t.Parallel()
	for signal, code := range map[syscall.Signal]int{syscall.SIGTERM: 4, syscall.SIGINT: 130} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			s := newStory(t, uint64(signal), sandbox.Config{Latency: 20 * time.Millisecond})
			stops := 0
			for stops < 20 {
				s.next()
				s.storm(func(c *exec.Cmd) bool {
					_ = c.Process.Signal(signal)
					asked := time.Now()
					ended := s.ended(c, -1, code) // -1: before it listened to signals
					require.Less(t, time.Since(asked), 10*time.Second, "within the grace period")
					require.Zero(t, s.inspect(), "what was under way is settled")
					if c.ProcessState.ExitCode() == code {
						stops++
					}
					return !ended
				})
				s.verify()
			}
			require.Zero(t, s.repeats)
			s.end()
		})
	}
}

// storm runs the program again and again and stops it at random, until it ends
// by itself first. Stop reports whether it stopped it.
func (s *story) storm(stop func(*exec.Cmd) bool) {
	s.t.Helper()
	window := 100 * time.Millisecond
	for stopped := true; stopped; window += window / 10 {
		c := s.start("impactsync")
		time.Sleep(time.Duration(s.rng.Int64N(int64(window))))
		stopped = stop(c)
	}
}
