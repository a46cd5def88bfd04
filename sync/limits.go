package sync

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
)

// limits are the limiters of the two hosts.
type limits struct{ tracking, api *hostLimit }

func (p *pass) newLimits(ctx context.Context) (l limits, err error) {
	if l.tracking, err = p.newHostLimit(ctx, state.HostTracking); err != nil {
		return l, err
	}
	l.api, err = p.newHostLimit(ctx, state.HostAPI)
	return l, err
}

func (l limits) of(host string) *hostLimit {
	if host == state.HostAPI {
		return l.api
	}
	return l.tracking
}

// save keeps what the hosts said, for the next process.
func (l limits) save(ctx context.Context) error {
	return errors.Join(l.tracking.save(ctx, 0), l.api.save(ctx, 0))
}

// hostLimit is the one limiter of a host, for all workers and for look-ups.
// Four things bound it: a pace, our own number of requests per hour, the quota
// that the host's answers tell, and its wish for quiet. What must be refused is
// not sent. It is safe for concurrent use.
type hostLimit struct {
	state *state.DB
	now   func() time.Time
	hour  int // our own requests per rolling hour; 0 means any number

	mu      sync.Mutex
	pace    pace
	quota   state.Quota
	met     bool // else one request goes alone, to find out what the host says
	open    int  // claimed and not settled
	sent    int64
	frees   time.Time // when the oldest of sent are an hour old
	counted time.Time
	calm    time.Duration // the quiet after a 429 that asks for none
	changed bool
	saved   time.Time
	breaker breaker
}

const noLimit = 1 << 30

// newHostLimit goes on where an earlier process left.
func (p *pass) newHostLimit(ctx context.Context, host string) (*hostLimit, error) {
	h := &hostLimit{state: p.State, now: p.now, calm: leastCalm, met: true, breaker: breaker{most: breakAt(p.Workers)}}
	var err error
	if h.quota, err = p.State.Quota(ctx, host); err != nil {
		return nil, fmt.Errorf("read the quota of the %s host: %w", host, err)
	}
	most := p.PageLoadsPerSecond
	if host == state.HostAPI {
		h.met, h.hour, most = false, p.ConversionsPerHour, 0 // this host has a quota
	}
	h.pace = newPace(most, h.quota.Pace, p.now())
	return h, h.recount(ctx)
}

// recount reads how much was sent in the last hour, once a second at most. It
// must not be called between an outcome and its commit.
func (h *hostLimit) recount(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	if h.hour == 0 || now.Sub(h.counted) < time.Second {
		return nil
	}
	sent, frees, err := h.state.Sent(context.WithoutCancel(ctx), h.quota.Host)
	if err != nil {
		return fmt.Errorf("count the requests of the last hour: %w", err)
	}
	h.sent, h.frees, h.counted = sent, frees, now
	return nil
}

// room is how many requests may be claimed now.
func (h *hostLimit) room() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	if h.breaker.err != nil || now.Before(h.quota.PausedUntil) {
		return 0
	}
	n := h.pace.room(now)
	if h.breaker.probing {
		n = min(n, mostProbes-h.breaker.probes)
	}
	left, known := h.left(now)
	if known {
		n = min(n, left-h.open)
	}
	if !h.met {
		n = min(n, 1-h.open)
	}
	if h.hour > 0 {
		n = min(n, h.hour-int(h.sent)-h.open)
	}
	return max(n, 0)
}

// unasked reports whether one request alone may go, to find out what the host says.
func (h *hostLimit) unasked() bool {
	room := h.room()
	h.mu.Lock()
	defer h.mu.Unlock()
	return room == 1 && !h.met
}

// left is what the host said is left of its quota, in a window that is not over.
func (h *hostLimit) left(now time.Time) (n int, known bool) {
	if h.quota.Known && !now.Before(h.quota.ResetAt) {
		h.quota.Known, h.met = false, false // a new window: ask once
	}
	return h.quota.Remaining, h.quota.Known
}

// quiet reports whether a request that was claimed already must not go out.
func (h *hostLimit) quiet() bool { return h.keeps(true) }

// keeps is quiet of a claim, which is a probe or not.
func (h *hostLimit) keeps(probe bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	left, known := h.left(now)
	return h.breaker.probing && !probe || h.breaker.err != nil || now.Before(h.quota.PausedUntil) || known && left == 0
}

