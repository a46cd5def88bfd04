package sync

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/limit"
	"github.com/sourcegraph/conc/iter"
)

// send changes actions, some at a time: each is looked at, then noted as about to be
// changed, and then changed.
func (r *reversing) send(ctx context.Context) error {
	for ctx.Err() == nil {
		most := min(r.room(2), r.Workers)
		if r.Refunds.PerRun > 0 {
			most = min(most, r.Refunds.PerRun-r.sent)
		}
		due, err := r.State.DueReversals(context.WithoutCancel(ctx), most+len(r.tried))
		if err != nil {
			return err
		}
		due = slices.DeleteFunc(due, func(o state.RefundedOrder) bool { return r.tried[o.ID] })
		switch due = due[:min(len(due), max(most, 0))]; {
		case most <= 0:
			return nil
		case len(due) == 0:
			return nil
		}
		if err := r.change(ctx, due); err != nil {
			return err
		}
	}
	return nil
}

// change changes the actions of some orders.
func (r *reversing) change(ctx context.Context, due []state.RefundedOrder) error {
	for _, o := range due {
		r.tried[o.ID] = true
	}
	looks, requests, trouble := r.lookBefore(ctx, due)
	claims, err := r.State.ClaimReversals(context.WithoutCancel(ctx), r.Refunds.RefundRules, looks, requests)
	if err != nil {
		return errors.Join(trouble, fmt.Errorf("note what is taken back: %w", err))
	}
	outcomes, refused := r.changeAll(ctx, claims)
	r.Point("before settling")
	err = r.State.SettleReversals(ctx, outcomes)
	return errors.Join(trouble, refused, err)
}

// lookBefore looks at actions as they are now.
func (r *reversing) lookBefore(ctx context.Context, due []state.RefundedOrder) (looks []state.Look, requests int, err error) {
	looks, requests, err = r.askAll(due, func(o *state.RefundedOrder) answer {
		return r.askAction(ctx, answer{look: state.Look{Order: *o}})
	})
	for i := range looks {
		if l := &looks[i]; len(l.Actions) == 0 && l.Failed == "" {
			l.Failed = "impact.com does not know action " + l.Order.ActionID + " any more"
		}
	}
	return looks, requests, err
}

type changeResult struct {
	state.ReversalOutcome
	err error // that concerns every request
}

func (r *reversing) changeAll(ctx context.Context, claims []*state.Reversal) (outcomes []state.ReversalOutcome, err error) {
	r.sent += len(claims)
	r.limits.api.Claim(len(claims))
	workers := iter.Mapper[*state.Reversal, changeResult]{MaxGoroutines: r.Workers}
	for _, result := range workers.Map(claims, func(c **state.Reversal) changeResult { return r.changeOne(ctx, *c) }) {
		r.limits.api.Settle(result.Requests)
		outcomes = append(outcomes, result.ReversalOutcome)
		err = errors.Join(err, result.err)
	}
	return outcomes, err
}

// changeOne sends one change. It outlives the run's end: a request that was cut off
// would be in doubt.
func (r *reversing) changeOne(ctx context.Context, c *state.Reversal) (o changeResult) {
	o.Claim = c
	if ctx.Err() != nil || r.limits.api.Quiet(true) {
		o.Result = state.Unsent
		return o
	}
	r.Point("before a request")
	sending := context.WithoutCancel(ctx)
	var res *impactapi.ChangeResult
	var err error
	if c.Whole {
		res, err = r.Client.ReverseAction(sending, c.Order.ActionID, r.Refunds.Code)
	} else {
		left := make([]impactapi.ItemLeft, len(c.Items))
		for i, it := range c.Items {
			left[i] = impactapi.ItemLeft{Sku: it.Sku, Category: it.Category, Quantity: it.Quantity}
		}
		res, err = r.Client.ModifyItems(sending, c.Order.ActionID, left)
	}
	r.Point("after an answer")
	if err != nil {
		return r.notChanged(o, err)
	}
	r.limits.api.Answered(res.Rate)
	o.Result, o.Requests, o.QueuedURI = state.Delivered, res.Attempts, res.QueuedURI
	return o
}

// notChanged says how a change ended that was not answered with 2xx.
func (r *reversing) notChanged(o changeResult, err error) changeResult {
	o.Error = err.Error()
	var api *impactapi.Error
	if !errors.As(err, &api) { // it was not sent
		o.Result = state.Refused
		return o
	}
	o.Requests = api.Attempts
	quietUntil := r.limits.api.Failed(api)
	switch {
	case credentials(api):
		o.Result, o.err = state.Unsent, api
	case impactapi.Doubtful(err):
		o.Result = state.Unknown
	case api.Status == http.StatusTooManyRequests:
		o.Result, o.Next = state.RetryLater, quietUntil
	case impactapi.Retryable(err):
		o.Result, o.Next = state.RetryLater, r.later(o.Claim.Attempts)
	default:
		o.Result = state.Refused
	}
	return o
}

// later returns when a change that certainly did not arrive is tried again.
func (r *reversing) later(attempts int) time.Time {
	wait := min(r.FirstRetry<<min(attempts, 10), time.Hour)
	return r.now().Add(wait/2 + rand.N(wait+1))
}

// trouble ends the phase. Only wrong credentials and a state that cannot be written fail
// the run; everything else waits for the next one.
func (r *reversing) trouble(err error) error {
	var api *impactapi.Error
	switch {
	case err == nil, errors.Is(err, limit.ErrNoRoom), endOfContext(err), errors.Is(err, ErrTerminated), errors.Is(err, ErrInterrupted):
		return nil
	case errors.Is(err, errInVain): // which one of them failed does not matter
	case !errors.As(err, &api):
		return err
	case api.Status == http.StatusUnauthorized:
		return credentialsError(api)
	case api.Status == http.StatusForbidden:
		return fmt.Errorf("%w: %w; the token's scopes must include reading and modifying actions (Settings, Technical, API), or set refunds.mode: report", ErrCredentials, api)
	}
	r.Log.Warn("impact.com's actions cannot be read or changed now; the next run goes on", "error", err)
	return nil
}
