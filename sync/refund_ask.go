package sync

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/limit"
	"github.com/sourcegraph/conc/iter"
)

// mostInVain looks in a row that fail, each at another order, end the looks of a run:
// then the host is at fault, and not the orders.
const mostInVain = 8

// errInVain says that the looks of a run were given up.
var errInVain = errors.New("too many actions in a row could not be looked at")

// answer is what was found out about one order.
type answer struct {
	look     state.Look
	requests int
	err      error // that concerns every request
}

// askAll asks about orders, some at a time. The error is the first that concerns every
// request; what was found out before is returned beside it.
func (r *reversing) askAll(orders []state.RefundedOrder, ask func(*state.RefundedOrder) answer) (looks []state.Look, requests int, err error) {
	workers := iter.Mapper[state.RefundedOrder, answer]{MaxGoroutines: r.Workers}
	for _, a := range workers.Map(orders, ask) {
		requests += a.requests
		if a.err == nil {
			looks = append(looks, a.look)
		} else if err == nil {
			err = a.err
		}
	}
	return looks, requests, err
}

// ask looks at the submission of a change, and at the action if that names no fault.
func (r *reversing) ask(ctx context.Context, o *state.RefundedOrder) (a answer) {
	a.look.Order = *o
	if o.QueuedURI == "" || r.blind.Load() {
		return r.askAction(ctx, a)
	}
	var s *impactapi.Submission
	err := r.lookAtOne(ctx, &a, func() (got limit.Asked, err error) {
		if s, err = r.Client.Submission(ctx, o.QueuedURI); err == nil {
			got = limit.Asked{Rate: s.Rate, Attempts: s.Attempts}
		}
		return got, err
	})
	switch {
	case isStatus(err, http.StatusNotFound): // it is kept for 90 days
	case isStatus(err, http.StatusForbidden):
		if !r.blind.Swap(true) {
			r.Log.Warn("the token's scopes do not allow reading APISubmissions (impact.com, Settings, Technical, API): why impact.com does not make a change stays unknown; the action shows whether it did", "error", err)
		}
	case err != nil:
		return r.failed(a, err)
	default:
		a.look.Fault = fault(s)
	}
	if a.look.Fault != "" {
		return a
	}
	return r.askAction(ctx, a)
}

// fault returns why impact.com did not make a change, or "".
func fault(s *impactapi.Submission) string {
	if !s.Complete() || s.ErrorType == "" && len(s.Reasons) == 0 {
		return ""
	}
	return strings.TrimSpace(s.ErrorType + " " + strings.Join(s.Reasons, " "))
}

// askAction gets an action as it is now. One that is not there any more has no actions.
func (r *reversing) askAction(ctx context.Context, a answer) answer {
	var action *impactapi.Action
	err := r.lookAtOne(ctx, &a, func() (got limit.Asked, err error) {
		action, got.Rate, got.Attempts, err = r.Client.Action(ctx, a.look.Order.ActionID)
		return got, err
	})
	switch {
	case err == nil:
		a.look.Actions = []state.SeenAction{seenAction(action)}
	case !isStatus(err, http.StatusNotFound):
		return r.failed(a, err)
	}
	return a
}

// lookAtOne asks one question within the limits of the host, unless the looks of this
// run were given up.
func (r *reversing) lookAtOne(ctx context.Context, a *answer, get func() (limit.Asked, error)) error {
	if r.vain.Load() >= mostInVain {
		return errInVain
	}
	requests, err := r.limits.api.Ask(ctx, patience, get)
	a.requests += requests
	if err == nil || isStatus(err, http.StatusNotFound) {
		r.vain.Store(0)
	}
	return err
}

// failed says what a look that failed means: for this order, which waits, or for every
// request.
func (r *reversing) failed(a answer, err error) answer {
	text := fmt.Sprintf("action %s cannot be looked at: %v", a.look.Order.ActionID, err)
	switch {
	case errors.Is(err, errInVain), errors.Is(err, limit.ErrNoRoom), endOfContext(err):
		a.err = err
	case isStatus(err, http.StatusUnauthorized), isStatus(err, http.StatusForbidden), isStatus(err, http.StatusTooManyRequests):
		a.err = fmt.Errorf("look at action %s: %w", a.look.Order.ActionID, err)
	case r.vain.Add(1) >= mostInVain:
		a.err = fmt.Errorf("%w; the last: %s", errInVain, text)
	default:
		r.Log.Warn("what became of an order that was taken back is looked up later", "order", a.look.Order.OrderID, "error", err)
		a.look.Failed = text
	}
	return a
}

func isStatus(err error, status int) bool {
	var api *impactapi.Error
	return errors.As(err, &api) && api.Status == status
}
