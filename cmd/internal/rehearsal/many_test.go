package rehearsal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi/sandbox"
)

var (
	manyMembers = flag.Int("rehearsal.members", 0, "how many members a list of a database has")
	manyEngine  = flag.String("rehearsal.engine", "postgres", "the database: postgres, or clickhouse, a cluster of two servers")
	manyDiff    = flag.String("rehearsal.diff", "warehouse", "where the list is compared: warehouse or local")
	manyFilled  = flag.Bool("rehearsal.filled", false, "told is filled by SQL: only some of the members are adopted")
	manyKills   = flag.Int("rehearsal.kills", 0, "how often the program is killed while 1 % of the list changes")
)

// engine is a database with a list. Of the people 1 to n, user-I with the address
// userI@example.com, all are on it of whom the remainder of I by 200 is not out.
type engine interface {
	// source is the source of the configuration.
	source(diff string) string
	// create makes the tables.
	create(t *testing.T, out int)
	// add adds people to the list.
	add(t *testing.T, from, to int)
	// tell puts into told that they are on it.
	tell(t *testing.T, from, to int)
	change(t *testing.T, out int)
	// settled returns how many rows told has, and how many of them are not "false".
	settled(t *testing.T) (rows, members int)
	// differing counts those of whom told has another value than the list, among the people
	// of whom the remainder by 100 is part.
	differing(t *testing.T, part int) int
	// size is that of told, in bytes.
	size(t *testing.T) int
	// peer does, if there is something, what the source does to read the list.
	peer(t *testing.T)
}

// TestManyMembers has a database compare a list of many people with what impact.com was
// told of them, of whom 1 % change, and checks what impact.com is told, and what is noted.
//
//	go test ./cmd/internal/rehearsal -run TestManyMembers -v -timeout 3h -rehearsal.members 1000000 -rehearsal.engine clickhouse
func TestManyMembers(t *testing.T) {
	if *manyMembers == 0 {
		t.Skip("only with -rehearsal.members")
	}
	var e engine
	switch *manyEngine {
	case "postgres":
		e = newPostgres(t)
	case "clickhouse":
		e = newClickHouse(t)
	default:
		t.Fatalf("-rehearsal.engine %s", *manyEngine)
	}
	m := newMany(t, e)
	const before, after = 1, 2
	adopted := m.people
	if *manyFilled {
		adopted = min(adopted, 1000)
	}
	e.create(t, before)
	m.time("the list", func() { e.add(t, 1, adopted) })
	took := m.step("first, adopted", 0, "adopt", "vip")
	if *manyFilled {
		m.time("the rest of the list", func() { e.add(t, adopted+1, m.people) })
		m.time("the rest of told", func() { e.tell(t, adopted+1, m.people) })
	} else {
		e.peer(t)
		m.check(before)
		took = m.step("nothing new", 0, "run")
		m.check(before)
	}
	m.time("the change", func() { e.change(t, after) })
	if *manyKills > 0 {
		m.killed(took)
	}
	m.step("1 % changed", 0, "run")
	m.check(after)
	m.step("nothing new", 0, "run")
	m.check(after)
}

// many is the program with a list of many people.
type many struct {
	*stage
	engine
	people int
	log    string // the sandbox's
	read   int64  // what was read of it
	told   [][]byte
	seen   int
}

// newMany makes the program's folder.
func newMany(t *testing.T, e engine) *many {
	t.Helper()
	log := filepath.Join(t.TempDir(), "calls.ndjson")
	s := newStage(t, *seed, sandbox.Config{LogFile: log}, byAPI, "")
	s.rewrite(`{name: shop, kind: events, url: "file://./events/"}`, e.source(*manyDiff))
	s.rewrite("  apiKey: token", "  apiKey: token\n  pageUrl: https://shop.example/")
	s.rewrite("delivery: {", "delivery: {pageLoadsPerSecond: 0, workers: 64, ")
	people := *manyMembers + *manyMembers/199
	m := &many{stage: s, engine: e, people: people, log: log}
	for range 2 {
		m.told = append(m.told, make([]byte, people+1))
	}
	return m
}

// members counts those on the list.
func (m *many) members(out int) int { return m.people - m.left(out) }

