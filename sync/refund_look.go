package sync

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/money"
	"github.com/sourcegraph/conc/iter"
)

// reversing is the phase that takes orders back.
type reversing struct {
	*pass
	tried map[int64]bool // orders whose action was looked at for a change in this run
	sent  int
}

// room returns for how many orders requests may be made now, each of them so many. The
// first request of a process asks for the quota, and goes alone.
func (r *reversing) room(each int) int {
	n, question := r.limits.api.Room()
	if n < each && question {
		return 1
	}
	return max(n/each, 0)
}

// look finds the actions of orders that wait for them, and what became of earlier
// changes.
func (r *reversing) look(ctx context.Context) error {
	looked := map[int64]bool{}
	for ctx.Err() == nil {
		due, err := r.State.RefundLooks(context.WithoutCancel(ctx), 10*lookupBatch)
		if err != nil {
			return err
		}
		due = slices.DeleteFunc(due, func(o state.RefundedOrder) bool { return looked[o.ID] })
		if len(due) == 0 {
			return nil
		}
		for _, o := range due {
			looked[o.ID] = true
		}
		if err := r.readActions(ctx, due); err != nil {
			return err
		}
		for some := range slices.Chunk(due, lookupBatch) {
			if err := r.lookAt(ctx, some); err != nil {
				return err
			}
		}
	}
	return nil
}

