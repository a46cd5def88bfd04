package telemetry_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/telemetry"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/stretchr/testify/require"
)

func TestLogsAreTextForPeopleAndJSONForCollectors(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	telemetry.Logger(&b, true, slog.LevelInfo).Info("hello", "trait", "vip")
	require.Regexp(t, `^time=\d\d:\d\d:\d\d level=INFO msg=hello trait=vip\n$`, b.String())
	b.Reset()
	telemetry.Logger(&b, false, slog.LevelInfo).Info("hello", "trait", "vip")
	require.Regexp(t, `^\{"time":"20.*","level":"INFO","msg":"hello","trait":"vip"\}\n$`, b.String())
}

func TestMetricsTellOfRuns(t *testing.T) {
	t.Parallel()
	m := telemetry.NewMetrics("v1", "abc", "1")
	m.Ran(impactsync.Report{}, impactsync.ExitLocked, time.Unix(1000, 0)) // one that could not begin
	report := impactsync.Report{Run: 1, Seconds: 2.5, Counts: map[string]int64{"delivered": 7, "refused": 1}, Traits: state.Counts{Refused: 1, Held: 3}}
	m.Ran(report, impactsync.ExitHeld, time.Unix(2000, 0))
	m.Ran(report, impactsync.ExitOK, time.Unix(3000, 0))

	res := httptest.NewRecorder()
	m.Handler().ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	text := res.Body.String()
	for _, line := range []string{
		`impactsync_build_info{revision="abc",version="v1"} 1`,
		`impactsync_runs_total{exit_code="0"} 1`,
		`impactsync_runs_total{exit_code="10"} 1`,
		`impactsync_runs_total{exit_code="5"} 1`,
		`impactsync_changes_total{what="delivered"} 14`,
		`impactsync_due{kind="trait",status="held"} 3`,
		`impactsync_due{kind="conversion",status="pending"} 0`,
		`impactsync_last_run_duration_seconds 2.5`,
		`impactsync_last_run_exit_code 0`,
		`impactsync_last_success_timestamp_seconds 3000`,
		`go_goroutines`,
	} {
		require.Contains(t, text, line)
	}
}
