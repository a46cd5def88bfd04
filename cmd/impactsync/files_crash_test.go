package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/impactsync/impactsync/state"
)

// courier is a shop whose orders go to the sandbox in files, through a folder.
type courier struct {
	story
	orders []string
}

func newCourier(t *testing.T, files string) *courier {
	t.Helper()
	u := &courier{story: story{t: t, dir: t.TempDir()}}
	require.NoError(t, os.Mkdir(filepath.Join(u.dir, "drop"), 0o700))
	require.NoError(t, os.Mkdir(filepath.Join(u.dir, "db"), 0o700))
	box, err := sandbox.New(sandbox.Config{LogFile: filepath.Join(u.dir, "calls.ndjson"), DropDir: filepath.Join(u.dir, "drop"), Campaigns: []string{"23224"}})
	require.NoError(t, err)
	server := httptest.NewServer(box.Handler())
	t.Cleanup(func() { server.Close(); require.NoError(t, box.Close()) })
	u.url = server.URL
	u.write("impactsync.yaml", `destination: {accountSid: IR1, apiKey: token, campaignId: "23224", eventTypeId: "7", trackingURL: "`+u.url+`", apiURL: "`+u.url+`"}
sources: [{name: web, kind: events, url: file://./events/}]
state: {path: db/state.db}
delivery: {conversionsPerHour: 0}
conversions: {route: file, verify: off, file: {url: file://./drop/, orders: 7`+files+`}}
`)
	return u
}

// sell writes a log of orders, with items and without.
func (u *courier) sell(n int) {
	u.t.Helper()
	u.step++
	var log bytes.Buffer
	at := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	for i := range n {
		id, products := fmt.Sprintf("o%d-%d", u.step, i), ""
		if i%3 > 0 {
			products = `,"products":[{"sku":"A","price":2,"quantity":1},{"sku":"B","category":"c","price":3,"quantity":2}]`
		}
		fmt.Fprintf(&log, `{"type":"track","event":"Order Completed","messageId":"m%s","userId":"u%d","timestamp":%q,"receivedAt":%q,"properties":{"order_id":%q,"revenue":8,"currency":"USD"%s}}`+"\n", id, i, at, at, id, products)
		u.orders = append(u.orders, id)
	}
	u.write(fmt.Sprintf("events/step-%04d.ndjson", u.step), log.String())
}

// arrived returns how often each order is in the files that have their names.
func (u *courier) arrived() map[string]int {
	u.t.Helper()
	files, err := filepath.Glob(filepath.Join(u.dir, "drop", "*.csv"))
	require.NoError(u.t, err)
	times := map[string]int{}
	for _, name := range files {
		data, err := os.ReadFile(name)
		require.NoError(u.t, err)
		lines, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
		require.NoError(u.t, err, "%s is whole", name)
		in := map[string]bool{}
		for _, line := range lines[1:] {
			in[line[slices.Index(lines[0], "OrderId")]] = true
		}
		for id := range in {
			times[id]++
		}
	}
	return times
}

// settle runs the program until nothing is due. Then every order is in one file, and the
// API got none.
func (u *courier) settle() {
	u.t.Helper()
	for range 4 {
		c := u.start("impactsync")
		if u.ended(c, 4) {
			break
		}
	}
	require.Zero(u.t, u.inspect())
	require.Zero(u.t, u.number(filepath.Join(u.dir, "db", "state.db"), `SELECT count(*) FROM deliveries WHERE status > 0`))
	require.Equal(u.t, len(u.orders), u.number(filepath.Join(u.dir, "db", "state.db"), `SELECT count(*) FROM deliveries WHERE status = 0 AND outcome = 'delivered'`))
	times := u.arrived()
	for _, id := range u.orders {
		require.Equal(u.t, 1, times[id], "order %s is in one file", id)
	}
	require.Len(u.t, times, len(u.orders))
	left, err := filepath.Glob(filepath.Join(u.dir, "drop", "receipt_*"))
	require.NoError(u.t, err)
	require.Empty(u.t, left, "nothing half is left")
	calls, err := os.ReadFile(filepath.Join(u.dir, "calls.ndjson"))
	require.NoError(u.t, err)
	require.NotContains(u.t, string(calls), "/Conversions")
}

