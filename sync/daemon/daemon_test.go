package daemon_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/impactsync/impactsync/sync/daemon"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// output is a log that several goroutines write.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// start runs a daemon for a time of the test's bubble and gives its log.
func start(t *testing.T, c daemon.Config, during time.Duration) string {
	t.Helper()
	var out output
	c.Log = slog.New(slog.NewTextHandler(&out, nil))
	d, err := daemon.New(c)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeoutCause(t.Context(), during, errors.New("the test ends"))
	defer cancel()
	d.Run(ctx)
	return out.String()
}

func TestRunsOncePerTick(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		start(t, daemon.Config{Schedule: "0 */2 * * *", Run: func(context.Context) error { runs.Add(1); return nil }}, 9*time.Hour)
		require.EqualValues(t, 4, runs.Load())
	})
}

func TestSkipsATickWhileItRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		log := start(t, daemon.Config{Schedule: "@every 1h", Run: func(ctx context.Context) error {
			runs.Add(1)
			wait(ctx, 150*time.Minute)
			return nil
		}}, 5*time.Hour+time.Minute)
		require.EqualValues(t, 2, runs.Load())
		require.Contains(t, log, "a tick is skipped")
	})
}

func TestGoesOnAfterErrorsAndPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		log := start(t, daemon.Config{Schedule: "@every 1h", Run: func(context.Context) error {
			if runs.Add(1) == 1 {
				panic("boom")
			}
			return errors.New("no luck")
		}}, 3*time.Hour+time.Minute)
		require.EqualValues(t, 3, runs.Load())
		require.Contains(t, log, "boom")
		require.Contains(t, log, "no luck")
	})
}

func TestStopsInGoodOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("asked to stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		settled := false
		d, err := daemon.New(daemon.Config{Schedule: "@every 1h", Log: slog.New(slog.DiscardHandler), Run: func(ctx context.Context) error {
			cancel(why) // the signal comes while it runs
			<-ctx.Done()
			require.ErrorIs(t, context.Cause(ctx), why)
			wait(context.WithoutCancel(ctx), time.Minute)
			settled = true
			return nil
		}})
		require.NoError(t, err)
		d.Run(ctx)
		require.True(t, settled, "the run under way came to its end")
	})
}

func TestKeepsToItsZone(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	d, err := daemon.New(daemon.Config{Schedule: "30 6 * * *", Location: berlin, Run: func(context.Context) error { return nil }, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.Equal(t, time.Date(2026, 7, 1, 4, 30, 0, 0, time.UTC), d.Next(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)).UTC())
	require.Equal(t, time.Date(2026, 12, 1, 5, 30, 0, 0, time.UTC), d.Next(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)).UTC())
}

func TestRefusesABadSchedule(t *testing.T) {
	t.Parallel()
	_, err := daemon.New(daemon.Config{Schedule: "now and then", Run: func(context.Context) error { return nil }, Log: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, `schedule "now and then"`)
	_, err = daemon.New(daemon.Config{Schedule: "@hourly"})
	require.ErrorContains(t, err, "required")
}

func TestParseSchedule(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0 */2 * * *": "", "@hourly": "", "@every 1s": "", "0 0 29 2 *": "", "CRON_TZ=Europe/Berlin 0 6 * * *": "", "TZ=UTC @every 2h": "",
		"CRON_TZ=UTC": "it has a time zone and no times", "TZ=0": "it has a time zone and no times", "TZ=": "it has a time zone and no times",
		"@every 0s": "@every needs 1s or more", "@every -1h": "@every needs 1s or more", "TZ=UTC @every 1ms": "@every needs 1s or more",
		"0 0 30 2 *": "such a date does not come within five years", "0 0 31 4,6,9,11 *": "such a date does not come within five years",
		"": "empty spec string", "TZ=Nowhere 0 6 * * *": "provided bad location", "* * * *": "expected exactly 5 fields",
	} {
		_, err := daemon.ParseSchedule(text)
		if want == "" {
			require.NoError(t, err, text)
			continue
		}
		require.ErrorContains(t, err, want, text)
	}
}

func FuzzParseSchedule(f *testing.F) {
	for _, text := range []string{"0 */2 * * *", "@every 2h", "CRON_TZ=UTC", "TZ= @daily"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := daemon.ParseSchedule(text); err == nil {
			require.False(t, s.Next(time.Now()).IsZero())
		}
	})
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
