package sync

import (
	"errors"
	"fmt"

	"github.com/impactsync/impactsync/state"
)

// breaker opens after so many failures of one host in a row: nothing goes there
// any more in this run. What the other host answers does not count.
type breaker struct {
	most     int
	failures int // in a row
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
	case o.Result == state.RetryLater, o.Result == state.Unknown:
		if b.failures++; b.failures >= b.most && b.err == nil {
			b.err = fmt.Errorf("%w (%d) at the %s host (%sURL): the last one: %s; everything stays pending there", ErrBreaker, b.failures, host, host, o.Error)
		}
	case o.Requests > 0 && (o.Result == state.Delivered || o.Result == state.Refused): // and not by our own rules
		b.failures = 0
	}
}

// broken says why nothing goes to a host any more in this run, or nil.
func (h *hostLimit) broken() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.breaker.err
}

func (l limits) broken() error { return errors.Join(l.tracking.broken(), l.api.broken()) }