// wait is how long until there is room, and what stands in the way; 0 when
// nothing does.
func (h *hostLimit) wait() (wait time.Duration, why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	longer := func(until time.Time, reason string) {
		if until.Sub(now) > wait {
			wait, why = until.Sub(now), fmt.Sprintf("%s, until %s", reason, until.UTC().Format("15:04:05 UTC"))
		}
	}
	longer(h.quota.PausedUntil, "impact.com asked for quiet (429)")
	if left, known := h.left(now); known && left <= h.open {
		longer(h.quota.ResetAt, "impact.com's quota of requests is used up")
	}
	if h.hour > 0 && h.hour <= int(h.sent)+h.open {
		longer(h.frees, "conversionsPerHour is used up")
	}
	if p := h.pace.wait(now); p > wait {
		wait, why = p, "pageLoadsPerSecond"
		if h.pace.goal < h.pace.most || h.pace.most == 0 {
			why = "the pace that impact.com bore before its last 429"
		}
	}
	return wait, why
}

// claimed takes room for requests.
func (h *hostLimit) claimed(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open += n
	if h.breaker.probing {
		h.breaker.probes += n
	}
	h.pace.take(n, h.now())
}

// settled gives the room of one claim back, and counts what it came to.
func (h *hostLimit) settled(requests int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open--
	h.sent += int64(requests)
	h.pace.take(max(requests-1, 0), h.now()) // retries within the call count too
}

// answered learns from an answer other than 429.
func (h *hostLimit) answered(r impactapi.Rate) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	h.learn(r, now)
	h.met, h.calm = true, leastCalm
	h.pace.answered(now)
	if kept := h.pace.kept(); kept != h.quota.Pace {
		h.quota.Pace, h.changed = kept, true
	}
}

// failed learns from a request that the host failed to answer, or with 5xx.
func (h *hostLimit) failed(r impactapi.Rate) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.learn(r, h.now())
	h.met = true
}

// learnFrom learns from a request that did not end in 2xx.
func (h *hostLimit) learnFrom(e *impactapi.Error) {
	switch {
	case e.Status == http.StatusTooManyRequests:
		h.throttled(e)
	case e.Status >= http.StatusBadRequest && e.Status < http.StatusInternalServerError:
		h.answered(e.Rate)
	default:
		h.failed(e.Rate)
	}
}

// The quiet after a 429 that does not say how long.
const (
	leastCalm = time.Second
	mostCalm  = time.Minute
)

// throttled learns from a 429.
func (h *hostLimit) throttled(e *impactapi.Error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	alone := !h.met // a question after the last quiet: it says nothing of the pace
	h.learn(e.Rate, now)
	h.met = false
	wait := max(e.RetryAfter, h.calm)
	if left, known := h.left(now); known && left == 0 {
		wait = max(wait, h.quota.ResetAt.Sub(now)) // the quota's end says nothing of the pace
	} else if !now.Before(h.quota.PausedUntil) { // one 429 of many at once
		if !alone {
			h.pace.throttled(now)
			h.quota.Pace = h.pace.kept()
		}
		h.calm = min(2*h.calm, mostCalm)
	}
	if at := now.Add(wait); at.After(h.quota.PausedUntil) {
		h.quota.PausedUntil, h.changed, h.saved = at, true, time.Time{}
	}
}

// quietUntil is when a host that answered 429 may be asked again.
func (h *hostLimit) quietUntil() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.quota.PausedUntil
}

// trust is how long a quota without a reset time counts.
const trust = time.Minute

// learn keeps the newest word on the quota. Answers overtake each other: of
// one window the least counts.
func (h *hostLimit) learn(r impactapi.Rate, now time.Time) {
	if !r.Known || r.Remaining < 0 {
		return
	}
	reset := now.Add(trust)
	if r.Reset > 0 {
		reset = now.Add(r.Reset)
	}
	q := &h.quota
	const rounding = 2 * time.Second // resets are told in whole seconds
	if left, known := h.left(now); known && !reset.After(q.ResetAt.Add(rounding)) {
		q.Remaining = min(left, r.Remaining)
	} else {
		q.Known, q.Remaining, q.ResetAt = true, r.Remaining, reset
	}
	q.Limit = max(r.Limit, 0)
	h.changed = true
}

// save keeps what was learned, not more often than every so often, but a 429
// at once.
func (h *hostLimit) save(ctx context.Context, every time.Duration) error {
	h.mu.Lock()
	q, now := h.quota, h.now()
	due := h.changed && now.Sub(h.saved) >= every
	if due {
		h.changed, h.saved = false, now
	}
	h.mu.Unlock()
	if !due {
		return nil
	}
	if err := h.state.NoteQuota(ctx, q); err != nil {
		return fmt.Errorf("keep the quota of the %s host: %w", q.Host, err)
	}
	return nil
}
