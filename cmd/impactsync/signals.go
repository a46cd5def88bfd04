package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	impactsync "github.com/impactsync/impactsync/sync"
)

// withSignals returns a context that SIGINT and SIGTERM cancel, each with its own
// cause. A second signal kills the process.
func withSignals(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			if s == os.Interrupt {
				cancel(impactsync.ErrInterrupted)
			} else {
				cancel(impactsync.ErrTerminated)
			}
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}
