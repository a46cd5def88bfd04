package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"sync"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/cmd/internal/telemetry"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/daemon"
)

// exhibit is what a daemon shows of its runs: of one destination, or of each by its name.
type exhibit struct {
	mu      sync.Mutex
	metrics map[string]*telemetry.Metrics
	pulses  map[string]*daemon.Pulse // of the runs under way
}

// daemonConfig returns the configuration, or the first of several: schedule and time
// zone are those of all.
func (a *app) daemonConfig() (*config.Config, error) {
	all := a.several()
	if len(all) == 0 {
		return a.load()
	}
	if _, err := config.Load(a.config, os.LookupEnv); err != nil {
		return nil, badConfig(err)
	}
	return all[0].config, nil
}

// newExhibit begins with what the states say.
func (a *app) newExhibit(ctx context.Context, c *config.Config) *exhibit {
	w := &exhibit{metrics: map[string]*telemetry.Metrics{}, pulses: map[string]*daemon.Pulse{}}
	begin := func(of *app, c *config.Config) {
		if now := (ending{heard: true}); now.look(ctx, of) {
			now.fill(w.of(c))
		}
	}
	all := a.several()
	if len(all) == 0 {
		w.of(c)
		w.pulses[""] = &a.pulse
		begin(a, c)
	}
	for _, t := range all {
		begin(a.of(t), t.config)
	}
	return w
}

// of returns the metrics of a destination.
func (w *exhibit) of(c *config.Config) *telemetry.Metrics {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.metrics[c.Name] == nil {
		w.metrics[c.Name] = newMetrics(c)
	}
	return w.metrics[c.Name]
}

// beats has a pulse watched until the run is over.
func (w *exhibit) beats(name string, p *daemon.Pulse) (over func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pulses[name] = p
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.pulses, name)
	}
}

// check returns an error while a run hangs.
func (w *exhibit) check() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(w.pulses)) {
		err := w.pulses[name].Check()
		if err != nil && name != "" {
			err = fmt.Errorf("%s: %w", name, err)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// ServeHTTP serves the metrics: of several destinations with the label destination.
func (w *exhibit) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	all := slices.Collect(maps.Values(w.metrics))
	only := w.metrics[""]
	w.mu.Unlock()
	if only != nil && len(all) == 1 {
		only.Handler().ServeHTTP(out, r)
		return
	}
	telemetry.Handler(all...).ServeHTTP(out, r)
}

// round is what the schedule starts: a run of the destination, or of each.
func (a *app) round(ctx context.Context, n narrow, w *exhibit) error {
	all := a.several()
	if len(all) == 0 {
		c, err := a.any() // for its name
		if err != nil {
			c = &config.Config{Name: a.destination}
		}
		return a.scheduled(ctx, n, w.of(c))
	}
	a.pingStart(ctx, all[0].config)
	a.turns(ctx, all, func(own *app, ctx context.Context) error {
		defer w.beats(own.destination, &own.pulse)()
		return own.scheduled(ctx, n, w.of(own.turn.config))
	})
	codes := []int{impactsync.ExitOK}
	exits := []int{impactsync.ExitOK}
	for _, t := range all {
		code := impactsync.ExitCode(t.err)
		codes = append(codes, code)
		if code != impactsync.ExitUnfinished { // the next run goes on
			exits = append(exits, code)
		}
	}
	a.afterAll(ctx, all, "")
	a.tellAll(ctx, all, impactsync.FirstExit(exits...))
	if code := impactsync.FirstExit(codes...); code != impactsync.ExitOK {
		return &said{code: code}
	}
	return nil
}
