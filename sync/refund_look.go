package sync

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/money"
	"github.com/impactsync/impactsync/sync/reconcile"
)

// reversing is the phase that takes orders back.
type reversing struct {
	*pass
	tried map[int64]bool // orders whose action was looked at for a change in this run
	sent  int
	vain  atomic.Int64 // looks in a row that failed
	blind atomic.Bool  // the token may not read submissions
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
	of, since := ordersActions{reversing: r, wanted: map[string]bool{}}, r.now()
	for _, o := range due {
		if !o.Sent {
			of.wanted[o.OrderID] = true
			if o.SentAt.Before(since) {
				since = o.SentAt
			}
		}
	}
	if len(of.wanted) == 0 {
		return nil
	}
	of.left = reconcile.Cut(state.ActionRows, since.Add(-clocksDiffer), r.now().Add(time.Second)) // windows have whole seconds
	return reconcile.Walk{Limit: r.limits.api, Log: r.Log, Wait: patience}.Over(ctx, &of)
}

// ordersActions are windows of impact.com's actions, of which those of some orders are
// kept.
type ordersActions struct {
	*reversing
	wanted map[string]bool
	left   []state.ReadWindow
	found  map[string]state.OrderAction // on the page that is read
}

// Next returns the window that is read.
func (o *ordersActions) Next(context.Context) (w state.ReadWindow, more bool, err error) {
	if len(o.left) == 0 {
		return w, false, nil
	}
	return o.left[0], true, nil
}

// Get reads the next page of a window.
func (o *ordersActions) Get(ctx context.Context, w state.ReadWindow) (*impactapi.Page, error) {
	o.found = map[string]state.OrderAction{}
	return o.Client.Actions(ctx, impactapi.Window{CampaignID: o.Refunds.CampaignID, From: w.From, To: w.To, Page: w.Page + 1}, func(a *impactapi.Action) error {
		if o.wanted[a.OrderID] {
			o.found[a.ID] = orderAction(a)
		}
		return nil
	})
}

// Read stores what a page has of the orders.
func (o *ordersActions) Read(ctx context.Context, _ state.ReadWindow, p *impactapi.Page, requests int) error {
	if o.left[0].Page++; p.Last {
		o.left = o.left[1:]
	}
	return o.State.NoteOrderActions(ctx, slices.Collect(maps.Values(o.found)), requests)
}

// Halve replaces the window that is read by its halves.
func (o *ordersActions) Halve(_ context.Context, w state.ReadWindow) error {
	first, second := w.Halves()
	o.left = append([]state.ReadWindow{first, second}, o.left[1:]...)
	return nil
}

// Failed counts requests that were made in vain.
func (o *ordersActions) Failed(ctx context.Context, _ state.ReadWindow, requests int) error {
	return o.State.NoteOrderActions(ctx, nil, requests)
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
	more, requests, err := r.askAll(sent, func(o *state.RefundedOrder) answer { return r.ask(ctx, o) })
	return errors.Join(r.State.NoteLooks(ctx, r.Refunds.RefundRules, append(looks, more...), requests), err)
}
