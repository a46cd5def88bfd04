package daemon_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/impactsync/impactsync/sync/daemon"
	"github.com/stretchr/testify/require"
)

func TestPulse(t *testing.T) {
	t.Parallel()

	t.Run("a run without a deadline may take its time, but not in silence", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var p daemon.Pulse
			require.NoError(t, p.Check(), "nothing runs yet")
			time.Sleep(5 * time.Hour)
			p.Begin(0)
			for range 30 {
				require.NoError(t, p.Check())
				time.Sleep(20 * time.Minute)
				p.Beat()
			}
			time.Sleep(31 * time.Minute)
			require.ErrorContains(t, p.Check(), "no sign of life for 31m0s; restart the daemon")
			p.Beat()
			require.NoError(t, p.Check(), "it goes on after all")
			time.Sleep(time.Hour)
			p.End()
			require.NoError(t, p.Check())
		})
	})

	t.Run("past its deadline a run ends soon", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var p daemon.Pulse
			p.Begin(time.Minute)
			time.Sleep(2*time.Minute + 50*time.Second)
			require.NoError(t, p.Check(), "answers under way are waited for")
			time.Sleep(20 * time.Second)
			require.ErrorContains(t, p.Check(), "its deadline passed 2m10s ago")
			p.Beat()
			require.NoError(t, p.Check())
			p.Begin(0)
			time.Sleep(10 * time.Minute)
			require.NoError(t, p.Check(), "the next run has none")
		})
	})
}
