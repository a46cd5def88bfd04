// Package progress shows how far a run is: by bars on a terminal, otherwise by a line
// in the log now and then.
package progress

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/mattn/go-runewidth"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// Bars are the bars of a run: one for what is read, or one for each host that is sent
// to. What is written to Bars appears above them. Without a terminal there are no bars,
// and writes go straight through.
type Bars struct {
	out   io.Writer
	alive func()        // called with every report
	all   *mpb.Progress // nil without a terminal

	mu   sync.Mutex
	open []*bar // of the phase under way

	closing chan struct{}
	drawer  sync.WaitGroup
}

type bar struct {
	*meter
	drawn *mpb.Bar // nil without a terminal
}

// New returns bars on a terminal, usually stderr. Every report of progress calls
// alive. The caller closes the bars.
func New(out io.Writer, terminal bool, alive func()) *Bars {
	b := &Bars{out: out, alive: alive, closing: make(chan struct{})}
	if terminal {
		redraw, over := make(chan any), make(chan any)
		b.all = mpb.New(mpb.WithOutput(out), mpb.WithWidth(80), mpb.WithManualRefresh(redraw), mpb.WithShutdownNotifier(over))
		b.drawer.Go(func() { b.draw(redraw, over) })
	}
	return b
}

// Interval is how often a line of progress is logged where there is no terminal: often
// enough that a pod does not look hung.
const Interval = 30 * time.Second

// Log logs how far the run is, every [Interval] until the bars are closed, if there is
// no terminal.
func (b *Bars) Log(log *slog.Logger) {
	if b.all != nil {
		return
	}
	b.drawer.Go(func() {
		clock := time.NewTicker(Interval)
		defer clock.Stop()
		for {
			select {
			case <-clock.C:
				b.tell(log)
			case <-b.closing:
				return
			}
		}
	})
}

// tell logs a line for everything that goes on.
func (b *Bars) tell(log *slog.Logger) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, one := range b.open {
		r := one.read()
		attrs := []any{"phase", one.phase, "what", one.what, "done", r.done}
		if r.total > 0 {
			attrs = append(attrs, "of", r.total)
		}
		attrs = append(attrs, "unit", one.unit, "rate", one.pace(r))
		if r.left > 0 {
			attrs = append(attrs, "eta", eta(r.left))
		}
		log.Info("progress", attrs...)
	}
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
	return impactsync.Progress{Start: b.start, Add: b.add, Done: b.done, Host: b.host}
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
	b.done()
	if unit != "requests" { // else its hosts follow
		b.begin(phase, what, total, unit)
	}
}

func (b *Bars) begin(phase, what string, total int64, unit string) *bar {
	one := &bar{meter: newMeter(phase, what, total, unit)}
	if b.all != nil {
		one.drawn = b.all.AddBar(total, mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Any(one.before)), mpb.AppendDecorators(decor.Any(one.after)))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open = append(b.open, one)
	return one
}

// before is what stands before a bar: with what follows it, it fits 80 columns.
func (o *bar) before(decor.Statistics) string {
	return fmt.Sprintf("%-4s %s %s ", o.phase, runewidth.Truncate(o.what, 20, "…"), o.amounts(o.read()))
}

func (o *bar) after(decor.Statistics) string {
	r := o.read()
	text := "  " + o.pace(r)
	if r.total > 0 {
		text = fmt.Sprintf(" %3d %%", 100*r.done/r.total) + text
	}
	if r.left > 0 {
		text += "  " + eta(r.left) + " left"
	}
	return text
}

func (b *Bars) add(n int64) {
	b.alive()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.open) != 1 || b.open[0].unit == "requests" || n == 0 { // hosts tell by themselves
		return
	}
	b.open[0].add(n)
	b.open[0].show()
}

func (b *Bars) host(name string, done, of int64, takes time.Duration) {
	b.alive()
	one := b.of(name)
	if one == nil {
		one = b.begin("send", name, of, "requests")
	}
	one.set(done, of, takes)
	one.show()
}

// of returns the bar of a host, or nil.
func (b *Bars) of(name string) *bar {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.IndexFunc(b.open, func(o *bar) bool { return o.what == name && o.unit == "requests" }); i >= 0 {
		return b.open[i]
	}
	return nil
}

// show moves the bar to where the meter is.
func (o *bar) show() {
	if o.drawn == nil {
		return
	}
	r := o.read()
	if r.total > 0 {
		o.drawn.SetTotal(max(r.total, r.done+1), false) // a full bar would go; it goes with its phase
	}
	o.drawn.SetCurrent(r.done)
}

func (b *Bars) done() {
	b.alive()
	b.mu.Lock()
	open := b.open
	b.open = nil
	b.mu.Unlock()
	for _, one := range open {
		if one.drawn != nil {
			one.drawn.Abort(true)
		}
	}
}
