// Package progress shows on a terminal how far a run is.
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

// Bars are the bars of a run, one at a time. What is written to Bars appears above
// them. Without a terminal there are no bars, and writes go straight through.
type Bars struct {
	out   io.Writer
	alive func()        // called with every report
	all   *mpb.Progress // nil without a terminal
	bar   *mpb.Bar
	last  time.Time

	closing chan struct{}
	drawer  sync.WaitGroup
}

// New returns bars on a terminal, usually stderr. Every report of progress calls
// alive. The caller closes the bars.
func New(out io.Writer, terminal bool, alive func()) *Bars {
	b := &Bars{out: out, alive: alive, closing: make(chan struct{})}
	if terminal {
		redraw, over := make(chan any), make(chan any)
		b.all = mpb.New(mpb.WithOutput(out), mpb.WithWidth(40), mpb.WithManualRefresh(redraw), mpb.WithShutdownNotifier(over))
		b.drawer.Go(func() { b.draw(redraw, over) })
	}
	return b
}

// draw redraws the bars by a clock of our own: mpb's stops without a last redraw,
// and the lines written since the previous one would be lost.
func (b *Bars) draw(redraw chan<- any, over <-chan any) {
	clock := time.NewTicker(150 * time.Millisecond)
	defer clock.Stop()
	once := func() {
		select {
		case redraw <- time.Now():
		case <-over:
		}
	}
	for {
		select {
		case <-clock.C:
			once()
		case <-b.closing:
			once()
			once() // taken only when the first one is being drawn
			return
		}
	}
}

// Progress returns what an engine reports to.
func (b *Bars) Progress() impactsync.Progress {
	return impactsync.Progress{Start: b.start, Add: b.add, Done: b.done}
}

// Write prints above the bars.
func (b *Bars) Write(p []byte) (int, error) {
	if b.all != nil {
		if n, err := b.all.Write(p); err == nil {
			return n, nil
		} // closed: the terminal is free again
	}
	return b.out.Write(p)
}

// Close removes the bars and waits until nothing more is drawn. It is called once.
func (b *Bars) Close() {
	b.done()
	close(b.closing)
	b.drawer.Wait()
	if b.all != nil {
		b.all.Shutdown()
	}
}

func (b *Bars) start(phase, what string, total int64, unit string) {
	b.alive()
	if b.all == nil {
		return
	}
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
	b.alive()
	if b.bar == nil || n == 0 {
		return
	}
	now := time.Now()
	b.bar.EwmaIncrInt64(n, now.Sub(b.last))
	b.last = now
}

func (b *Bars) done() {
	b.alive()
	if b.bar == nil {
		return
	}
	b.bar.Abort(true)
	b.bar = nil
}
