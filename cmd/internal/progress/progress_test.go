package progress_test

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

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
