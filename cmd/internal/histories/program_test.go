package histories

import (
	"bytes"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3" // to let waiting retries come due
	"github.com/stretchr/testify/require"
)

// binary is the program, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	// Most of a history is waiting: for answers, retries and deadlines.
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir, err := os.MkdirTemp("", "histories")
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

// program is the program in its own folder.
type program struct {
	t   *testing.T
	dir string
	url string
}

func newProgram(t *testing.T, url string) *program {
	p := &program{t: t, dir: t.TempDir(), url: url}
	for _, folder := range []string{"lists", "events"} {
		require.NoError(t, os.Mkdir(filepath.Join(p.dir, folder), 0o700))
	}
	config := fmt.Sprintf(`destination:
  accountSid: IRx
  apiKey: token
  campaignId: "23224"
  trackingURL: %s
  apiURL: %s
  pageUrl: https://www.example.com/
  enablePageEvents: true
sources:
  - name: lists
    kind: audiences
    url: file://./lists/
    audiences:
      mixed.csv: {authority: latest}
  - name: web
    kind: events
    url: file://./events/
    traits: {include: ["*"]}
state: {path: state.db}
delivery: {pageLoadsPerSecond: 0, conversionsPerHour: 0, requestTimeout: 2s, attributionWait: 0s, workers: 4}
guard: {maxExits: {percent: 100, atLeast: 1000000000}}
conversions: {verify: off}
`, url, url)
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, "impactsync.yaml"), []byte(config), 0o600))
	return p
}

// write creates a file atomically, with the given time.
func (p *program) write(name, content string, at time.Time) {
	path := filepath.Join(p.dir, name)
	making := filepath.Join(p.dir, "making")
	require.NoError(p.t, os.WriteFile(making, []byte(content), 0o600))
	require.NoError(p.t, os.Chtimes(making, at, at))
	require.NoError(p.t, os.Rename(making, path))
}

// result is how a process ended.
type result struct {
	code   int // -1: killed
	output string
}

// run runs a command to its end, which must not take longer than a minute.
func (p *program) run(args ...string) result {
	return p.start(args...).wait()
}

type process struct {
	p    *program
	cmd  *exec.Cmd
	out  *bytes.Buffer
	name string
}

func (p *program) start(args ...string) *process {
	c := exec.Command(binary, args...)
	out := &bytes.Buffer{}
	c.Dir, c.Stdout, c.Stderr = p.dir, out, out
	c.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=10")
	require.NoError(p.t, c.Start())
	return &process{p, c, out, strings.Join(args, " ")}
}

func (c *process) kill() { _ = c.cmd.Process.Kill() }

func (c *process) wait() result {
	hung := time.AfterFunc(time.Minute, c.kill)
	err := c.cmd.Wait()
	require.True(c.p.t, hung.Stop(), "impactsync %s hangs:\n%s", c.name, c.out)
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		require.NoError(c.p.t, err)
	}
	return result{c.cmd.ProcessState.ExitCode(), c.out.String()}
}

// hurry makes everything that waits for a retry due.
func (p *program) hurry() {
	path := filepath.Join(p.dir, "state.db")
	if _, err := os.Stat(path); err != nil {
		return
	}
	db, err := sql.Open("sqlite3", "file:"+path+"?_busy_timeout=5000&mode=rw")
	require.NoError(p.t, err)
	defer func() { require.NoError(p.t, db.Close()) }()
	for _, table := range []string{"trait_due", "deliveries"} {
		// A process that died early may have left a file without tables.
		_, err := db.Exec(`UPDATE ` + table + ` SET next_attempt_at = 1 WHERE next_attempt_at IS NOT NULL`)
		if err != nil && !strings.Contains(err.Error(), "no such table") {
			require.NoError(p.t, err)
		}
	}
}
