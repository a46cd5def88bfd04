package sync

import (
	"context"
	"errors"
	"time"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/limit"
)

// Rates are the configured bounds of the requests to both hosts.
type Rates struct {
	PageLoadsPerSecond float64 // 0 means none
	ConversionsPerHour int     // 0 means none
}

func (r Rates) of(host string) limit.Config {
	if host == state.HostAPI {
		return limit.Config{Host: host, PerHour: r.ConversionsPerHour, AskFirst: true} // this host has a quota
	}
	return limit.Config{Host: host, PerSecond: r.PageLoadsPerSecond}
}

// Seconds is a time for each host.
type Seconds struct {
	TrackingHost float64 `json:"tracking_host"`
	APIHost      float64 `json:"api_host"`
}

// Take returns how long this many requests take at least, by the rates and by what
// the hosts said last; 0 where nothing bounds them.
func (r Rates) Take(hosts []state.HostStatus, tracking, api int64, now time.Time) (s Seconds) {
	for _, h := range hosts {
		if h.Host == state.HostAPI {
			s.APIHost = limit.Takes(api, r.of(h.Host), h, now).Seconds()
		} else {
			s.TrackingHost = limit.Takes(tracking, r.of(h.Host), h, now).Seconds()
		}
	}
	return s
}

// limits are the limiters of the two hosts.
type limits struct{ tracking, api *limit.Host }

func (p *pass) newLimits(ctx context.Context) (l limits, err error) {
	open := func(host string) (*limit.Host, error) {
		c := p.Rates.of(host)
		c.State, c.Now, c.Failures = p.State, p.now, max(100, 4*p.Workers)
		return limit.New(ctx, c)
	}
	if l.tracking, err = open(state.HostTracking); err != nil {
		return l, err
	}
	l.api, err = open(state.HostAPI)
	return l, err
}

func (l limits) of(host string) *limit.Host {
	if host == state.HostAPI {
		return l.api
	}
	return l.tracking
}

func (l limits) sync(ctx context.Context, every time.Duration) error {
	return errors.Join(l.tracking.Sync(ctx, every), l.api.Sync(ctx, every))
}

// hostDue is what could be sent to a host.
type hostDue struct{ pending, open int64 }

func (p *pass) dueAt(ctx context.Context) (map[string]hostDue, error) {
	traits, pageLoads, conversions, err := p.State.Due(ctx)
	if err != nil {
		return nil, err
	}
	elsewhere, err := p.byFile(ctx)
	return map[string]hostDue{
		state.HostTracking: {traits.Pending + pageLoads.Pending, traits.Open() + pageLoads.Open()},
		state.HostAPI:      {conversions.Pending - elsewhere.pending, conversions.Open() - elsewhere.open},
	}, err
}

// byFile counts the conversions that are not the API's to take.
func (p *pass) byFile(ctx context.Context) (hostDue, error) {
	roads, err := p.State.Roads(ctx)
	if err != nil {
		return hostDue{}, err
	}
	due := hostDue{open: roads.InFiles + roads.Unknown}
	if p.Files.Route == ByFile {
		due = hostDue{roads.Undecided, due.open + roads.Undecided}
	}
	return due, nil
}

// hostsDown returns why a host was stopped, or why nothing got through to it. If
// the run was told to stop, it ended its requests itself.
func (p *pass) hostsDown(ctx context.Context) error {
	due := map[string]hostDue{}
	if ctx.Err() == nil {
		var err error
		if due, err = p.dueAt(ctx); err != nil {
			return err
		}
	}
	return errors.Join(p.limits.tracking.Err(due[state.HostTracking].open), p.limits.api.Err(due[state.HostAPI].open))
}