// readActions reads the actions that were updated since the oldest of some orders was
// sent, and keeps those of these orders. There is no way to ask for an order's.
func (r *reversing) readActions(ctx context.Context, due []state.RefundedOrder) error {
	wanted, since := map[string]bool{}, r.now()
	for _, o := range due {
		if !o.Sent {
			wanted[o.OrderID] = true
			if o.SentAt.Before(since) {
				since = o.SentAt
			}
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	since = since.Add(-time.Hour) // clocks differ
	for from := since; from.Before(r.now()); from = from.Add(impactapi.MaxWindow) {
		to := from.Add(impactapi.MaxWindow)
		if now := r.now(); to.After(now) {
			to = now
		}
		if err := r.readWindow(ctx, from, to, wanted); err != nil {
			return err
		}
	}
	return nil
}

func (r *reversing) readWindow(ctx context.Context, from, to time.Time, wanted map[string]bool) error {
	found := map[string]state.OrderAction{}
	for number := 1; ; number++ {
		if r.room(1) == 0 {
			return errNoRoom
		}
		r.limits.api.Claim(1)
		page, err := r.Client.Actions(ctx, impactapi.Window{CampaignID: r.Refunds.CampaignID, From: from, To: to, Page: number}, func(a *impactapi.Action) error {
			if wanted[a.OrderID] {
				found[a.ID] = orderAction(a)
			}
			return nil
		})
		requests := requestsOf(err)
		if page != nil {
			requests = page.Attempts
			r.limits.api.Answered(page.Rate)
		}
		r.limits.api.Settle(requests)
		if err := r.State.NoteOrderActions(ctx, slices.Collect(maps.Values(found)), requests); err != nil {
			return err
		}
		switch {
		case err != nil && impactapi.TooMany(err) && to.Sub(from) > impactapi.MinWindow:
			half := from.Add(to.Sub(from) / 2)
			return errors.Join(r.readWindow(ctx, from, half, wanted), r.readWindow(ctx, half, to, wanted))
		case err != nil:
			return fmt.Errorf("read actions: %w", err)
		case page.Last:
			return nil
		}
	}
}

// requestsOf returns how many requests a failed call made.
func requestsOf(err error) int {
	var api *impactapi.Error
	if errors.As(err, &api) {
		return api.Attempts
	}
	return 0
}

func orderAction(a *impactapi.Action) state.OrderAction {
	return state.OrderAction{
		SeenAction: seenAction(a), OrderID: a.OrderID, PartnerID: a.PartnerID, EventAt: a.EventAt, CreatedAt: a.CreatedAt, ClearedAt: a.ClearedAt,
		Payout: amountIn(a.Payout), ClientCost: amountIn(a.ClientCost),
	}
}

func seenAction(a *impactapi.Action) state.SeenAction {
	return state.SeenAction{ID: a.ID, Tracker: a.TrackerID, State: strings.ToUpper(a.State), Amount: amountIn(a.Amount), Intended: amountIn(a.IntendedAmount), Currency: a.Currency, LockingAt: a.LockingAt}
}

func amountIn(text string) sql.NullInt64 {
	a, err := money.Parse(text)
	return sql.NullInt64{Int64: int64(a), Valid: err == nil}
}

// lookAt looks at the actions of some orders and stores what is found.
func (r *reversing) lookAt(ctx context.Context, due []state.RefundedOrder) error {
	var sent []state.RefundedOrder
	var looks []state.Look
	for _, o := range due {
		if o.Sent {
			sent = append(sent, o)
			continue
		}
		known, err := r.State.KnownActions(ctx, o.OrderID)
		if err != nil {
			return err
		}
		looks = append(looks, state.Look{Order: o, Actions: known})
	}
	more, requests, err := r.askAbout(ctx, sent)
	return errors.Join(r.State.NoteLooks(ctx, r.Refunds.RefundRules, append(looks, more...), requests), err)
}

// answer is what was found out about one order.
type answer struct {
	look     state.Look
	requests int
	err      error
}

// askAbout asks what became of changes that were sent.
func (r *reversing) askAbout(ctx context.Context, sent []state.RefundedOrder) (looks []state.Look, requests int, err error) {
	for len(sent) > 0 && err == nil {
		n := min(r.room(2), len(sent))
		if n == 0 {
			return looks, requests, errNoRoom
		}
		for _, a := range r.askAll(sent[:n], 2, func(o *state.RefundedOrder) answer { return r.ask(ctx, o) }) {
			requests += a.requests
			if a.err != nil {
				err = errors.Join(err, a.err)
				continue
			}
			looks = append(looks, a.look)
		}
		sent = sent[n:]
	}
	return looks, requests, err
}

// askAll asks about orders at the same time, each with at most some requests.
func (r *reversing) askAll(orders []state.RefundedOrder, each int, ask func(*state.RefundedOrder) answer) []answer {
	r.limits.api.Claim(each * len(orders))
	workers := iter.Mapper[state.RefundedOrder, answer]{MaxGoroutines: r.Workers}
	answers := workers.Map(orders, ask)
	for _, a := range answers {
		r.limits.api.Settle(a.requests)
		for range each - 1 {
			r.limits.api.Settle(0)
		}
	}
	return answers
}

// ask looks at the submission of a change, and at the action if that names no fault.
func (r *reversing) ask(ctx context.Context, o *state.RefundedOrder) (a answer) {
	a.look.Order = *o
	if o.QueuedURI != "" {
		s, err := r.Client.Submission(ctx, o.QueuedURI)
		if err != nil && !isStatus(err, http.StatusNotFound) { // it is kept for 90 days
			return r.failed(a, err)
		}
		if err == nil {
			r.limits.api.Answered(s.Rate)
			a.requests += s.Attempts
			a.look.Fault = fault(s)
		} else {
			a.requests += requestsOf(err)
		}
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
	action, rate, n, err := r.Client.Action(ctx, a.look.Order.ActionID)
	a.requests += n
	switch {
	case err == nil:
		r.limits.api.Answered(rate)
		a.look.Actions = []state.SeenAction{seenAction(action)}
		return a
	case isStatus(err, http.StatusNotFound):
		a.requests += requestsOf(err)
		return a
	}
	return r.failed(a, err)
}

func (r *reversing) failed(a answer, err error) answer {
	var api *impactapi.Error
	if errors.As(err, &api) {
		r.limits.api.Failed(api)
		a.requests += api.Attempts
	}
	a.err = fmt.Errorf("look at action %s: %w", a.look.Order.ActionID, err)
	return a
}

func isStatus(err error, status int) bool {
	var api *impactapi.Error
	return errors.As(err, &api) && api.Status == status
}
