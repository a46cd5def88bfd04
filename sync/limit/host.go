// Package limit bounds the requests to one host: by a pace, a number of requests
// per hour, the quota in the host's answers, and the pauses that it asks for. A
// request that the host would refuse is not sent. A breaker stops a host that is
// down, or is not impact.com's.
package limit

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
)

// Config says what bounds the requests to a host. State and Now are required.
type Config struct {
	State     *state.DB
	Now       func() time.Time
	Host      string  // as the state names it
	PerSecond float64 // 0 means any number, until a 429
	PerHour   int     // in any 60 minutes; 0 means any number
	AskFirst  bool    // the first request goes alone, to learn the host's quota
	Failures  int     // in a row, that make the host suspect
}

// Host limits the requests to a host. It is safe for concurrent use.
//
// Room is taken when a delivery is claimed ([Host.Claim], [Host.Turn]) and released
// when it is settled ([Host.Settle]). In between, [Host.Quiet] reports whether it
// must no longer be sent.
type Host struct {
	Config

	mu      sync.Mutex
	told    state.HostStatus // what the host said, to this and earlier processes
	pace    pace
	breaker breaker
	met     bool          // its answers show how many requests it takes, or do not say
	open    int           // claimed and not settled
	calm    time.Duration // the pause after a 429 that asks for none
	news    bool          // told has changed and is to be stored
	kept    time.Time     // when it was stored
	counted time.Time     // when the last hour's requests were counted
}

const unbounded = 1 << 30

// New returns a limiter that continues with what an earlier process learned.
func New(ctx context.Context, c Config) (*Host, error) {
	told, err := c.State.HostStatus(ctx, c.Host)
	if err != nil {
		return nil, fmt.Errorf("read the quota of the %s host: %w", c.Host, err)
	}
	return &Host{
		Config: c, told: told, pace: newPace(c.PerSecond, told.Pace, c.Now()), met: !c.AskFirst, calm: leastCalm,
		breaker: breaker{host: c.Host, most: c.Failures}, counted: c.Now(),
	}, nil
}

// lock begins every method, and a new window of the quota if the last one is over.
func (h *Host) lock() (now time.Time) {
	h.mu.Lock()
	now = h.Now()
	if h.told.Remaining != nil && !now.Before(h.told.ResetAt) {
		h.told.Remaining, h.met = nil, false
	}
	return now
}

// usedUp reports whether the host said that its quota is used up.
func (h *Host) usedUp() bool { return h.told.Remaining != nil && *h.told.Remaining == 0 }

// bound is one of the bounds of a host.
type bound struct {
	room  int       // for requests, now
	frees time.Time // when there is room again
	why   string    // why there is none
}

// bounds returns all bounds except the pace.
func (h *Host) bounds(now time.Time) (all []bound) {
	if now.Before(h.told.PausedUntil) {
		all = append(all, bound{0, h.told.PausedUntil, "impact.com asked for quiet (429)"})
	}
	if h.told.Remaining != nil {
		all = append(all, bound{*h.told.Remaining - h.open, h.told.ResetAt, "impact.com's quota of requests is used up"})
	}
	if h.PerHour > 0 {
		all = append(all, bound{h.PerHour - int(h.told.SentLastHour) - h.open, h.told.FreesAt, "conversionsPerHour is used up"})
	}
	if !h.met {
		all = append(all, bound{1 - h.open, now.Add(poll), ""})
	}
	return all
}

// Room returns how many requests may be claimed now, and whether that is a single
// one whose answer shows how many more the host takes.
func (h *Host) Room() (n int, question bool) {
	now := h.lock()
	defer h.mu.Unlock()
	n = min(h.pace.room(now), h.breaker.room())
	for _, b := range h.bounds(now) {
		n = min(n, b.room)
	}
	return max(n, 0), n == 1 && !h.met
}

// Wait returns how long it takes until there is room, and which bound is in the way;
// 0 if none is.
func (h *Host) Wait() (wait time.Duration, why string) {
	now := h.lock()
	defer h.mu.Unlock()
	for _, b := range h.bounds(now) {
		if w := b.frees.Sub(now); b.why != "" && b.room <= 0 && w > wait {
			wait, why = w, b.why+", until "+b.frees.UTC().Format("15:04:05 UTC")
		}
	}
	if w := h.pace.wait(now); w > wait {
		wait, why = w, "pageLoadsPerSecond"
		if h.pace.goal < h.pace.most || h.pace.most == 0 {
			why = "the pace that impact.com accepted before its last 429"
		}
	}
	return wait, why
}

// Claim takes room for n requests.
func (h *Host) Claim(n int) {
	now := h.lock()
	defer h.mu.Unlock()
	h.open += n
	h.breaker.probes += n // matters while the host is suspect
	h.pace.take(n, now)
}

// Settle releases the room of a claim and counts the requests that it took.
func (h *Host) Settle(requests int) {
	now := h.lock()
	defer h.mu.Unlock()
	h.open--
	h.told.SentLastHour += int64(requests)
	h.pace.take(max(requests-1, 0), now) // retries within the call count too
}

// Quiet reports whether a claimed request must no longer be sent. Only probes are
// sent to a suspect host.
func (h *Host) Quiet(probe bool) bool {
	now := h.lock()
	defer h.mu.Unlock()
	return h.breaker.trust == Stopped || h.breaker.trust == Suspect && !probe || now.Before(h.told.PausedUntil) || h.usedUp()
}

// poll is how often [Host.Turn] checks whether there is room.
const poll = 100 * time.Millisecond

