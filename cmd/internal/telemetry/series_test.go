package telemetry_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/telemetry"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/stretchr/testify/require"
)

// series returns the program's own series with their values.
func series(m *telemetry.Metrics) map[string]string {
	res := httptest.NewRecorder()
	m.Handler().ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	all := map[string]string{}
	for line := range strings.Lines(res.Body.String()) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && strings.HasPrefix(name, "impactsync_") {
			all[name] = value
		}
	}
	return all
}

func TestDueIsWhatTheLastRunLeft(t *testing.T) {
	t.Parallel()
	m := telemetry.NewMetrics("", "", "")
	c := state.Counts{Pending: 1, InFlight: 2, RetryLater: 3, Refused: 4, Unknown: 5, Held: 6}
	m.Ran(impactsync.Report{Run: 1, Traits: c, PageLoads: c, Conversions: c, HeldSuppressions: 7}, impactsync.ExitHeld, time.Unix(1, 0))
	got := series(m)
	for _, kind := range []string{"trait", "page_load", "conversion"} {
		for status, n := range map[string]int{"pending": 1, "in_flight": 2, "retry_later": 3, "refused": 4, "unknown": 5, "held": 6} {
			require.Equal(t, fmt.Sprint(n), got[fmt.Sprintf(`impactsync_due{kind="%s",status="%s"}`, kind, status)], "%s %s", kind, status)
		}
	}
	require.Equal(t, "7", got[`impactsync_due{kind="suppression",status="held"}`])
	require.Equal(t, "0", got["impactsync_last_success_timestamp_seconds"])

	m.Ran(impactsync.Report{Run: 2}, impactsync.ExitOK, time.Unix(2, 0))
	got = series(m)
	require.Equal(t, "0", got[`impactsync_due{kind="trait",status="held"}`], "it goes down again")
	require.Equal(t, "2", got["impactsync_last_success_timestamp_seconds"])

	m.Ran(impactsync.Report{}, impactsync.ExitUsage, time.Unix(3, 0)) // one that could not begin
	got = series(m)
	require.Equal(t, "3", got["impactsync_last_run_timestamp_seconds"])
	require.Equal(t, "2", got["impactsync_last_success_timestamp_seconds"])
	require.Equal(t, "64", got["impactsync_last_run_exit_code"])
}

func TestOnlyCountersOfAFixedSetHaveSeries(t *testing.T) {
	t.Parallel()
	m := telemetry.NewMetrics("", "", "")
	m.Ran(impactsync.Report{Run: 1, Counts: map[string]int64{"found": 3, "not_sent_of_any_name": 9}}, 0, time.Unix(1, 0))
	got := series(m)
	require.Equal(t, "3", got[`impactsync_changes_total{what="found"}`])
	require.Equal(t, "0", got[`impactsync_changes_total{what="rejected"}`], "each is there from the first run on")
	for name := range got {
		require.NotContains(t, name, "of_any_name")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestPlainReturnsErrors(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"plain", "od\u202ed"} {
		n, err := telemetry.Plain(full{}).Write([]byte(text))
		require.EqualError(t, err, "no space")
		require.Zero(t, n)
	}
}
