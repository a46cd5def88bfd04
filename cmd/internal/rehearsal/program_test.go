package rehearsal

import (
	"bytes"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3" // to look at the state, and to let what waits come due
	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/impactsync/impactsync/sync/transport/sshdtest"
)

// binary is the program, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "rehearsal")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "impactsync")
	build := exec.Command("go", "build", "-o", binary, "github.com/impactsync/impactsync/cmd/impactsync")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// stage is the program in its folder, and the impact.com that it talks to.
type stage struct {
	t    *testing.T
	rng  *rand.Rand
	dir  string
	box  *sandbox.Sandbox
	url  string
	wire *wire // to the SFTP server, if there is one
	runs int

	kills int
	peak  int64         // most memory of a process, in kilobytes
	size  int64         // most bytes of the state, with its log
	cpu   time.Duration // of all processes
}

// The roads of conversions: by the API, and in files to a folder, or through a bad
// connection to a real SFTP server.
const (
	byAPI  = "api"
	byFile = "file"
	bySFTP = "sftp"
)

// newStage makes a folder, whose configuration has a road of conversions and more.
func newStage(t *testing.T, seed uint64, config sandbox.Config, road, more string) *stage {
	t.Helper()
	s := &stage{t: t, rng: rand.New(rand.NewPCG(seed, 15)), dir: t.TempDir()}
	config.DropDir = filepath.Join(s.dir, "drop")
	require.NoError(t, os.Mkdir(config.DropDir, 0o700))
	var err error
	s.box, err = sandbox.New(config)
	require.NoError(t, err)
	server := httptest.NewServer(s.box.Handler())
	t.Cleanup(server.Close)
	s.url = server.URL
	route, place := "file", `url: "file://./drop/"`
	switch road {
	case byAPI:
		route = "api"
	case bySFTP:
		host := sshdtest.Start(t)
		s.wire, host.Address = newWire(t, host.Address, seed)
		place = fmt.Sprintf("url: %q, privateKeyFile: %q, hostKeys: [%q]", host.URL(config.DropDir), host.KeyFile, host.HostKey)
	}
	require.NoError(t, os.Mkdir(filepath.Join(s.dir, "events"), 0o700))
	text := fmt.Sprintf(`destination:
  accountSid: IRrehearsal
  apiKey: token
  campaignId: "1000"
  eventTypeId: "7"
  trackingURL: %s
  apiURL: %s
sources:
  - {name: shop, kind: events, url: "file://./events/"}
state: {path: state.db}
maxEventAge: 2160h
delivery: {conversionsPerHour: 0, requestTimeout: 5s, attributionWait: 0s}
conversions: {verify: all, route: %s, file: {orders: 500, %s}}
reconcile: {after: 1s, window: 45d}
%s`, s.url, s.url, route, place, more)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "impactsync.yaml"), []byte(text), 0o600))
	return s
}

// write puts a file of messages where the program reads them, as a whole.
func (s *stage) write(name string, lines []byte) {
	s.t.Helper()
	making := filepath.Join(s.dir, "making")
	require.NoError(s.t, os.WriteFile(making, lines, 0o600))
	require.NoError(s.t, os.Rename(making, filepath.Join(s.dir, "events", name)))
}

// run runs a command to its end, or kills it after a while; 0 is never. It returns the
// exit code, -1 for killed.
func (s *stage) run(killAfter time.Duration, args ...string) (code int, output string) {
	s.t.Helper()
	return s.runUntil(func(kill func()) (stop func()) {
		if killAfter == 0 {
			return func() {}
		}
		timer := time.AfterFunc(killAfter, kill)
		return func() { timer.Stop() }
	}, args...)
}