// Turn takes room for one request in addition to those that are claimed, and waits
// for it up to most. It returns false if there is none; otherwise the caller
// releases the room with [Host.Settle].
func (h *Host) Turn(ctx context.Context, most time.Duration) bool {
	end := h.Now().Add(most)
	for ctx.Err() == nil {
		wait, taken := h.reserve()
		if !taken && h.Now().Add(wait).After(end) {
			return false
		}
		if !taken {
			wait = min(wait, poll)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		if taken {
			return true
		}
	}
	return false
}

// reserve takes room for a request that may be sent after the wait, or returns when
// to ask again.
func (h *Host) reserve() (wait time.Duration, taken bool) {
	now := h.lock()
	defer h.mu.Unlock()
	if h.breaker.trust == Stopped {
		return time.Hour, false
	}
	for _, b := range h.bounds(now) {
		if b.room <= 0 {
			return b.frees.Sub(now), false
		}
	}
	h.open++
	wait = h.pace.wait(now)
	h.pace.take(1, now)
	return wait, true
}

// Answered learns from an answer of 2xx.
func (h *Host) Answered(r impactapi.Rate) {
	now := h.lock()
	defer h.mu.Unlock()
	h.answered(r, now)
}

func (h *Host) answered(r impactapi.Rate, now time.Time) {
	h.learn(r, now)
	h.met, h.calm = true, leastCalm
	h.pace.answered(now)
	h.keepPace()
}

// Failed learns from a request that did not end in 2xx, and returns until when the
// host asks for a pause.
func (h *Host) Failed(e *impactapi.Error) (until time.Time) {
	now := h.lock()
	defer h.mu.Unlock()
	switch s := e.Status; {
	case s == http.StatusTooManyRequests:
		h.throttled(e, now)
	case s >= http.StatusBadRequest && s < http.StatusInternalServerError:
		h.answered(e.Rate, now)
	default:
		h.learn(e.Rate, now)
		h.met = true
	}
	return h.told.PausedUntil
}

// The pause after a 429 that does not say how long: twice as long each time.
const (
	leastCalm = time.Second
	mostCalm  = time.Minute
)

func (h *Host) throttled(e *impactapi.Error, now time.Time) {
	question := !h.met // the first request after a pause: it says nothing about the pace
	h.learn(e.Rate, now)
	h.met = false
	wait := max(e.RetryAfter, h.calm)
	switch {
	case h.usedUp(): // which says nothing about the pace
		wait = max(wait, h.told.ResetAt.Sub(now))
	case !now.Before(h.told.PausedUntil): // the first of many at once
		h.calm = min(2*h.calm, mostCalm)
		if !question {
			h.pace.throttled(now)
			h.keepPace()
		}
	}
	if at := now.Add(wait); at.After(h.told.PausedUntil) {
		h.told.PausedUntil, h.news, h.kept = at, true, time.Time{}
	}
}

func (h *Host) keepPace() {
	if learned := h.pace.learned(); learned != h.told.Pace {
		h.told.Pace, h.news = learned, true
	}
}

const (
	trusted  = time.Minute     // how long a quota without a reset time is valid
	rounding = 2 * time.Second // resets come in whole seconds
)

// learn takes the quota from an answer. Answers overtake each other, so the lowest
// value within a window counts.
func (h *Host) learn(r impactapi.Rate, now time.Time) {
	if !r.Known || r.Remaining < 0 {
		return
	}
	left, reset := r.Remaining, now.Add(trusted)
	if r.Reset > 0 {
		reset = now.Add(r.Reset)
	}
	if h.told.Remaining != nil && !reset.After(h.told.ResetAt.Add(rounding)) {
		left, reset = min(left, *h.told.Remaining), h.told.ResetAt
	}
	h.told.Quota, h.told.Remaining, h.told.ResetAt, h.news = max(r.Limit, 0), &left, reset, true
}

// Sync stores what was learned and counts what was sent in the last hour, each at
// most once per interval, but a 429 at once. It must not be called between an answer
// and the commit of its outcome.
func (h *Host) Sync(ctx context.Context, every time.Duration) error {
	ctx = context.WithoutCancel(ctx)
	now := h.lock()
	told, keep, count := h.told, h.news && now.Sub(h.kept) >= every, h.PerHour > 0 && now.Sub(h.counted) >= every
	if keep {
		h.news, h.kept = false, now
	}
	h.mu.Unlock()
	if keep {
		if err := h.State.NoteHost(ctx, told); err != nil {
			return fmt.Errorf("keep the quota of the %s host: %w", h.Config.Host, err)
		}
	}
	if !count {
		return nil
	}
	known, err := h.State.HostStatus(ctx, h.Config.Host)
	if err != nil {
		return fmt.Errorf("count the requests of the last hour: %w", err)
	}
	h.lock()
	defer h.mu.Unlock()
	h.told.SentLastHour, h.told.FreesAt, h.counted = known.SentLastHour, known.FreesAt, now
	return nil
}

// Note records what a delivery, which has a number, says about the host.
func (h *Host) Note(delivery int64, r Result, why string, probe bool) {
	h.lock()
	defer h.mu.Unlock()
	h.breaker.note(delivery, r, why, probe)
}

// Exhausted decides about a suspect host when nothing can be claimed and no answer
// is awaited.
func (h *Host) Exhausted() {
	h.lock()
	defer h.mu.Unlock()
	h.breaker.exhausted()
}

// Trust returns what is known about the host.
func (h *Host) Trust() Trust {
	h.lock()
	defer h.mu.Unlock()
	return h.breaker.trust
}

// Err returns why nothing was sent to the host any more, or that every request to it
// failed although something is due there; nil otherwise.
func (h *Host) Err(due int64) error {
	h.lock()
	defer h.mu.Unlock()
	return h.breaker.problem(due)
}
