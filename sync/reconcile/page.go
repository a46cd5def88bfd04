package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/money"
)

// storedAtOnce is how many rows are stored in one transaction.
const storedAtOnce = 2000

// page reads the next page of a window.
func (r *Reader) page(ctx context.Context, w state.ReadWindow) error {
	p, requests, err := r.request(ctx, w)
	switch {
	case impactapi.TooMany(err) && w.To.Sub(w.From) >= impactapi.MinWindow:
		if noted := r.State.NoteListRequests(ctx, w, requests); noted != nil {
			return noted
		}
		r.Log.Debug("the window has more rows than pages may hold, or is refused: halved", "from", w.From, "to", w.To, "error", err)
		return r.State.SplitWindow(ctx, w)
	case err != nil:
		noted := r.State.NoteListRequests(ctx, w, requests)
		return errors.Join(fmt.Errorf("read page %d of impact.com's %s of %s to %s: %w", w.Page+1, w.Kind, day(w.From), day(w.To), err), noted)
	}
	missing, err := r.State.NotePage(ctx, w, state.PageRead{Rows: p.Rows, Total: p.Total, Last: p.Last, Requests: requests})
	if missing > 0 {
		r.Log.Debug("rows moved between pages while they were read", "kind", w.Kind, "missing", missing)
	}
	r.watch(w, p)
	return errors.Join(err, r.Limit.Sync(ctx, time.Second))
}

func day(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func (r *Reader) watch(w state.ReadWindow, p *impactapi.Page) {
	if w.Page == 0 {
		r.total += int64(max(p.Total, p.Rows))
	}
	r.read += int64(p.Rows)
	if r.Watch != nil {
		r.Watch(r.read, max(r.total, r.read))
	}
}

// tries is how often a page is asked for whose answer breaks off.
const tries = 3

// request gets the next page of a window and stores its rows. A page that breaks off is
// asked for again: its rows take the same places. It returns how many requests were
// made, also with an error.
func (r *Reader) request(ctx context.Context, w state.ReadWindow) (p *impactapi.Page, requests int, err error) {
	for try := 1; ; try++ {
		if err := r.room(ctx); err != nil {
			return nil, requests, err
		}
		p, err = r.call(ctx, w)
		var api *impactapi.Error
		switch {
		case err == nil:
			r.Limit.Answered(p.Rate)
			r.Limit.Settle(p.Attempts)
			return p, requests + p.Attempts, nil
		case errors.As(err, &api):
			r.Limit.Failed(api)
			r.Limit.Settle(api.Attempts)
			requests += api.Attempts
		default:
			r.Limit.Settle(0)
			return nil, requests, err
		}
		var kept *storeError
		if try == tries || ctx.Err() != nil || errors.As(err, &kept) || !impactapi.Unclear(err) {
			return nil, requests, refused(err)
		}
		r.Log.Debug("a page broke off", "error", err, "try", try)
	}
}

// storeError is a failure of the state, not of impact.com.
type storeError struct{ error }

func (e *storeError) Unwrap() error { return e.error }

// room waits for room for a request.
func (r *Reader) room(ctx context.Context) error {
	if r.PerHour > 0 {
		sent, err := r.State.ListRequestsSent(ctx)
		if err != nil {
			return err
		}
		if sent >= int64(r.PerHour) {
			return fmt.Errorf("%w: reading actions has used its share of the last hour (%d); the next run goes on", ErrNoRoom, sent)
		}
	}
	if r.Limit.Turn(ctx, r.Wait) {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	_, why := r.Limit.Wait()
	return fmt.Errorf("%w: %s; the next run goes on", ErrNoRoom, why)
}

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
		ID: a.ID, TrackerID: a.TrackerID, TrackerName: a.TrackerName, EventCode: a.EventCode, PartnerID: a.PartnerID, State: a.State, OrderID: a.OrderID, Currency: a.Currency,
		Amount: amountOf(a.Amount), Intended: amountOf(a.IntendedAmount), Payout: amountOf(a.Payout), ClientCost: amountOf(a.ClientCost),
		EventAt: a.EventAt, CreatedAt: a.CreatedAt, LockingAt: a.LockingAt, ClearedAt: a.ClearedAt,
	}
}

func changeOf(u *impactapi.ActionUpdate) state.ActionChange {
	return state.ActionChange{
		ID: u.ID, ActionID: u.ActionID, State: u.State, Disposition: u.Disposition, Sku: u.Sku, Quantity: u.Quantity, Delta: amountOf(u.DeltaAmount), UpdatedAt: u.UpdatedAt,
	}
}

// amountOf returns an amount, or none if there is none that can be read.
func amountOf(text string) state.Money {
	a, err := money.Parse(text)
	return state.Money{Int64: int64(a), Valid: err == nil}
}
