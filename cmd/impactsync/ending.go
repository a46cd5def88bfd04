package main

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"sync"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/cmd/internal/telemetry"
	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
)

// ending is how a run ended, and what the state says after it.
type ending struct {
	report   impactsync.Report // empty if the run could not begin
	err      error             // its outcome
	exit     int               // of the program; --exit-zero-on may have changed it
	narrowed bool              // the run was of some people, traits or sources
	reading  bool              // it only read impact.com's actions: pings and webhooks are about runs

	config  *config.Config
	at      time.Time
	heard   bool           // metrics, a webhook or a ping want to know of it
	known   bool           // whether the state could be read; then:
	notices []state.Notice // what webhooks were told so far
	status  state.Status   // this and the next, if it is heard
	counts  state.Measures
}

// look looks at the state after a run. It returns false if not even the configuration
// says where that is.
func (e *ending) look(ctx context.Context, a *app) bool {
	var err error
	if e.config, err = a.look(); err != nil {
		return false
	}
	e.at = time.Now()
	e.heard = e.heard || a.metricsFile != "" || e.config.Metrics.File != "" || e.config.Metrics.Push.URL != "" || e.config.Notify.Ping != "" || len(e.config.Notify.Webhooks) > 0
	err = a.opened(ctx, e.config, state.Options{ReadOnly: true}, e.read(ctx))
	if e.known = err == nil; err != nil && e.heard && !errors.Is(err, state.ErrMissing) {
		a.log.Warn("metrics and notices go without what the state says", "error", err)
	}
	return true
}

func (e *ending) read(ctx context.Context) func(*state.DB) error {
	return func(db *state.DB) (err error) {
		if e.notices, err = db.Notices(ctx); err != nil || !e.heard {
			return err
		}
		if e.status, err = db.Status(ctx, 1); err != nil {
			return err
		}
		e.counts, err = db.Measures(ctx)
		return err
	}
}

// destination names where the configuration sends to, for people and for labels: by its
// name, else impact.com's program, and the host if that is not impact.com's own.
func destination(c *config.Config) string {
	d := c.Destination
	if c.Name != "" {
		return c.Name
	}
	if u, err := url.Parse(d.TrackingURL); err == nil && !impactapi.Official(d.TrackingURL) {
		return d.CampaignID + "@" + u.Hostname()
	}
	return d.CampaignID
}

// mostTelling is how long metrics and notices may take after a run, in all.
const mostTelling = 30 * time.Second

// tell tells how a run ended, with a daemon's metrics, or with nil those of this one
// run. It outlives what cancelled the run. What goes wrong is logged: no run fails for it.
func (a *app) tell(ctx context.Context, m *telemetry.Metrics, e *ending) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mostTelling)
	defer cancel()
	e.heard = m != nil
	if !e.look(ctx, a) {
		return
	}
	if !e.heard {
		if e.reading {
			return
		}
		a.notify(ctx, e) // which forgets what webhooks were told that are gone
		return
	}
	if m == nil {
		m = newMetrics(e.config)
		m.Ended(e.report, impactsync.ExitCode(e.err), e.at)
		m.Totals(e.counts)
	}
	m.Phases(a.phases.Took(), e.report.Seconds)
	e.fill(m)
	var telling sync.WaitGroup // one that is slow takes no time from the others
	telling.Go(func() { a.publish(ctx, m, e) })
	if !e.reading {
		telling.Go(func() { a.pingEnd(ctx, e) })
		telling.Go(func() { a.notify(ctx, e) })
	}
	telling.Wait()
}

func newMetrics(c *config.Config) *telemetry.Metrics {
	name, rev := build()
	return telemetry.NewMetrics(name, rev, destination(c))
}

// fill records what the state says.
func (e *ending) fill(m *telemetry.Metrics) {
	if e.known {
		m.State(e.status, e.counts)
		path := e.config.State.Path
		m.Size(sizeOf(path), sizeOf(path+"-wal"))
	}
}

// publish writes metrics to the file and the gateway that there are.
func (a *app) publish(ctx context.Context, m *telemetry.Metrics, e *ending) {
	if file := cmp.Or(a.metricsFile, e.config.Metrics.File); a.turn != nil {
		a.turn.metrics = m // one file has all
	} else if file != "" {
		if err := m.WriteFile(file); err != nil {
			a.log.Warn("the metrics were not written", "error", ofFile(file, err))
		}
	}
	p := e.config.Metrics.Push
	if p.URL == "" {
		return
	}
	gateway := telemetry.Gateway{URL: p.URL, Job: p.Job, Username: p.Username, Password: string(p.Password), Destination: destination(e.config)}
	if err := m.Push(ctx, gateway, e.known); err != nil {
		a.log.Warn("the metrics were not pushed", "error", err)
	}
}
