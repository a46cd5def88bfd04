// Package progress shows how far a run is, on a terminal only.
package progress

import (
	"fmt"
	"io"
	"sync"
	"time"

	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// Bars are the bars of a run, one at a time. What is written to them appears
// above. Without a terminal there are none, and writes go straight through.
type Bars struct {
	out  io.Writer
	all  *mpb.Progress // nil without a terminal
	bar  *mpb.Bar
	last time.Time

	mu sync.Mutex // of writes without a terminal
}

// New makes bars on a terminal, usually stderr. Close them.
func New(out io.Writer, terminal bool) *Bars {
	b := &Bars{out: out}
	if terminal {
		b.all = mpb.New(mpb.WithOutput(out), mpb.WithWidth(40), mpb.WithAutoRefresh(), mpb.WithRefreshRate(150*time.Millisecond))
	}
	return b
}

// Progress is what an engine reports to.
func (b *Bars) Progress() impactsync.Progress {
	if b.all == nil {
		return impactsync.Progress{}
	}
	return impactsync.Progress{Start: b.start, Add: b.add, Done: b.done}
}

// Write prints above the bars.
func (b *Bars) Write(p []byte) (int, error) {
	if b.all != nil {
		if n, err := b.all.Write(p); err == nil {
			return n, nil
		} // closed: the terminal is free again
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.Write(p)
}

// Close ends the bars and waits until the terminal is theirs no more.
func (b *Bars) Close() {
	if b.all != nil {
		b.done()
		b.all.Shutdown()
	}
}

func (b *Bars) start(phase, what string, total int64, unit string) {
	b.done()
	b.last = time.Now()
	counters, rate := decor.CountersNoUnit("%d / %d"), decor.EwmaSpeed(0, "%.0f "+unit+"/s", 30)
	if unit == "bytes" {
		counters, rate = decor.CountersKibiByte("% .1f / % .1f"), decor.EwmaSpeed(decor.SizeB1024(0), "% .1f", 30)
	}
	b.bar = b.all.AddBar(total, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(fmt.Sprintf("%-4s %s ", phase, what)), counters),
		mpb.AppendDecorators(decor.Percentage(decor.WC{W: 5}), decor.Name("  "), rate, decor.Name("  "), decor.EwmaETA(decor.ET_STYLE_GO, 30), decor.Name(" left")))
}

func (b *Bars) add(n int64) {
	if b.bar == nil {
		return
	}
	now := time.Now()
	b.bar.EwmaIncrInt64(n, now.Sub(b.last))
	b.last = now
}

func (b *Bars) done() {
	if b.bar == nil {
		return
	}
	b.bar.Abort(true)
	b.bar = nil
}
