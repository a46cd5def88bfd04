package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
)

// returns is a shop whose orders are taken back, and the program that tells impact.com.
type returns struct {
	t      *testing.T
	dir    string
	box    *sandbox.Sandbox
	change atomic.Pointer[func()] // called while a change of an action is answered
}

func newReturns(t *testing.T) *returns {
	t.Helper()
	r := &returns{t: t, dir: t.TempDir()}
	box, err := sandbox.New(sandbox.Config{
		Record: true, Attribute: func(impactapi.Params) sandbox.Attribution { return sandbox.Attribution{Partner: "42"} },
		Fault: func(req *http.Request, _ impactapi.Params) sandbox.Fault {
			hook := r.change.Load()
			if hook == nil || req.Method != http.MethodPut && req.Method != http.MethodDelete {
				return sandbox.Fault{}
			}
			time.AfterFunc(50*time.Millisecond, *hook)
			return sandbox.Fault{Delay: time.Second}
		},
	})
	require.NoError(t, err)
	server := httptest.NewServer(box.Handler())
	t.Cleanup(func() { server.Close(); require.NoError(t, box.Close()) })
	r.box = box
	r.write("impactsync.yaml", `destination: {accountSid: IR1, apiKey: token, campaignId: "23224", eventTypeId: "310", trackingURL: "`+server.URL+`", apiURL: "`+server.URL+`"}
sources: [{name: web, kind: events, url: file://./events/}]
state: {path: state.db}
refunds: {mode: items, wait: 10ms}
guard: {reversals: {atLeast: 100, money: 0}}
delivery: {workers: 2}
conversions: {verify: off}
`)
	var lines []string
	for i := range returned {
		lines = append(lines, r.message("Order Completed", fmt.Sprint("s", i), i, `"total":30,"tax":5,"currency":"USD","products":[{"sku":"A","price":19,"quantity":1},{"sku":"B","price":3,"quantity":2}]`))
	}
	r.write("events/a.ndjson", strings.Join(lines, "\n")+"\n")
	require.NoError(t, r.start("impactsync").Wait())
	lines = nil
	for i := range returned {
		more := ""
		if i%2 == 1 {
			more = `"products":[{"sku":"B","quantity":1}]`
		}
		lines = append(lines, r.message("Order Refunded", fmt.Sprint("r", i), i, more))
	}
	r.write("events/b.ndjson", strings.Join(lines, "\n")+"\n")
	return r
}

// returned is how many orders there are. Those with an odd number lose an item, the others are
// taken back.
const returned = 5

func (r *returns) message(event, id string, order int, more string) string {
	if more != "" {
		more = "," + more
	}
	return fmt.Sprintf(`{"type":"track","event":%q,"messageId":%q,"userId":"u%d","timestamp":%q,"properties":{"order_id":"o%d"%s}}`,
		event, id, order, time.Now().Add(-time.Minute).UTC().Format(time.RFC3339Nano), order, more)
}

func (r *returns) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	require.NoError(r.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(r.t, os.WriteFile(path, []byte(text), 0o600))
}

func (r *returns) start(program string, env ...string) *exec.Cmd {
	r.t.Helper()
	path, err := exec.LookPath(program)
	require.NoError(r.t, err)
	c := exec.CommandContext(r.t.Context(), path, "run")
	c.Dir, c.Env = r.dir, append(os.Environ(), env...)
	require.NoError(r.t, c.Start())
	return c
}

// settle runs the program until it has nothing more to tell, and compares impact.com's
// books with what was refunded: every action was changed exactly once.
func (r *returns) settle(at string) {
	r.t.Helper()
	for range 3 {
		time.Sleep(20 * time.Millisecond) // longer than refunds.wait
		require.NoError(r.t, r.start("impactsync").Wait(), at)
	}
	changed := map[string]int{}
	for _, c := range r.box.Calls() {
		if c.Method == http.MethodPut || c.Method == http.MethodDelete {
			id, _ := c.Form.Get("ActionId")
			changed[id]++
		}
	}
	require.Len(r.t, changed, returned, at)
	for id, n := range changed {
		require.Equal(r.t, 1, n, "%s: action %s", at, id)
	}
	client, err := impactapi.New(impactapi.Config{AccountSID: "IR1", AuthToken: "token", TrackingURL: r.url(), APIURL: r.url()})
	require.NoError(r.t, err)
	defer client.Close()
	for id := range changed {
		a, _, _, err := client.Action(r.t.Context(), id)
		require.NoError(r.t, err)
		want := "REVERSED 0"
		if (a.OrderID[1]-'0')%2 == 1 {
			want = "PENDING 22"
		}
		require.Equal(r.t, want, a.State+" "+strings.TrimSuffix(a.Amount, ".00"), "%s: order %s", at, a.OrderID)
	}
}

func (r *returns) url() string {
	data, err := os.ReadFile(filepath.Join(r.dir, "impactsync.yaml"))
	require.NoError(r.t, err)
	_, rest, _ := strings.Cut(string(data), `apiURL: "`)
	url, _, _ := strings.Cut(rest, `"`)
	return url
}

// TestReversalsKilledAtEveryPoint kills the program before and after every second commit
// and request of a run that takes orders back, with -crash.all at every one: none is
// taken back twice, and none is forgotten.
func TestReversalsKilledAtEveryPoint(t *testing.T) {
	t.Parallel()
	first := newReturns(t)
	seen := filepath.Join(first.dir, "points")
	require.NoError(t, first.start("impactsync-crashing", "CRASH_POINTS="+seen).Wait())
	first.settle("without a kill")
	data, err := os.ReadFile(seen)
	require.NoError(t, err)
	count := map[string]int{}
	for line := range strings.Lines(string(data)) {
		count[strings.TrimSpace(line)]++
	}
	var all []string
	for name, n := range count {
		for i := range n {
			all = append(all, fmt.Sprintf("%s#%d", name, i+1))
		}
	}
	slices.Sort(all)
	t.Log(count)
	const groups = 3
	step := groups * 2
	if *crashAll {
		step = groups
	}
	for group := range groups {
		t.Run(fmt.Sprintf("group %d", group), func(t *testing.T) {
			t.Parallel()
			for i := group; i < len(all); i += step {
				r := newReturns(t)
				c := r.start("impactsync-crashing", "CRASH_AT="+all[i], "CRASH_POINTS="+filepath.Join(r.dir, "points"))
				_ = c.Wait() // killed, or it ended before
				r.settle(all[i])
			}
		})
	}
}

// TestReversalsKilledWhileAnswered kills the program after impact.com took a change and
// before it answered.
func TestReversalsKilledWhileAnswered(t *testing.T) {
	t.Parallel()
	r := newReturns(t)
	for range 2 {
		c := r.start("impactsync")
		var killed atomic.Bool
		hook := func() {
			if killed.CompareAndSwap(false, true) {
				_ = c.Process.Signal(syscall.SIGKILL)
			}
		}
		r.change.Store(&hook)
		require.Error(t, c.Wait())
		r.change.Store(nil)
	}
	r.settle("while answered")
}
