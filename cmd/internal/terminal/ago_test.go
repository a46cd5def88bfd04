package terminal_test

import (
	"testing"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/terminal"
	"github.com/stretchr/testify/require"
)

func TestAgo(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 22, 0, 0, 0, time.UTC)
	for ago, want := range map[time.Duration]string{
		0: "0s ago", 119 * time.Second: "119s ago", 2 * time.Minute: "2m ago", 119 * time.Minute: "119m ago", 2 * time.Hour: "2h ago",
		47 * time.Hour: "47h ago", 48 * time.Hour: "2d ago", 30 * 24 * time.Hour: "30d ago", 31 * 24 * time.Hour: "2026-10-27",
		-90 * time.Second: "in 90s", -3 * time.Hour: "in 3h",
	} {
		require.Equal(t, want, terminal.Ago(now.Add(-ago), now))
	}
}
