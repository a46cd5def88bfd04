package sync

import (
	"context"
	"errors"
	"fmt"

	"github.com/impactsync/impactsync/state"
)

// breaker opens after so many failures of one host in a row: nothing goes there
// any more in this run. What the other host answers does not count.
type breaker struct {
	most     int
	failures int    // in a row
	alive    bool   // it answered something that is no failure, in this run
	last     string // failure
	err      error
}

// breakAt is the number of failures in a row that opens a breaker.
func breakAt(workers int) int { return max(100, 4*workers) }

// watch looks at an outcome for what it says of the host.
func (h *hostLimit) watch(o *state.Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b, host := &h.breaker, h.quota.Host
	switch {
	case o.Throttled: // the host lives: it is no sign of a breakdown
		b.alive = true
	case o.Result == state.RetryLater, o.Result == state.Unknown:
		b.last = o.Error
		if b.failures++; b.failures >= b.most && b.err == nil {
			b.err = fmt.Errorf("%w (%d) at the %s host (%sURL): the last one: %s; everything stays pending there", ErrBreaker, b.failures, host, host, o.Error)
		}
	case o.Requests > 0 && (o.Result == state.Delivered || o.Result == state.Refused): // and not by our own rules
		b.failures, b.alive = 0, true
	}
}

// broken says why nothing goes to a host any more in this run, or nil.
func (h *hostLimit) broken() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.breaker.err
}

// down is the error of a host that nothing got through to in this run, although
// too little was tried to open its breaker; nil where nothing is due there.
func (h *hostLimit) down(due int64) error {
	if !h.failedAll() || due == 0 {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	b, host := &h.breaker, h.quota.Host
	return fmt.Errorf("%w (%d) at the %s host (%sURL): the last one: %s; %d still due there", ErrHostDown, b.failures, host, host, b.last, due)
}

func (h *hostLimit) failedAll() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.breaker.failures > 0 && !h.breaker.alive && h.breaker.err == nil
}

// hostsDown names the hosts that nothing got through to. A run that was told to
// stop cut its requests off itself.
func (p *pass) hostsDown(ctx context.Context) error {
	if ended(ctx) || !p.limits.tracking.failedAll() && !p.limits.api.failedAll() {
		return nil
	}
	traits, pageLoads, conversions, err := p.State.Due(ctx)
	if err != nil {
		return err
	}
	return errors.Join(p.limits.tracking.down(traits.Open()+pageLoads.Open()), p.limits.api.down(conversions.Open()))
}

func ended(ctx context.Context) bool { return ctx.Err() != nil }

func (l limits) broken() error { return errors.Join(l.tracking.broken(), l.api.broken()) }
