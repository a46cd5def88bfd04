package progress_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/progress"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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

func TestWithoutATerminalThereAreNoBars(t *testing.T) {
	t.Parallel()
	var out output
	reports := 0
	b := progress.New(&out, false, func() { reports++ })
	p := b.Progress()
	p.Start("read", "web", 1000, "bytes")
	p.Add(400)
	p.Done()
	fmt.Fprint(b, "a log line\n")
	require.Equal(t, 3, reports)
	b.Close()
	require.Equal(t, "a log line\n", out.text.String())
}

func TestBarsEndWithTheirPhases(t *testing.T) {
	t.Parallel()
	var out output
	b := progress.New(&out, true, func() {})
	p := b.Progress()
	p.Start("read", "web", 1000, "bytes")
	p.Add(400)
	fmt.Fprint(b, "a log line\n")
	p.Start("diff", "vip", -1, "people") // a phase that broke off
	p.Add(3)
	p.Done()
	p.Start("send", "to impact.com", 0, "requests")
	p.Done()
	p.Add(1) // of no phase
	fmt.Fprint(b, "the last line\n")
	b.Close()
	fmt.Fprint(b, "afterwards\n")
	require.Contains(t, out.text.String(), "a log line\n")
	require.Contains(t, out.text.String(), "the last line\n")
	require.Contains(t, out.text.String(), "afterwards\n")
}

// visible returns a terminal's text without the sequences that move the cursor.
func visible(text string) string {
	return regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`).ReplaceAllString(text, "")
}

func TestABarShowsItsPhaseAndHowFarItIs(t *testing.T) {
	t.Parallel()
	for unit, want := range map[string]string{"people": "diff vip 3 / 10", "bytes": "diff vip 3 B / 10 B"} {
		t.Run(unit, func(t *testing.T) {
			t.Parallel()
			var out output
			b := progress.New(&out, true, func() {})
			p := b.Progress()
			p.Start("diff", "vip", 10, unit)
			p.Add(3)
			require.Eventually(t, func() bool { return strings.Contains(visible(out.String()), want) }, 10*time.Second, 10*time.Millisecond)
			require.Contains(t, visible(out.String()), "30 %")
			p.Done()
			b.Close()
		})
	}
}

func TestEachHostHasABarWithItsOwnTime(t *testing.T) {
	t.Parallel()
	var out output
	b := progress.New(&out, true, func() {})
	p := b.Progress()
	p.Start("send", "to impact.com", 300, "requests")
	p.Host("tracking", 0, 1000, 10*time.Second)
	p.Host("api", 0, 2000, 80*time.Minute)
	p.Host("tracking", 250, 1000, 7500*time.Millisecond)
	require.Eventually(t, func() bool {
		shown := visible(out.String())
		return strings.Contains(shown, "send tracking 250 / 1,000") && strings.Contains(shown, "25 %") && strings.Contains(shown, "7s left") &&
			strings.Contains(shown, "send api 0 / 2,000") && strings.Contains(shown, "1h20m left")
	}, 10*time.Second, 10*time.Millisecond)
	p.Done()
	b.Close()
}

func TestWithoutATerminalTheLogTellsHowFarItIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out output
		b := progress.New(&out, false, func() {})
		b.Log(slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})))
		p := b.Progress()
		p.Start("read", "web", 300<<20, "bytes")
		time.Sleep(time.Second / 2) // so that no report comes together with a line
		for range 100 {
			time.Sleep(time.Second)
			p.Add(1 << 20)
		}
		p.Start("send", "to impact.com", 11900, "requests")
		p.Host("tracking", 0, 10000, 100*time.Second) // 100 a second
		p.Host("api", 0, 1900, 66*time.Minute)        // 900 at once, and then as the hour rolls
		for i := range 40 {
			time.Sleep(time.Second)
			p.Host("tracking", int64(i+1)*50, 10000, time.Duration(100-i)*time.Second) // it answers more slowly
			p.Host("api", min(900, int64(i+1)*300), 1900, 66*time.Minute-time.Duration(i)*time.Second)
		}
		p.Done()
		time.Sleep(5 * time.Minute) // of no phase
		b.Close()
		require.Equal(t, `level=INFO msg=progress phase=read what=web done=30408704 of=314572800 unit=bytes rate="990 KiB/s" eta=4m40s
level=INFO msg=progress phase=read what=web done=61865984 of=314572800 unit=bytes rate="1008 KiB/s" eta=4m5s
level=INFO msg=progress phase=read what=web done=93323264 of=314572800 unit=bytes rate="1008 KiB/s" eta=3m34s
level=INFO msg=progress phase=send what=tracking done=950 of=10000 unit=requests rate=48/s eta=3m6s
level=INFO msg=progress phase=send what=api done=900 of=1900 unit=requests rate=46/s eta=1h6m
`, out.String())
	})
}

func TestManyLinesBeforeTheEndAllAppear(t *testing.T) {
	t.Parallel()
	var out output
	b := progress.New(&out, true, func() {})
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := range 50 {
				fmt.Fprintf(b, "line %d of %d\n", i, w)
			}
		})
	}
	writers.Wait()
	b.Close()
	for w := range 4 {
		for i := range 50 {
			require.Contains(t, out.String(), fmt.Sprintf("line %d of %d\n", i, w))
		}
	}
}
