package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/limit"
	"github.com/impactsync/impactsync/sync/money"
)

// storedAtOnce is how many rows are stored in one transaction.
const storedAtOnce = 2000

// reading is what a [Walk] needs to know of a reading, whose windows are in the state.
type reading struct {
	*Reader
	state.Reading
}

// Next returns the next window, if reading actions has not used its share of the quota.
func (r reading) Next(ctx context.Context) (w state.ReadWindow, more bool, err error) {
	if w, more, err = r.State.NextWindow(ctx, r.Reading); err != nil || !more || r.PerHour == 0 {
		return w, more, err
	}
	sent, err := r.State.ListRequestsSent(ctx)
	if err == nil && sent >= int64(r.PerHour) {
		err = fmt.Errorf("%w: reading actions has used its share of the last hour (%d); the next run goes on", limit.ErrNoRoom, sent)
	}
	return w, more, err
}

// Get reads the next page of a window and stores its rows while they come. If it breaks
// off and is asked for again, they take the same places.
func (r reading) Get(ctx context.Context, w state.ReadWindow) (*impactapi.Page, error) {
	p, err := r.call(ctx, w)
	var kept *storeError
	if errors.As(err, &kept) {
		return nil, kept.error
	}
	return p, err
}

// Read notes that a page was read to its end.
func (r reading) Read(ctx context.Context, w state.ReadWindow, p *impactapi.Page, requests int) error {
	missing, err := r.State.NotePage(ctx, w, state.PageRead{Rows: p.Rows, Total: p.Total, Last: p.Last, Requests: requests})
	if missing > 0 {
		r.Log.Debug("rows moved between pages while they were read", "kind", w.Kind, "missing", missing)
	}
	r.watch(w, p)
	return err
}

// Halve replaces a window by its two halves.
func (r reading) Halve(ctx context.Context, w state.ReadWindow) error {
	return r.State.SplitWindow(ctx, w)
}

// Failed notes requests that were made in vain.
func (r reading) Failed(ctx context.Context, w state.ReadWindow, requests int) error {
	return r.State.NoteListRequests(ctx, w, requests)
}

func (r *Reader) watch(w state.ReadWindow, p *impactapi.Page) {
	if w.Page == 0 {
		r.total += int64(max(p.Total, p.Rows))
	}
	r.read += int64(p.Rows)
	if r.Watch != nil {
		r.Watch(r.read, max(r.total, r.read))
	}
}

// storeError is a failure of the state, not of impact.com.
type storeError struct{ error }

func (e *storeError) Unwrap() error { return e.error }

// call makes the request of a page.
func (r *Reader) call(ctx context.Context, w state.ReadWindow) (*impactapi.Page, error) {
	asked := impactapi.Window{CampaignID: r.Campaign, From: w.From, To: w.To, Page: w.Page + 1}
	if w.Kind == state.ActionRows {
		b := batch[state.Action]{store: func(all []state.Action) error { return r.State.StoreActions(ctx, w, all) }}
		p, err := r.Client.Actions(ctx, asked, func(a *impactapi.Action) error { return b.add(actionOf(a)) })
		return p, errors.Join(err, b.flush())
	}
	b := batch[state.ActionChange]{store: func(all []state.ActionChange) error { return r.State.StoreChanges(ctx, w, all) }}
	p, err := r.Client.ActionUpdates(ctx, asked, func(u *impactapi.ActionUpdate) error { return b.add(changeOf(u)) })
	return p, errors.Join(err, b.flush())
}

// batch stores rows some at a time.
type batch[row any] struct {
	rows  []row
	store func([]row) error
}

func (b *batch[row]) add(one row) error {
	b.rows = append(b.rows, one)
	if len(b.rows) < storedAtOnce {
		return nil
	}
	return b.flush()
}

func (b *batch[row]) flush() error {
	if len(b.rows) == 0 {
		return nil
	}
	err := b.store(b.rows)
	b.rows = b.rows[:0]
	if err != nil {
		return &storeError{err}
	}
	return nil
}

func actionOf(a *impactapi.Action) state.Action {
	return state.Action{
		ID: a.ID, TrackerID: a.TrackerID, TrackerName: a.TrackerName, EventCode: a.EventCode, PartnerID: a.PartnerID, State: strings.ToUpper(a.State), OrderID: a.OrderID, Currency: a.Currency,
		Amount: amountOf(a.Amount), Intended: amountOf(a.IntendedAmount), Payout: amountOf(a.Payout), ClientCost: amountOf(a.ClientCost),
		EventAt: a.EventAt, CreatedAt: a.CreatedAt, LockingAt: a.LockingAt, ClearedAt: a.ClearedAt,
	}
}

func changeOf(u *impactapi.ActionUpdate) state.ActionChange {
	return state.ActionChange{
		ID: u.ID, ActionID: u.ActionID, State: strings.ToUpper(u.State), Disposition: u.Disposition, Sku: u.Sku, Quantity: u.Quantity, Delta: amountOf(u.DeltaAmount), UpdatedAt: u.UpdatedAt,
	}
}

// amountOf returns an amount, or none if there is none that can be read.
func amountOf(text string) state.Money {
	a, err := money.Parse(text)
	return state.Money{Int64: int64(a), Valid: err == nil}
}
