package main

import (
	"bytes"
	"context"
	"io"
	"time"
)

// watching says whether a result is shown again, and how often.
type watching struct {
	on    bool
	every time.Duration
}

// again shows a result once, or until a signal comes if it is watched: on a terminal
// always in the same place, otherwise one after the other.
func (a *app) again(ctx context.Context, w watching, show func(context.Context) error) error {
	if !w.on || a.turn != nil { // all destinations are shown again together
		return show(ctx)
	}
	if w.every < 100*time.Millisecond {
		return usage("", "--every must be at least 100ms")
	}
	ctx, stop := withSignals(ctx)
	defer stop()
	if a.screen.Terminal {
		_, _ = io.WriteString(a.outFile, "\x1b[?1049h\x1b[?25l") // another screen, no cursor
		defer io.WriteString(a.outFile, "\x1b[?25h\x1b[?1049l")  //nolint:errcheck // the terminal is gone then
	}
	clock := time.NewTicker(w.every)
	defer clock.Stop()
	for {
		if err := a.redraw(func() error { return show(ctx) }); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-clock.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// redraw shows a result over the last one, as far as the terminal is high.
func (a *app) redraw(show func() error) error {
	if !a.screen.Terminal {
		return show()
	}
	a.screens() // its size may have changed
	var out bytes.Buffer
	whole := a.stdout
	a.stdout = a.screen.Writer(&out)
	err := show()
	a.stdout = whole
	if err != nil {
		return err
	}
	_, err = a.outFile.Write(a.screen.Frame(out.Bytes()))
	return err
}
