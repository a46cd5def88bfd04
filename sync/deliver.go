package sync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/limit"
	"github.com/sourcegraph/conc"
)

// Bounds of a delivery. What is claimed and not settled when a process dies is
// sent again: workers + groupSize at most.
const (
	groupSize = 500                   // outcomes settled in one commit
	groupWait = 50 * time.Millisecond // or all that came in this time
	waitLimit = 30 * time.Second      // for retries, beyond the last send, without a deadline
	tick      = 100 * time.Millisecond
)

// dispatch is the delivery phase: workers send, while one goroutine claims and
// settles.
type dispatch struct {
	*pass
	sender    *state.Sender
	jobs      chan *state.Claim
	outcomes  chan state.Outcome
	ahead     int             // of the answers, see lead
	open      int             // claimed and not settled
	odd       []state.Outcome // of those that are open: odd answers whose meaning is not known yet
	full      bool            // the last turn claimed as much as it was asked for
	asked     state.Want
	calls     map[string]*calls // by host
	lastSend  time.Time
	lastClaim time.Time // nothing is claimed after it; zero without a deadline
	asking    asking

	fatal atomic.Pointer[error] // stops the run; set by workers too
}

// deliver sends what is due until nothing is left that can go now.
func (p *pass) deliver(ctx context.Context) (err error) {
	d := &dispatch{
		pass: p, sender: p.State.NewSender(), jobs: make(chan *state.Claim, p.Workers+groupSize), outcomes: make(chan state.Outcome, p.Workers+groupSize),
		lastSend: p.now(), ahead: p.Workers,
	}
	if end := p.options.Deadline; !end.IsZero() {
		d.lastClaim = end.Add(-toEnd(end.Sub(p.now())))
	}
	d.calls = map[string]*calls{state.HostTracking: {}, state.HostAPI: {}}
	if d.stopped(ctx) == "" { // else nothing is sent
		if d.calls, err = p.countCalls(ctx); err != nil {
			return err
		}
	}
	due := d.calls[state.HostTracking].of + d.calls[state.HostAPI].of
	if due > 0 {
		if err := p.checkCredentials(ctx); err != nil {
			return err
		}
	}
	p.Progress.start("send", "to impact.com", due, "requests")
	d.hostProgress()
	defer p.Progress.done()
	defer growHeap()()
	// The workers outlive the context a little: requests under way may end.
	sending, giveUp := context.WithCancelCause(context.WithoutCancel(ctx))
	defer giveUp(nil)
	if end := p.options.Deadline; !end.IsZero() {
		var cancel context.CancelFunc
		sending, cancel = context.WithDeadline(sending, end)
		defer cancel()
	}
	// Once: a hanging server must not hold the process beyond the grace.
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(grace):
			giveUp(context.Cause(ctx))
		case <-sending.Done():
		}
	})
	defer stop()
	var workers conc.WaitGroup
	for range p.Workers {
		workers.Go(func() { d.work(ctx, sending) })
	}
	err = d.loop(ctx, giveUp)
	close(d.jobs)
	workers.Wait()
	return errors.Join(err, p.limits.sync(ctx, 0))
}

func (d *dispatch) loop(ctx context.Context, giveUp context.CancelCauseFunc) error {
	var settled []state.Outcome
	for {
		want := state.Want{}
		if d.stopped(ctx) == "" {
			want = d.room()
		}
		d.asked = want
		if len(settled) > 0 {
			d.Point("before settling")
		}
		claims, err := d.sender.Turn(ctx, settled, want)
		if err != nil {
			giveUp(err)
			return fmt.Errorf("settle and claim deliveries: %w", err)
		}
		d.open += len(claims) - len(settled)
		d.progressOf(settled)
		d.full = len(claims) > 0 && len(claims) == want.PageLoads+want.Conversions
		if err := d.keepLimits(ctx, claims); err != nil {
			giveUp(err)
			return err
		}
		for _, c := range claims {
			d.jobs <- c
		}
		if d.open == len(d.odd) && len(claims) == 0 {
			if settled = d.exhausted(d.stopped(ctx) != ""); len(settled) > 0 {
				continue
			}
			more, err := d.idle(ctx)
			if settled = d.exhausted(!more); err != nil || !more && len(settled) == 0 {
				return err
			}
			continue
		}
		settled = d.collect(ctx)
		d.ahead = d.lead(len(settled))
	}
}

// lead returns how far claims run ahead of answers: a quarter of a second's worth,
// by how many came in together last. What is claimed beyond the requests under way
// is in doubt if the process dies, although it was never sent.
func (d *dispatch) lead(settled int) int {
	return min(max(5*settled, d.Workers), groupSize)
}

// keepLimits counts what was claimed, after what was settled is committed.
func (d *dispatch) keepLimits(ctx context.Context, claims []*state.Claim) error {
	api := 0
	for i := range claims {
		if claims[i].Kind.Host() == state.HostAPI {
			api++
		}
	}
	d.limits.api.Claim(api)
	d.limits.tracking.Claim(len(claims) - api)
	return d.limits.sync(ctx, time.Second)
}

// stopped returns why nothing new is to be claimed, or "".
func (d *dispatch) stopped(ctx context.Context) string {
	switch {
	case d.fatal.Load() != nil:
		return "an error that concerns every request"
	case ctx.Err() != nil:
		return context.Cause(ctx).Error()
	case !d.lastClaim.IsZero() && !d.now().Before(d.lastClaim):
		return "the deadline"
	}
	return ""
}