// runUntil runs a command to its end, or until watch, which begins to watch, has it killed.
func (s *stage) runUntil(watch func(kill func()) (stop func()), args ...string) (code int, output string) {
	s.t.Helper()
	var out bytes.Buffer
	c := exec.CommandContext(s.t.Context(), binary, args...)
	c.Dir, c.Stdout, c.Stderr = s.dir, &out, &out
	require.NoError(s.t, c.Start())
	defer watch(func() { _ = c.Process.Kill() })()
	measured := s.measure(c.Process.Pid)
	_ = c.Wait() // the code says it
	measured()
	s.runs++
	s.cpu += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	return c.ProcessState.ExitCode(), out.String()
}

// measure looks at the most memory of a process until the function that it returns is
// called. What the kernel says after its end includes the memory of this process, which
// it was forked from.
func (s *stage) measure(pid int) (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-ended:
				tick.Stop()
				return
			case <-tick.C:
				status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // not there on other systems, or at its end
				_, rest, _ := strings.Cut(string(status), "VmHWM:")
				line, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
				kilobytes, _ := strconv.ParseInt(line, 10, 64)
				s.peak = max(s.peak, kilobytes)
				s.size = max(s.size, s.bytes())
			}
		}
	}()
	return func() { close(ended); <-done }
}

// bytes returns the size of the state, with its log.
func (s *stage) bytes() (n int64) {
	for _, name := range []string{"state.db", "state.db-wal"} {
		if info, err := os.Stat(filepath.Join(s.dir, name)); err == nil {
			n += info.Size()
		}
	}
	return n
}

// storm runs a command again and again and kills it at random, until it comes to an end
// with one of the exit codes that say so; other codes let it be tried again.
func (s *stage) storm(args []string, ends ...int) {
	s.t.Helper()
	window := 200 * time.Millisecond
	for tries := 1; ; tries++ {
		code, output := s.run(time.Duration(s.rng.Int64N(int64(window)))+time.Millisecond, args...)
		switch {
		case code == -1:
			s.kills++
			window += window / 4
		case slices.Contains(ends, code):
			return
		default:
			require.Contains(s.t, []int{1, 3, 4, 5}, code, output)
			require.Less(s.t, tries, 1000, output)
		}
		s.hurry()
	}
}

// hurry makes everything that waits for its time due.
func (s *stage) hurry() {
	s.t.Helper()
	s.state(func(db *sql.DB) {
		for _, table := range []string{"deliveries", "order_changes"} {
			// A program that was killed early may have left a file without tables.
			_, _ = db.Exec(`UPDATE ` + table + ` SET next_attempt_at = 1 WHERE next_attempt_at IS NOT NULL`)
		}
		_, _ = db.Exec(`UPDATE files SET looked_at = NULL`)
	})
}

// broken counts the connections to the SFTP server that broke.
func (s *stage) broken() int {
	if s.wire == nil {
		return 0
	}
	s.wire.mu.Lock()
	defer s.wire.mu.Unlock()
	return s.wire.broken
}

// state opens the state.
func (s *stage) state(look func(*sql.DB)) {
	s.t.Helper()
	path := filepath.Join(s.dir, "state.db")
	if _, err := os.Stat(path); err != nil {
		return
	}
	db, err := sql.Open("sqlite3", "file:"+path+"?_busy_timeout=5000&mode=rw")
	require.NoError(s.t, err)
	look(db)
	require.NoError(s.t, db.Close())
}

// number returns what a query counts.
func (s *stage) number(query string) (n int) {
	s.t.Helper()
	s.state(func(db *sql.DB) { require.NoError(s.t, db.QueryRowContext(s.t.Context(), query).Scan(&n)) })
	return n
}

// verdicts returns each order's verdict.
func (s *stage) verdicts() map[string]string {
	s.t.Helper()
	all := make(map[string]string)
	s.state(func(db *sql.DB) {
		rows, err := db.QueryContext(s.t.Context(), `SELECT order_id, verdict FROM order_reconciliation`)
		require.NoError(s.t, err)
		defer rows.Close()
		for rows.Next() {
			var order, verdict string
			require.NoError(s.t, rows.Scan(&order, &verdict))
			all[order] = verdict
		}
		require.NoError(s.t, rows.Err())
	})
	return all
}
