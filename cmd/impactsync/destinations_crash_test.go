package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/stretchr/testify/require"
)

// taken counts what a sandbox was sent, by program and order or person.
type taken struct {
	mu    sync.Mutex
	count map[string]int
}

func (k *taken) fault(_ *http.Request, form impactapi.Params) sandbox.Fault {
	k.mu.Lock()
	defer k.mu.Unlock()
	program, _ := form.Get("CampaignId")
	id, is := form.Get("OrderId")
	if !is {
		id, _ = form.Get("CustomerId")
	}
	if program != "" {
		k.count[program+" "+id]++
	}
	return sandbox.Fault{}
}

// total returns how much was sent, and how much of it again.
func (k *taken) total() (all, again int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, n := range k.count {
		all += n
		again += n - 1
	}
	return all, again
}

// newShops lays out three programs, two of them of one account, each with 40 people on a
// list and 40 orders.
func newShops(t *testing.T) (p *process, k *taken) {
	t.Helper()
	k = &taken{count: map[string]int{}}
	box, err := sandbox.New(sandbox.Config{Fault: k.fault})
	require.NoError(t, err)
	server := httptest.NewServer(box.Handler())
	t.Cleanup(server.Close)
	p = &process{t: t, dir: t.TempDir(), url: server.URL}
	p.write("impactsync.yaml", `destination:
  accountSid: IR1
  apiKey: token
  pageUrl: https://shop.example/
  trackingURL: `+p.url+`
  apiURL: `+p.url+`
destinations:
  - {name: us, campaignId: "1"}
  - {name: eu, campaignId: "2"}
  - {name: outlet, campaignId: "3", accountSid: IR2}
sources:
  - {name: exports, kind: audiences, url: file://./lists/}
  - {name: web, kind: events, url: file://./log/}
maxEventAge: 876000h
state: {path: state.db}
`)
	p.list(40)
	var log strings.Builder
	for i := range 40 {
		fmt.Fprintf(&log, `{"type":"track","event":"Order Completed","messageId":"m%d","userId":"c%d","properties":{"order_id":"o%d","total":10},"timestamp":"2026-11-20T10:00:00Z"}`+"\n", i, i, i)
	}
	p.write("log/a.ndjson", log.String())
	return p, k
}

// crash starts the program to be killed at a point, and reports whether it was.
func (p *process) crash(at string) bool {
	p.t.Helper()
	path, err := exec.LookPath("impactsync-crashing")
	require.NoError(p.t, err)
	c := p.command("run")
	c.Path, c.Args[0] = path, "impactsync-crashing"
	c.Env = append(os.Environ(), "CRASH_AT="+at, "CRASH_POINTS="+filepath.Join(p.dir, "points"))
	_, _ = c.CombinedOutput()
	return c.ProcessState.ExitCode() == -1
}

// TestKilledAmongDestinations kills a run of several destinations again and again. What
// each of them is owed arrives, and a run after that sends nothing.
func TestKilledAmongDestinations(t *testing.T) {
	t.Parallel()
	for _, points := range [][]string{
		{"after a commit#3", "before a request#1", "after an answer#30", "before a commit#20"},
		{"before settling#1", "after an answer#100", "before a request#60", "after a commit#25"},
		{"after an answer#1", "before a commit#40", "before settling#4", "after a commit#60"},
	} {
		t.Run(points[0], func(t *testing.T) {
			t.Parallel()
			p, k := newShops(t)
			kills := 0
			for _, at := range points {
				if p.crash(at) {
					kills++
				}
			}
			require.Greater(t, kills, 1)
			out, err := p.command("run").CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Len(t, k.count, 3*80, "every order and every person, at each destination")
			all, again := k.total()
			require.LessOrEqual(t, again, kills*2*80, "of each account, one destination's at a time")
			out, err = p.command("run").CombinedOutput()
			require.NoError(t, err, "%s", out)
			after, _ := k.total()
			require.Equal(t, all, after, "a second run sends nothing")
			out, err = p.command("state", "check").CombinedOutput()
			require.NoError(t, err, "%s", out)
		})
	}
}

// TestAnotherDestinationGoesOn has one whose state is damaged.
func TestAnotherDestinationGoesOn(t *testing.T) {
	t.Parallel()
	p, k := newShops(t)
	require.NoError(t, p.command("run").Run())
	all, _ := k.total()
	p.list(41)
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, "state-eu.db"), []byte("no state"), 0o600))
	out, err := p.command("run").CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 12, exit.ExitCode())
	require.Contains(t, string(out), "impactsync: eu: ")
	after, _ := k.total()
	require.Equal(t, all+2, after, "the person who joined, at the two others: %s", out)
}
