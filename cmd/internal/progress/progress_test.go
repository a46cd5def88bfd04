package progress_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
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
	for unit, want := range map[string]string{"people": "diff vip 3 / 10", "bytes": "diff vip 3.0 b / 10.0 b"} {
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
