package sandbox

import (
	"time"

	"github.com/impactsync/impactsync/sync/money"
)

// The states of an action.
const (
	pending  = "PENDING"
	approved = "APPROVED"
	reversed = "REVERSED"
)

// action is a conversion that was credited to a partner.
//
// https://integrations.impact.com/brand-api-reference/reference/actions/actions
type action struct {
	id                                string
	campaign, tracker, event, partner string
	order, customer, status, promo    string
	currency                          string
	items                             []item
	byItems                           bool // the conversion had items
	openEnded, consent                bool

	state                                     string
	amount, intendedAmount, deltaAmount       money.Amount
	payout, intendedPayout, deltaPayout       money.Amount
	clicked, happened, created, updated, lock time.Time
	changes                                   int
}

// item is one line of an action. An action without items has one without a Sku.
type item struct {
	sku, name, category        string
	quantity, intendedQuantity int64
	amount, intendedAmount     money.Amount
	adjusted                   time.Time
	reason                     string
}

// update is one record of the actions' log.
type update struct {
	action         *action
	number         int
	at             time.Time
	state          string
	disposition    string
	amount, payout money.Amount // how much they changed
	item           *item        // as it was then; nil: the whole order
}

// stateAt returns the state by the clock: what is pending is approved when it locks.
func (a *action) stateAt(now time.Time) string {
	if a.state == pending && a.lockedAt(now) {
		return approved
	}
	return a.state
}

// lockedAt reports whether the action cannot be changed any more.
func (a *action) lockedAt(now time.Time) bool {
	return a.state == approved || !a.lock.IsZero() && !now.Before(a.lock)
}

// total returns the sum of the items.
func (a *action) total() (sum money.Amount) {
	for i := range a.items {
		sum += a.items[i].amount
	}
	return sum
}

// find returns the item with a Sku; the first, if there are several.
func (a *action) find(sku string) *item {
	for i := range a.items {
		if a.items[i].sku == sku {
			return &a.items[i]
		}
	}
	return nil
}

// spread makes the items' amounts add up to a new total, in proportion.
func (a *action) spread(total money.Amount) {
	old, left := a.total(), total
	for i := range a.items {
		share := left
		if i < len(a.items)-1 && old != 0 {
			share = total.Share(int64(a.items[i].amount), int64(old)).Round(a.currency)
		}
		a.items[i].amount = share
		left -= share
	}
}