// left counts those of whom the remainder is out.
func (m *many) left(out int) int { return (m.people - out + 200) / 200 }

func (m *many) time(what string, fn func()) {
	m.t.Helper()
	began := time.Now()
	fn()
	m.t.Logf("%s: %v, load %s", what, time.Since(began).Round(100*time.Millisecond), load())
}

// load is the machine's, of the last minutes.
func load() string {
	text, _ := os.ReadFile("/proc/loadavg") // not there on other systems
	one, _, _ := strings.Cut(string(text), " ")
	return one
}

// serversCPU is the CPU time of all processes that this one started and that still run,
// with what they started in turn.
func serversCPU() (all time.Duration) {
	const perSecond = 100 // Linux's; other systems have no such files
	type process struct{ parent, ticks int }
	processes := map[int]process{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		text, _ := os.ReadFile(file) // it may have ended
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		if len(fields) < 15 {
			continue
		}
		var p process
		p.parent, _ = strconv.Atoi(fields[1])
		for _, one := range fields[11:15] { // its own, and of those who ended
			n, _ := strconv.Atoi(one)
			p.ticks += n
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		processes[pid] = p
	}
	for pid, p := range processes {
		for ; pid > 1; pid = processes[pid].parent {
			if processes[pid].parent == os.Getpid() {
				all += time.Duration(p.ticks) * time.Second / perSecond
				break
			}
		}
	}
	return all
}

// step runs a command, whose exit code must be the wanted one, and logs what it takes.
func (m *many) step(what string, want int, args ...string) time.Duration {
	m.t.Helper()
	code, output, took := m.measured(what, func(func()) func() { return func() {} }, args...)
	require.Equal(m.t, want, code, output)
	return took
}

func (m *many) measured(what string, watch func(kill func()) (stop func()), args ...string) (code int, output string, took time.Duration) {
	m.t.Helper()
	m.peak, m.cpu, m.stage.size = 0, 0, 0
	began, servers := time.Now(), serversCPU()
	code, output = m.runUntil(watch, args...)
	took, servers = time.Since(began), serversCPU()-servers
	calls := m.seen
	m.calls()
	told := ""
	if *manyDiff == "warehouse" {
		told = fmt.Sprintf("; told %d MB", m.engine.size(m.t)/1e6)
	}
	m.t.Logf("%s: exit %d after %v, %v of CPU and %v of the servers, peak %d MB, load %s; %d calls; state %d MB, %d at most%s", what, code, took.Round(100*time.Millisecond), m.cpu.Round(100*time.Millisecond), servers.Round(100*time.Millisecond),
		m.peak>>10, load(), m.seen-calls, m.bytes()/1e6, m.stage.size/1e6, told)
	for line := range strings.Lines(output) {
		m.t.Log(strings.TrimRight(line, "\n"))
	}
	return code, output, took
}

// calls reads what the sandbox was told since it was last asked.
func (m *many) calls() {
	m.t.Helper()
	f, err := os.Open(m.log)
	require.NoError(m.t, err)
	defer f.Close()
	_, err = f.Seek(m.read, io.SeekStart)
	require.NoError(m.t, err)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		m.read += int64(len(lines.Bytes())) + 1
		var c sandbox.Call
		require.NoError(m.t, json.Unmarshal(lines.Bytes(), &c))
		who, _ := c.Form.Get("CustomerId")
		n, err := strconv.Atoi(strings.TrimPrefix(who, "user-"))
		require.NoError(m.t, err, "%s", lines.Bytes())
		switch v, _ := c.Form.Get("vip"); v {
		case "false":
			m.told[0][n]++
		case "true":
			m.told[1][n]++
		default:
			m.t.Fatalf("neither true nor false: %s", lines.Bytes())
		}
		m.seen++
	}
	require.NoError(m.t, lines.Err())
}