// TestKilledWithFiles kills the program before and after each commit and at each step of
// a file: no order is lost, and none is in two files.
func TestKilledWithFiles(t *testing.T) {
	t.Parallel()
	u := newCourier(t, "")
	u.sell(20)
	c := u.start("impactsync-crashing", "CRASH_POINTS="+filepath.Join(u.dir, "points"))
	require.False(t, u.ended(c, 4), "in files that are not complete")
	c = u.start("impactsync-crashing", "CRASH_POINTS="+filepath.Join(u.dir, "points"))
	require.True(t, u.ended(c), "%s", c.Stderr)
	u.settle()
	data, err := os.ReadFile(filepath.Join(u.dir, "points"))
	require.NoError(t, err)
	count := map[string]int{}
	for line := range strings.Lines(string(data)) {
		count[strings.TrimSpace(line)]++
	}
	for _, must := range []string{"files claimed", "files written", "before a file gets its name", "after a file got its name"} {
		require.GreaterOrEqual(t, count[must], 3, must)
	}
	kills := 0
	for _, name := range []string{"before a commit", "after a commit", "files claimed", "files written", "before a file gets its name", "after a file got its name"} {
		for n := 1; n <= count[name]; n += 1 + count[name]/6 {
			u.sell(9)
			for range 2 { // while it is sent, or while what became of it is read
				c := u.start("impactsync-crashing", fmt.Sprintf("CRASH_AT=%s#%d", name, n), "CRASH_POINTS="+filepath.Join(u.dir, "points"))
				if !u.ended(c, -1, 4) && c.ProcessState.ExitCode() == -1 {
					kills++
				}
				u.check()
			}
			u.settle()
		}
	}
	require.Greater(t, kills, 15)
	t.Logf("%d kills, %d orders, each in one file", kills, len(u.orders))
}

// check looks at a copy of the state as the program left it.
func (u *courier) check() {
	u.t.Helper()
	u.inspect()
	for id, n := range u.arrived() {
		require.LessOrEqual(u.t, n, 1, id)
	}
}

// TestKilledWithFilesAtRandom kills it at any moment.
func TestKilledWithFilesAtRandom(t *testing.T) {
	t.Parallel()
	u := newCourier(t, "")
	for kills := 0; kills < 40; {
		u.sell(30)
		for window := time.Duration(0); window < 150*time.Millisecond; window += 15 * time.Millisecond {
			c := u.start("impactsync")
			time.Sleep(window)
			_ = c.Process.Kill()
			if !u.ended(c, -1, 4) && c.ProcessState.ExitCode() == -1 {
				kills++
			}
			u.check()
		}
		u.settle()
	}
}

// TestFileOfUnknownFate: a file that impact.com never shows is not sent again until
// somebody says so.
func TestFileOfUnknownFate(t *testing.T) {
	t.Parallel()
	u := newCourier(t, ", unknownAfter: 1ns")
	u.sell(5)
	require.False(t, u.ended(u.start("impactsync"), 4))
	files, err := filepath.Glob(filepath.Join(u.dir, "drop", "*.csv"))
	require.NoError(t, err)
	require.Len(t, files, 2)
	for _, name := range files { // lost on the way
		require.NoError(t, os.Rename(name, name+".lost"))
	}
	for range 3 {
		c := u.start("impactsync")
		require.False(t, u.ended(c, 4))
		require.Contains(t, c.Stderr.(*bytes.Buffer).String(), "impactsync file list --status unknown")
		require.Empty(t, u.arrived(), "nothing is sent again by itself")
		u.inspect()
	}
	db, err := state.Open(t.Context(), state.Options{Path: filepath.Join(u.dir, "db", "state.db"), ReadOnly: true})
	require.NoError(t, err)
	unknown, err := db.ConversionFiles(t.Context(), state.FileUnknown, 0)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	require.Len(t, unknown.Rows, 2)
	for _, row := range unknown.Rows {
		path, err := exec.LookPath("impactsync")
		require.NoError(t, err)
		c := exec.CommandContext(t.Context(), path, "file", "retry", row[0])
		c.Dir = u.dir
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%s", out)
		c = exec.CommandContext(t.Context(), path, "file", "retry", row[0])
		c.Dir = u.dir
		out, err = c.CombinedOutput()
		require.Error(t, err, "only once")
		require.Contains(t, string(out), "nothing of it is open")
	}
	u.settle()
}
