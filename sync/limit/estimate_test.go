package limit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

func TestTakes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	reset, remaining, none := now.Add(30*time.Minute), 100, 0
	for name, tt := range map[string]struct {
		told  state.HostStatus
		calls int64
		want  time.Duration
	}{
		"what fits into the hour goes at once": {state.HostStatus{}, 900, 0 * time.Second},
		"the rest as the hour rolls":           {state.HostStatus{}, 1800, 3600 * time.Second},
		"what was sent counts":                 {state.HostStatus{SentLastHour: 900}, 450, 1800 * time.Second},
		"impact.com's lower quota counts":      {state.HostStatus{Quota: 450}, 900, 3600 * time.Second},
		"what impact.com says is left counts":  {state.HostStatus{Remaining: &remaining, ResetAt: reset}, 1000, 3600 * time.Second},
		"a used up quota waits for its reset":  {state.HostStatus{Remaining: &none, ResetAt: reset}, 9, 1800 * time.Second},
		"quiet counts":                         {state.HostStatus{PausedUntil: reset}, 9, 1800 * time.Second},
		"nothing takes nothing":                {state.HostStatus{PausedUntil: reset}, 0, 0 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, Takes(tt.calls, Config{PerHour: 900}, tt.told, now))
		})
	}
	require.Equal(t, 40*time.Second, Takes(1000, Config{PerSecond: 100}, state.HostStatus{Pace: 25}, now), "the pace that it bore")
	require.Zero(t, Takes(1000, Config{}, state.HostStatus{}, now), "what nothing bounds takes no time")
}
