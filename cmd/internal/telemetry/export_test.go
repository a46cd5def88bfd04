package telemetry_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/telemetry"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/stretchr/testify/require"
)

// oneRun returns the metrics of a process that made one run and sees a whole state.
func oneRun(oldest ...state.OldestDue) *telemetry.Metrics {
	m := telemetry.NewMetrics("v1", "abc", "23224")
	m.Ended(impactsync.Report{Run: 9, Seconds: 3, Counts: map[string]int64{"delivered": 7}, Stale: []impactsync.StaleSource{{Source: "web"}}}, impactsync.ExitRefused, time.Unix(2000, 0))
	left := 12
	counts := state.Measures{
		Runs: map[int64]int64{0: 3, 3: 1}, Totals: map[string]int64{"delivered": 70}, LastSuccess: time.Unix(1000, 0), Oldest: oldest,
		Refused: []state.RefusedCount{{Kind: "conversion", Class: "parameter", Count: 2}}, Money: []state.RefusedMoney{{Currency: "EUR", Conversions: 2, Amount: 19_9900}},
		Held: []state.HeldCount{{Trait: "vip", Direction: "exits", Count: 5}},
	}
	m.Totals(counts)
	m.State(state.Status{
		Audiences: []state.AudienceStatus{{Key: "vip", Wanted: 10, Delivered: 9, Pending: 1, Held: 5}},
		Sources:   []state.SourceStatus{{Name: "web", Newest: time.Unix(500, 0)}, {Name: "exports"}},
		Hosts:     []state.HostStatus{{Host: "api", SentLastHour: 988, Quota: 1000, Remaining: &left}, {Host: "tracking"}},
	}, counts)
	m.Phases(map[string]time.Duration{"read": time.Second, "send": time.Second / 2}, 3)
	m.Size(4096, 512)
	return m
}

func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "impactsync.prom")
	require.NoError(t, os.WriteFile(path, []byte("what was there before\n"), 0o600))
	require.NoError(t, oneRun(state.OldestDue{Kind: "trait", Trait: "vip", At: time.Unix(900, 0)}).WriteFile(path))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	text := string(data)
	for _, line := range []string{
		`impactsync_audience_due{audience="vip",destination="23224",status="held"} 5`,
		`impactsync_audience_members{audience="vip",destination="23224",what="delivered"} 9`,
		`impactsync_changes_total{destination="23224",what="delivered"} 70`,
		`impactsync_held_changes{audience="vip",destination="23224",direction="exits"} 5`,
		`impactsync_host_quota_remaining{destination="23224",host="api"} 12`,
		`impactsync_host_requests_last_hour{destination="23224",host="api"} 988`,
		`impactsync_last_run_changes{destination="23224",what="delivered"} 7`,
		`impactsync_last_run_exit_code{destination="23224"} 3`,
		`impactsync_last_run_phase_duration_seconds{destination="23224",phase="other"} 1.5`,
		`impactsync_last_success_timestamp_seconds{destination="23224"} 1000`,
		`impactsync_oldest_undelivered_timestamp_seconds{audience="vip",destination="23224",kind="trait"} 900`,
		`impactsync_refused_deliveries{class="parameter",destination="23224",kind="conversion"} 2`,
		`impactsync_refused_money{currency="EUR",destination="23224"} 19.99`,
		`impactsync_runs_total{destination="23224",exit_code="0"} 3`,
		`impactsync_source_newest_timestamp_seconds{destination="23224",source="web"} 500`,
		`impactsync_source_stale{destination="23224",source="web"} 1`,
		`impactsync_source_stale{destination="23224",source="exports"} 0`,
		`impactsync_state_bytes{destination="23224",file="log"} 512`,
	} {
		require.Contains(t, text, line+"\n")
	}
	require.NotContains(t, text, "go_", "node_exporter has these itself, and refuses them twice")
	require.NotContains(t, text, "host_quota_remaining{destination=\"23224\",host=\"tracking\"", "it never said")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode().Perm(), "node_exporter is another user")
	left, err := filepath.Glob(filepath.Dir(path) + "/*")
	require.NoError(t, err)
	require.Equal(t, []string{path}, left)
	promtool(t, text)

	require.Error(t, oneRun().WriteFile(filepath.Join(path, "no", "folder")))
}

// promtool lets Prometheus' own tool judge the text of metrics.
func promtool(t *testing.T, text string) {
	t.Helper()
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Log("not judged by promtool: it is not installed (bash .ci/packages promtool)")
		return
	}
	c := exec.Command(tool, "check", "metrics")
	c.Stdin = strings.NewReader(text)
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Empty(t, string(out))
}

// gateway starts Debian's Pushgateway and returns its address.
func gateway(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("prometheus-pushgateway")
	if err != nil {
		t.Skip("the Pushgateway is not installed: bash .ci/packages prometheus-pushgateway")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	c := exec.Command(program, "--web.listen-address="+address)
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	require.Eventually(t, func() bool {
		res, err := http.Get("http://" + address + "/-/ready")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	}, 20*time.Second, 50*time.Millisecond)
	return "http://" + address
}

func TestPush(t *testing.T) {
	t.Parallel()
	url := gateway(t)
	scrape := func() string {
		res, err := http.Get(url + "/metrics")
		require.NoError(t, err)
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return string(text)
	}
	to := func(destination string) telemetry.Gateway {
		return telemetry.Gateway{URL: url, Job: "impactsync", Destination: destination}
	}
	oldest := func(destination string) string {
		return fmt.Sprintf(`impactsync_oldest_undelivered_timestamp_seconds{audience="",destination="%s",instance="",job="impactsync",kind="conversion"} 900`, destination)
	}
	waiting := state.OldestDue{Kind: "conversion", At: time.Unix(900, 0)}
	for _, destination := range []string{"1", "2"} {
		require.NoError(t, oneRun(waiting).Push(context.Background(), to(destination), true))
	}
	require.Contains(t, scrape(), oldest("1"))
	require.Contains(t, scrape(), oldest("2"))

	broken := telemetry.NewMetrics("v1", "abc", "1") // a run that could not open its state
	broken.Ended(impactsync.Report{}, impactsync.ExitState, time.Unix(3000, 0))
	require.NoError(t, broken.Push(context.Background(), to("1"), false))
	require.Contains(t, scrape(), `impactsync_last_run_exit_code{destination="1",instance="",job="impactsync"} 12`)
	require.Contains(t, scrape(), oldest("1"), "what was known stays")

	require.NoError(t, oneRun().Push(context.Background(), to("1"), true))
	require.NotContains(t, scrape(), oldest("1"), "nothing waits any more")
	require.Contains(t, scrape(), oldest("2"), "another destination is another group")
}

func TestPushFails(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.Error(t, oneRun().Push(ctx, telemetry.Gateway{URL: "http://127.0.0.1:1", Job: "impactsync", Destination: "1"}, true))
}
