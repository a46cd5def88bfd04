package daemon_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/impactsync/impactsync/sync/daemon"
	"github.com/stretchr/testify/require"
)

func TestPlansAgainWhenTheClockWasSet(t *testing.T) {
	t.Parallel()
	for _, by := range []time.Duration{-26 * time.Hour, 3 * time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var runs, atOnce atomic.Int64
				var out bytes.Buffer
				d, err := daemon.New(daemon.Config{Schedule: "@every 1h", Log: slog.New(slog.NewTextHandler(&out, nil)), Run: func(ctx context.Context) error {
					require.EqualValues(t, 1, atOnce.Add(1), "never two at once")
					runs.Add(1)
					wait(ctx, 90*time.Minute)
					atOnce.Add(-1)
					return nil
				}})
				require.NoError(t, err)
				began := time.Now()
				d.SetNow(func() time.Time {
					if now := time.Now(); now.Sub(began) < 80*time.Minute { // in the middle of a run
						return now
					}
					return time.Now().Add(by)
				})
				ctx, cancel := context.WithTimeoutCause(t.Context(), 4*time.Hour, errors.New("the test ends"))
				defer cancel()
				d.Run(ctx)
				require.EqualValues(t, 2, runs.Load(), "from 1:00 to 2:30, and from 3:20")
				require.Contains(t, out.String(), `msg="the clock was set" by=`+by.String())
				require.Contains(t, out.String(), "a tick is skipped")
			})
		})
	}
}