// killed runs the program and kills it again and again: at some moment within the time
// that comparing the list takes, after some of the calls, and while it notes them.
func (m *many) killed(comparing time.Duration) {
	m.t.Helper()
	all := m.left(1) + m.left(2)
	for i := range *manyKills {
		delay, after := time.Duration(m.rng.Int64N(int64(comparing))), 0
		switch i {
		case 0:
		case *manyKills - 1:
			delay, after = time.Duration(m.rng.Int64N(int64(3*time.Second))), all-m.seen
		default:
			delay, after = 0, m.rng.IntN(max((all-m.seen)/2, 1))
		}
		code, output, _ := m.measured(fmt.Sprintf("killed %v after %d calls", delay.Round(time.Millisecond), after), m.watch(after, delay), "run")
		require.Contains(m.t, []int{-1, 0}, code, output)
		if code == -1 {
			m.kills++
		}
	}
}

// watch kills some time after the sandbox got more calls.
func (m *many) watch(calls int, delay time.Duration) func(kill func()) (stop func()) {
	return func(kill func()) func() {
		ended := make(chan struct{})
		go func() {
			lines, at := 0, m.read
			for tick := time.NewTicker(5 * time.Millisecond); lines < calls; {
				select {
				case <-ended:
					tick.Stop()
					return
				case <-tick.C:
				}
				more, n := linesFrom(m.log, at)
				lines, at = lines+more, at+n
			}
			select {
			case <-ended:
			case <-time.After(delay):
				kill()
			}
		}()
		return func() { close(ended) }
	}
}

// linesFrom counts the lines and bytes of a file from a place.
func linesFrom(path string, at int64) (lines int, n int64) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0
	}
	defer f.Close()
	buffer := make([]byte, 1<<20)
	for {
		got, err := f.ReadAt(buffer, at+n)
		lines, n = lines+bytes.Count(buffer[:got], []byte("\n")), n+int64(got)
		if err != nil {
			return lines, n
		}
	}
}

// check compares what impact.com was told, what is noted of it, and what the program says
// with the list.
func (m *many) check(out int) {
	m.t.Helper()
	lost, wrong, repeated := 0, 0, 0
	for n := 1; n <= m.people; n++ {
		joined, left := int(m.told[1][n]), int(m.told[0][n])
		wantJoined, wantLeft := out == 2 && n%200 == 1, out == 2 && n%200 == 2
		switch {
		case wantJoined && joined == 0, wantLeft && left == 0:
			lost++
		case !wantJoined && joined > 0, !wantLeft && left > 0:
			wrong++
		}
		repeated += max(joined-1, 0) + max(left-1, 0)
	}
	require.Zero(m.t, lost, "people whose change impact.com was not told")
	require.Zero(m.t, wrong, "people of whom impact.com was told what did not change")
	const atOnce = 564 // are claimed by 64 workers
	require.LessOrEqual(m.t, repeated, m.kills*atOnce)
	if m.kills > 0 {
		m.t.Logf("%d calls repeated after %d kills", repeated, m.kills)
	}

	code, output := m.stage.run(0, "state", "check")
	require.Zero(m.t, code, output)
	code, output = m.stage.run(0, "status", "--json")
	require.Zero(m.t, code, output)
	var status struct {
		Audiences []struct {
			Key       string `json:"key"`
			Wanted    int    `json:"members_wanted"`
			Delivered int    `json:"members_delivered"`
			Pending   int    `json:"pending"`
			Held      int    `json:"held"`
			Refused   int    `json:"refused"`
		} `json:"audiences"`
	}
	require.NoError(m.t, json.Unmarshal([]byte(output), &status), output)
	require.Len(m.t, status.Audiences, 1)
	a := status.Audiences[0]
	require.Equal(m.t, [5]int{m.members(out), m.members(out), 0, 0, 0}, [5]int{a.Wanted, a.Delivered, a.Pending, a.Held, a.Refused})
	if *manyDiff != "warehouse" {
		return
	}
	require.Zero(m.t, m.number("SELECT count(*) FROM trait_rows"), "rows that stayed in the state")
	rows, members := m.settled(m.t)
	require.Equal(m.t, m.members(out), members)
	want := m.members(out)
	if out == 2 {
		want += m.left(2) // who were told that they left
	}
	require.Equal(m.t, want, rows)
	part := m.rng.IntN(100)
	require.Zero(m.t, m.differing(m.t, part), "people of whom told has another value than the list, of those with the remainder %d", part)
}
