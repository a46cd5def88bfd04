package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/impactsync/impactsync/state"
	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts run the program itself, in a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"impactsync": main, "impactsync-crashing": crashing, "impactsync-network": onNetwork, "impactsync-cramped": cramped, "impactsync-few": few})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup:               setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"sandbox": startSandbox, "exits": wantExit, "calls": countCalls, "hold": hold, "age": age, "shop": shop, "answers": answers, "long": long, "crowd": crowd, "rows": rows, "value": value, "point": pointAtSandbox, "hooks": hooks, "hooked": hooked,
		},
	})
}

func setUp(e *testscript.Env) error {
	e.Setenv("EXAMPLES", absolute("../../examples"))
	e.Setenv("GORACE", "atexit_sleep_ms=10") // else the race detector adds a second to each process
	return nil
}

func absolute(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		panic(err)
	}
	return abs
}

// rows: rows N QUERY wants so many rows of the state, as sqlite3 shows them.
func rows(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite3", "file:"+ts.MkAbs("state.db")+"?mode=ro")
	ts.Check(err)
	defer db.Close()
	var n int
	ts.Check(db.QueryRowContext(context.Background(), "SELECT count(*) FROM ("+args[1]+")").Scan(&n))
	if fmt.Sprint(n) != args[0] {
		ts.Fatalf("%d rows, not %s: %s", n, args[0], args[1])
	}
}

// value: value NAME QUERY sets a variable to what a query of the state finds first.
func value(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite3", "file:"+ts.MkAbs("state.db")+"?mode=ro")
	ts.Check(err)
	defer db.Close()
	var found string
	ts.Check(db.QueryRowContext(context.Background(), args[1]).Scan(&found))
	ts.Setenv(args[0], found)
}

// startSandbox: sandbox [flags] starts one for the rest of the script. URL is
// its address, calls.ndjson its log.
func startSandbox(ts *testscript.TestScript, _ bool, args []string) {
	args = append([]string{"sandbox", "--listen", "127.0.0.1:0", "--log", ts.MkAbs("calls.ndjson")}, args...)
	path := program(ts)
	c := exec.Command(path, args...)
	c.Dir = ts.MkAbs(".")
	out, err := c.StdoutPipe()
	ts.Check(err)
	ts.Check(c.Start())
	ts.Defer(func() {
		_ = c.Process.Signal(os.Interrupt)
		_ = c.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	ts.Check(err)
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		ts.Fatalf("the sandbox said %q", line)
	}
	ts.Setenv("URL", url)
}

// answers: answers STATUS [NAME:VALUE] starts a server that answers everything with
// this status, and this header. URL is its address.
func answers(ts *testscript.TestScript, _ bool, args []string) {
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for _, header := range args[1:] {
			name, value, _ := strings.Cut(header, ":")
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"status":%d,"title":%q}`, status, http.StatusText(status))
	}))
	ts.Defer(server.Close)
	ts.Setenv("URL", server.URL)
}

// long: long FILE N TEXT appends the text, N times, and an end of line to a file.
func long(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	ts.Check(err)
	_, err = f.WriteString(strings.Repeat(args[2], n) + "\n")
	ts.Check(errors.Join(err, f.Close()))
}

// crowd: crowd FILE N ID writes a log of N visitors under one user id.
func crowd(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	var log strings.Builder
	for i := range n {
		fmt.Fprintf(&log, `{"type":"identify","messageId":"crowd-%d","timestamp":"2024-05-01T00:00:00Z","userId":%q,"anonymousId":"visitor-%d"}`+"\n", i, args[2], i)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(log.String()), 0o600))
}

func program(ts *testscript.TestScript) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path := filepath.Join(dir, "impactsync"); exists(path) {
			return path
		}
	}
	ts.Fatalf("impactsync is not in PATH")
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// wantExit: exits CODE ARGS... runs the program and wants this exit code.
func wantExit(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec("impactsync", args[1:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// countCalls: calls N TEXT wants N lines of the call log that hold the text.
func countCalls(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	data, err := os.ReadFile(ts.MkAbs("calls.ndjson"))
	ts.Check(err)
	got := 0
	for line := range strings.Lines(string(data)) {
		if strings.Contains(line, strings.Join(args[1:], " ")) {
			got++
		}
	}
	if got != want {
		ts.Fatalf("%d calls, want %d, in:\n%s", got, want, data)
	}
}

// hold: hold FILE holds a state's lock to the end of the script, as a run does.
func hold(ts *testscript.TestScript, _ bool, args []string) {
	lock, err := state.Acquire(ts.MkAbs(args[0]), time.Now())
	ts.Check(err)
	ts.Defer(func() { _ = lock.Release() })
}

// age: age FILE DURATION makes a file look older.
func age(ts *testscript.TestScript, _ bool, args []string) {
	d, err := time.ParseDuration(args[1])
	ts.Check(err)
	at := time.Now().Add(-d)
	ts.Check(os.Chtimes(ts.MkAbs(args[0]), at, at))
}

// pointAtSandbox: point FILE makes a configuration for the default sandbox one for
// that of the script.
func pointAtSandbox(ts *testscript.TestScript, _ bool, args []string) {
	config := ts.ReadFile(args[0])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(config, "http://127.0.0.1:8090", ts.Getenv("URL"))), 0o600))
}

// shop: shop N lays a step of the bundled sample out, as the demo does.
func shop(ts *testscript.TestScript, _ bool, args []string) {
	config, err := os.ReadFile(filepath.Join(ts.Getenv("EXAMPLES"), "shop", "impactsync.yaml"))
	ts.Check(err)
	text := strings.ReplaceAll(string(config), "http://127.0.0.1:8090", ts.Getenv("URL"))
	ts.Check(os.WriteFile(ts.MkAbs("impactsync.yaml"), []byte(text), 0o600))
	ts.Check(ts.Exec("cp", "-R", filepath.Join(ts.Getenv("EXAMPLES"), "shop", "step"+args[0])+"/.", ts.MkAbs(".")))
}