// want returns a claim of at most so many requests, by the options of the run.
func (p *pass) want(pageLoads, conversions int) state.Want {
	if p.eventsGap {
		conversions = 0 // an unread log may hold the page load that a conversion belongs to
	}
	return state.Want{
		PageLoads: pageLoads, Conversions: conversions, Trait: p.options.Trait, People: p.options.People, Coalesce: p.Coalesce, AttributionWait: p.AttributionWait,
		ByFile: p.Files.Route == ByFile,
	}
}

// room returns how much may be claimed, by the workers and the limits.
func (d *dispatch) room() state.Want {
	room := max(d.Workers+d.ahead-d.open+len(d.odd), 0)
	pageLoads, _ := d.limits.tracking.Room()
	conversions, _ := d.limits.api.Room()
	w := d.want(min(room, pageLoads), min(room, conversions))
	w.Kinds = d.Unknown
	w.ProbePageLoads, w.ProbeConversions = d.limits.tracking.Trust() == limit.Suspect, d.limits.api.Trust() == limit.Suspect
	if w.PageLoads+w.Conversions > room { // halves, so that neither host starves the other
		w.Conversions = min(w.Conversions, max(room/2, room-w.PageLoads))
		w.PageLoads = min(w.PageLoads, room-w.Conversions)
	}
	return w
}

// collect waits for outcomes until a group is full, old enough, or all there is.
func (d *dispatch) collect(ctx context.Context) []state.Outcome {
	group := make([]state.Outcome, 0, min(d.open-len(d.odd), groupSize))
	timer := time.NewTimer(tick)
	defer timer.Stop()
	for len(group) < groupSize && len(group) < d.open-len(d.odd) {
		select {
		case o := <-d.outcomes:
			if len(group) == 0 {
				timer.Reset(groupWait)
			}
			d.note(&o)
			d.tell(ctx, &o)
			if o.Odd {
				d.odd = append(d.odd, o)
			} else {
				group = append(group, o)
			}
			group = append(group, d.decided(false)...)
			if d.full && len(group) >= d.Workers && len(d.jobs) < d.Workers {
				return group // the workers are about to run out of claims
			}
		case <-timer.C:
			return group
		}
	}
	return group
}

// tell logs how a delivery ended, without saying whose it is.
func (d *dispatch) tell(ctx context.Context, o *state.Outcome) {
	if d.Log.Enabled(ctx, slog.LevelDebug) {
		d.Log.DebugContext(ctx, "request answered", "host", o.Claim.Kind.Host(), "kind", o.Claim.Kind, "result", o.Result.String(), "requests", o.Requests, "error", o.Error)
	}
}

// grace is how long requests under way may go on after a stop.
const grace = 10 * time.Second

// toEnd returns how long before its deadline a phase of this length claims nothing new,
// so that requests under way can end by it: a tenth of it, and at most the grace.
func toEnd(phase time.Duration) time.Duration { return max(min(phase/10, grace), 0) }

// idle decides what to do when nothing can be claimed and nothing is open: wait
// for a retry or for the limits, or end the phase.
func (d *dispatch) idle(ctx context.Context) (more bool, err error) {
	if err := d.fatal.Load(); err != nil {
		return false, *err
	}
	if why := d.stopped(ctx); why != "" {
		d.unfinished = why
		d.interrupted = errors.Is(context.Cause(ctx), ErrInterrupted)
		return false, nil
	}
	next, why, err := d.nextChance(ctx)
	if err != nil {
		return false, err
	}
	end := d.lastClaim
	if end.IsZero() {
		end = d.lastSend.Add(waitLimit)
	}
	if next.IsZero() || next.After(end) {
		d.unfinished = why
		return false, nil
	}
	sleep(ctx, min(max(next.Sub(d.now()), 10*time.Millisecond), time.Second))
	d.Progress.add(0)
	d.hostProgress()
	return true, nil
}

// nextChance returns when something may be claimed again, and what it waits for;
// zero for never in this run.
func (d *dispatch) nextChance(ctx context.Context) (at time.Time, why string, err error) {
	due, err := d.dueAt(ctx)
	if err != nil {
		return time.Time{}, "", err
	}
	for _, host := range []string{state.HostTracking, state.HostAPI} {
		barred := host == state.HostAPI && (d.eventsGap || d.narrowed())
		if due[host].open == 0 || barred || d.limits.of(host).Trust() == limit.Stopped {
			continue
		}
		next, reason, err := d.chanceOf(ctx, host, due[host].pending)
		if err != nil {
			return time.Time{}, "", err
		}
		if !next.IsZero() && (at.IsZero() || next.Before(at)) || at.IsZero() && why == "" {
			at, why = next, reason
		}
	}
	return at, why, nil
}

// narrowed reports whether the run sends to some people or of one trait only.
func (p *pass) narrowed() bool { return p.options.People > 0 || p.options.Trait != "" }

// chanceOf returns when something may be sent to a host: when there is room for it
// and it is due. A narrowed run does not wait for retries, which may not be its own.
func (d *dispatch) chanceOf(ctx context.Context, host string, pending int64) (at time.Time, why string, err error) {
	wait, why := d.limits.of(host).Wait()
	room := d.now().Add(wait)
	asked := d.asked.PageLoads
	if host == state.HostAPI {
		asked = d.asked.Conversions
	}
	if pending > 0 && (wait > 0 || asked == 0) { // room may have come since the last turn
		at = room
	}
	if d.narrowed() {
		return at, why, nil
	}
	next, err := d.State.NextAttempt(ctx, host)
	if err != nil || next.IsZero() {
		return at, why, err
	}
	if next.Before(room) {
		next = room
	}
	if at.IsZero() || next.Before(at) {
		at = next
	}
	if wait == 0 {
		why = "retries later than this run"
	}
	return at, why, nil
}

func sleep(ctx context.Context, wait time.Duration) {
	select {
	case <-time.After(wait):
	case <-ctx.Done(): // the loop looks at the cause
	}
}
