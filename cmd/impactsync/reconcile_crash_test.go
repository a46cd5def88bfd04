package main

import (
	"bytes"
	"database/sql"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
)

// ledger is a shop whose orders impact.com has, some of them not as they were sent, and
// a state that knows of them and was never reconciled.
type ledger struct {
	t   *testing.T
	dir string // which is only copied
}

const booked = 36

func newLedger(t *testing.T) *ledger {
	t.Helper()
	l := &ledger{t: t, dir: t.TempDir()}
	var clock atomic.Int64
	clock.Store(time.Now().Add(-30 * 24 * time.Hour).UnixNano())
	box, err := sandbox.New(sandbox.Config{
		Now:      func() time.Time { return time.Unix(0, clock.Load()) },
		PageSize: 3, // so that 45 days are halved, and read page by page
		Attribute: func(form impactapi.Params) sandbox.Attribution {
			order, _ := form.Get("OrderId")
			switch order[len(order)-1] {
			case '1':
				return sandbox.Attribution{Partner: "42", Twice: true}
			case '2':
				return sandbox.Attribution{Partner: "42", ReattributeAfter: time.Hour}
			case '3':
				return sandbox.Attribution{Partner: "42", Amount: "9.50"}
			case '4':
				return sandbox.Attribution{}
			}
			return sandbox.Attribution{Partner: "42"}
		},
	})
	require.NoError(t, err)
	server := httptest.NewServer(box.Handler())
	t.Cleanup(func() { server.Close(); require.NoError(t, box.Close()) })
	l.write("impactsync.yaml", `destination: {accountSid: IR1, apiKey: token, campaignId: "23224", eventTypeId: "310", trackingURL: "`+server.URL+`", apiURL: "`+server.URL+`"}
sources: [{name: web, kind: events, url: file://./events/}]
state: {path: state.db}
delivery: {conversionsPerHour: 0}
reconcile: {after: 1ns}
conversions: {verify: off}
`)
	for group := range 3 {
		var log strings.Builder
		for i := group * booked / 3; i < (group+1)*booked/3; i++ {
			at := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
			fmt.Fprintf(&log, `{"type":"track","event":"Order Completed","messageId":"m%d","userId":"u%d","timestamp":%q,"properties":{"order_id":"o%d","total":10,"currency":"USD"}}`+"\n", i, i, at, i)
		}
		l.write(fmt.Sprintf("events/%d.ndjson", group), log.String())
		require.NoError(t, l.start(l.dir, "impactsync", "run").Wait())
		clock.Add(int64(10*24*time.Hour - time.Minute))
	}
	return l
}

func (l *ledger) write(name, text string) {
	l.t.Helper()
	path := filepath.Join(l.dir, name)
	require.NoError(l.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(l.t, os.WriteFile(path, []byte(text), 0o600))
}

func (l *ledger) start(dir, program string, args ...string) *exec.Cmd {
	l.t.Helper()
	path, err := exec.LookPath(program)
	require.NoError(l.t, err)
	c := exec.CommandContext(l.t.Context(), path, args...)
	c.Dir, c.Env, c.Stderr = dir, os.Environ(), new(bytes.Buffer)
	require.NoError(l.t, c.Start())
	return c
}

// copied returns a folder with a copy of the state before any reconciliation.
func (l *ledger) copied() string {
	l.t.Helper()
	dir := l.t.TempDir()
	require.NoError(l.t, os.CopyFS(dir, os.DirFS(l.dir)))
	return dir
}

// reconciled reconciles to the end, and returns what is known of each order then.
func (l *ledger) reconciled(dir, at string) (all []string) {
	l.t.Helper()
	c := l.start(dir, "impactsync", "reconcile")
	_ = c.Wait() // the code says it
	require.Equal(l.t, 3, c.ProcessState.ExitCode(), "%s: %s", at, c.Stderr)
	c = l.start(dir, "impactsync", "state", "check")
	require.NoError(l.t, c.Wait(), "%s: %s", at, c.Stderr)
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "state.db")+"?mode=ro")
	require.NoError(l.t, err)
	defer db.Close()
	for _, query := range []string{
		`SELECT order_id || ' ' || verdict || ' ' || coalesce(reason, '') || ' ' || coalesce(action_id, '') || ' ' || actions || ' ' || live_actions || ' ' || coalesce(amount_there, '') || ' ' || coalesce(disposition, '') FROM reconciliations ORDER BY order_id, event_type`,
		`SELECT id || ' ' || state || ' ' || coalesce(amount, '') FROM actions ORDER BY id`,
		`SELECT id || ' ' || coalesce(disposition, '') FROM action_changes ORDER BY id`,
		`SELECT verdict || ' ' || orders FROM reconciliation_counts WHERE orders > 0 ORDER BY verdict`,
	} {
		all = append(all, linesOf(l.t, db, query)...)
	}
	return all
}

// linesOf returns the one column of a query.
func linesOf(t *testing.T, db *sql.DB, query string) (lines []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		lines = append(lines, line)
	}
	require.NoError(t, rows.Err())
	return lines
}

// TestReconcileKilledAtEveryPoint kills the program before and after each commit of a
// reconciliation: while it notes windows, halves them, stores rows, notes pages, reads
// changes and judges; or some of them. Resumed, it knows what an undisturbed one does.
func TestReconcileKilledAtEveryPoint(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	whole := l.reconciled(l.copied(), "without a kill")
	require.Greater(t, len(whole), 2*booked)

	dir := l.copied()
	seen := filepath.Join(dir, "points")
	c := l.crashing(dir, "")
	require.Equal(t, 3, c.ProcessState.ExitCode(), "%s", c.Stderr)
	data, err := os.ReadFile(seen)
	require.NoError(t, err)
	count := map[string]int{}
	for line := range strings.Lines(string(data)) {
		count[strings.TrimSpace(line)]++
	}
	require.Greater(t, count["before a commit"], 20, "%v", count)
	t.Log(count)
	for name, n := range count {
		step := 1 + n/12
		if *crashAll {
			step = 1
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i := 1; i <= n; i += step {
				at := fmt.Sprintf("%s#%d", name, i)
				dir := l.copied()
				c := l.crashing(dir, at)
				if c.ProcessState.ExitCode() == 3 { // the last commits only tidy up, and not always
					require.Greater(t, i, n-6, "%s was not reached", at)
					break
				}
				require.Equal(t, -1, c.ProcessState.ExitCode(), "%s: %s", at, c.Stderr)
				require.Equal(t, whole, l.reconciled(dir, at), at)
			}
		})
	}
}

// crashing reconciles until it is killed at a point.
func (l *ledger) crashing(dir, at string) *exec.Cmd {
	l.t.Helper()
	path, err := exec.LookPath("impactsync-crashing")
	require.NoError(l.t, err)
	c := exec.CommandContext(l.t.Context(), path, "reconcile")
	c.Dir, c.Env, c.Stderr = dir, append(os.Environ(), "CRASH_AT="+at, "CRASH_POINTS="+filepath.Join(dir, "points")), new(bytes.Buffer)
	_ = c.Run() // the code says it
	return c
}
