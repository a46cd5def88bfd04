package sync

import (
	"context"
	"errors"
	"fmt"

	"github.com/impactsync/impactsync/state"
)

// breaker stops a host: nothing goes there any more in this run. What the other
// host answers does not count.
//
// Failures are one thing: no answer, 5xx. Odd answers are another: a 404, a
// redirect, a 200 that says ERROR. They may be about one delivery, which must not
// hold the others up, or about all, when the base is wrong. So after some of either
// in a row, of different deliveries, the host is probed with those that were not
// tried before, from the other end of the queue: if it takes one, all goes on.
type breaker struct {
	most     int
	failures int    // in a row
	alive    bool   // it answered something that is no failure, in this run
	last     string // failure
	err      error

	odd      map[int64]bool // deliveries that were answered oddly, in a row
	took     bool           // it took or refused one in this run
	good     bool           // and lately: an odd answer is about its delivery alone
	spared   bool           // it did in this run, and nothing is left that odd answers hold up
	probing  bool
	probes   int // claimed
	unprobed int // of them failed
}

// How many odd answers in a row make a host suspect, and how many others it then
// has to fail before it is stopped.
const (
	mostOdd    = 8
	mostProbes = 5
	// fewOdd are enough where nothing else is due; fewer say nothing of a host.
	fewOdd = 3
)

// breakAt is the number of failures in a row that makes a host suspect.
func breakAt(workers int) int { return max(100, 4*workers) }

// watch looks at an outcome for what it says of the host.
func (h *hostLimit) watch(o *state.Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := &h.breaker
	answered := o.Requests > 0 && !o.Odd && (o.Result == state.Delivered || o.Result == state.Refused) // and not by our own rules
	failed := o.Odd || o.Result == state.RetryLater || o.Result == state.Unknown
	switch {
	case o.Throttled: // the host lives: it is no sign of a breakdown
		b.alive, failed = true, false
	case answered:
		b.failures, b.alive, b.took, b.good, b.spared, b.probing = 0, true, true, true, false, false
		clear(b.odd)
		return
	case o.Odd:
		b.last = o.Error
		if b.odd == nil {
			b.odd = map[int64]bool{}
		}
		b.odd[deliveryKey(&o.Claim)] = true
		if len(b.odd) >= mostOdd && !b.spared {
			b.good = false
			b.suspect()
		}
	case failed:
		b.last = o.Error
		if b.failures++; b.failures >= b.most {
			b.suspect()
		}
	}
	switch {
	case !o.Claim.Probe || !b.probing:
	case !failed:
		b.probes-- // it says nothing
	default:
		if b.unprobed++; b.unprobed >= mostProbes {
			h.trip()
		}
	}
}

// deliveryKey tells deliveries apart.
func deliveryKey(c *state.Claim) int64 {
	if c.Kind == state.TraitUpdate {
		return -c.Profile
	}
	return c.Delivery
}

func (b *breaker) suspect() {
	if !b.probing && b.err == nil {
		b.probing, b.probes, b.unprobed = true, 0, 0
	}
}

// trip stops the host.
func (h *hostLimit) trip() {
	b, host := &h.breaker, h.quota.Host
	if b.failures >= b.most {
		b.err = fmt.Errorf("%w (%d) at the %s host (%sURL): the last one: %s; everything stays pending there", ErrBreaker, b.failures, host, host, b.last)
		return
	}
	b.err = fmt.Errorf("%s: check trackingURL and apiURL: a wrong base answers so; the %s host (%sURL) answered %d different deliveries in a row so; nothing was marked refused",
		b.last, host, host, len(b.odd))
}

// exhausted is for a host of which nothing can be claimed and no answer is
// awaited: who is still under suspicion is stopped, unless it took others in this
// run, since then nothing is left that is held up, or there were too few to tell.
func (h *hostLimit) exhausted() {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := &h.breaker
	switch {
	case b.err != nil || !b.probing && (b.good || b.spared || len(b.odd) == 0):
	case b.failures < b.most && (b.took || len(b.odd) < fewOdd):
		b.spared, b.probing = true, false
	default:
		h.trip()
	}
}

// probing reports whether the host is suspect.
func (h *hostLimit) probing() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.breaker.probing
}

// decided reports whether it is known what an odd answer of the host means:
// something of the delivery, or of the host, which is stopped; sure that it is
// not of all deliveries while others are taken.
func (h *hostLimit) decided() (known, stopped, sure bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := &h.breaker
	return b.err != nil || b.good || b.spared, b.err != nil, b.good
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
