package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/stretchr/testify/require"
)

// process is the program in a process of its own, with its own folder and
// sandbox. Every page load that the sandbox is asked for is told on asked, and
// waits until release is closed.
type process struct {
	t       *testing.T
	dir     string
	url     string
	asked   chan struct{}
	release chan struct{}
}

func newProcess(t *testing.T, config string) *process {
	t.Helper()
	p := &process{t: t, dir: t.TempDir(), asked: make(chan struct{}, 1000), release: make(chan struct{})}
	box, err := sandbox.New(sandbox.Config{Fault: func(*http.Request, impactapi.Params) sandbox.Fault {
		p.asked <- struct{}{}
		<-p.release
		return sandbox.Fault{}
	}})
	require.NoError(t, err)
	server := httptest.NewServer(box.Handler())
	t.Cleanup(server.Close)
	p.url = server.URL
	p.write("impactsync.yaml", `destination:
  accountSid: IR1
  apiKey: token
  campaignId: "23224"
  pageUrl: https://shop.example/
  trackingURL: `+p.url+`
  apiURL: `+p.url+`
sources:
  - {name: exports, kind: audiences, url: file://./lists/}
state: {path: state.db}
`+config)
	return p
}

func (p *process) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	require.NoError(p.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(p.t, os.WriteFile(path, []byte(text), 0o600))
}

func (p *process) command(args ...string) *exec.Cmd {
	p.t.Helper()
	path, err := exec.LookPath("impactsync")
	require.NoError(p.t, err)
	c := exec.CommandContext(p.t.Context(), path, args...)
	c.Dir = p.dir
	return c
}

// fresh removes the state.
func (p *process) fresh() {
	p.t.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, "state.db*"))
	require.NoError(p.t, err)
	for _, file := range files {
		require.NoError(p.t, os.Remove(file))
	}
}

func (p *process) list(people int) {
	var b strings.Builder
	b.WriteString("user_id\n")
	for i := range people {
		b.WriteString("u" + strings.Repeat("x", i+1) + "\n")
	}
	p.write("lists/VIP.csv", b.String())
}

func TestSignalsStopInGoodOrder(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]struct {
		signal os.Signal
		code   int
		args   []string
		exit   int
	}{
		"SIGTERM leaves work for later":        {syscall.SIGTERM, 4, nil, 4},
		"that can count as a success":          {syscall.SIGTERM, 4, []string{"--exit-zero-on=4"}, 0},
		"or not, for the job to be done again": {syscall.SIGTERM, 4, []string{"--exit-zero-on=4", "--sigterm-fails"}, 4},
		"SIGINT says who did it":               {os.Interrupt, 130, nil, 130},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProcess(t, "delivery: {workers: 2}\n")
			p.list(50)
			c := p.command(append([]string{"run"}, s.args...)...)
			require.NoError(t, c.Start())
			<-p.asked
			require.NoError(t, c.Process.Signal(s.signal))
			time.AfterFunc(200*time.Millisecond, func() { close(p.release) }) // after it took the signal
			_ = c.Wait()
			require.Equal(t, s.exit, c.ProcessState.ExitCode())

			var status struct {
				Runs []struct {
					Exit      int   `json:"exit_code"`
					Delivered int64 `json:"delivered"`
					Pending   int64 `json:"pending"`
				} `json:"runs"`
			}
			out, err := p.command("status", "--json").Output()
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(out, &status))
			last := status.Runs[0]
			require.Equal(t, s.code, last.Exit)
			require.Positive(t, last.Delivered, "what was under way was answered and settled")
			require.EqualValues(t, 50, last.Delivered+last.Pending)

			require.NoError(t, p.command("run", "--sigterm-fails", "--exit-zero-on=4").Run(), "the next run goes on")
		})
	}
}

func TestASecondSignalKills(t *testing.T) {
	t.Parallel()
	p := newProcess(t, "")
	defer close(p.release)
	p.list(3)
	c := p.command("run")
	require.NoError(t, c.Start())
	<-p.asked
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case err := <-ended:
			require.Error(t, err)
			require.Equal(t, -1, c.ProcessState.ExitCode(), "killed by the signal")
			return
		case <-again.C:
			_ = c.Process.Signal(os.Interrupt) // it may be gone by now
		}
	}
}

func TestDaemon(t *testing.T) {
	t.Parallel()
	p := newProcess(t, "schedule: \"@every 1s\"\n")
	close(p.release)
	p.list(3)
	c := p.command("daemon", "--listen", "127.0.0.1:0")
	out, err := c.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	log := watch(out)

	url := log.wait(t, "listening")["url"].(string)
	require.Equal(t, "ok\n", get(t, url+"/healthz"))
	ended := log.wait(t, "run ended")
	require.EqualValues(t, 0, ended["exit_code"])
	require.EqualValues(t, 3, ended["delivered"])
	metrics := get(t, url+"/metrics")
	require.Contains(t, metrics, `impactsync_changes_total{what="delivered"} 3`)
	require.Contains(t, metrics, `impactsync_due{kind="trait",status="pending"} 0`)
	require.Contains(t, metrics, `impactsync_runs_total{exit_code="0"}`)

	// Between the runs the state is free.
	require.NoError(t, os.Remove(filepath.Join(p.dir, "lists/VIP.csv")))
	for log.wait(t, "run ended")["exit_code"] != 3.0 { // an empty folder is a stale source
		continue // one that began before the list was gone
	}
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	log.wait(t, "stopping")
	require.NoError(t, c.Wait())
}

func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(body)
}

// watched is a program's log, line by line.
type watched struct {
	lines chan map[string]any
	once  sync.Once
}

func watch(r io.Reader) *watched {
	w := &watched{lines: make(chan map[string]any, 10_000)}
	go func() {
		defer w.once.Do(func() { close(w.lines) })
		for s := bufio.NewScanner(r); s.Scan(); {
			var line map[string]any
			if json.Unmarshal(s.Bytes(), &line) == nil {
				w.lines <- line
			}
		}
	}()
	return w
}

// wait returns the next line with this message.
func (w *watched) wait(t *testing.T, msg string) map[string]any {
	t.Helper()
	late := time.After(30 * time.Second)
	for {
		select {
		case line, more := <-w.lines:
			require.True(t, more, "the log ended before %q", msg)
			if line["msg"] == msg {
				return line
			}
		case <-late:
			require.Fail(t, "no line", "%q", msg)
		}
	}
}
