package impactapi

import (
	"context"
	"time"
)

// The states of an action.
const (
	Pending  = "PENDING"  // also after a modification
	Approved = "APPROVED" // locked, or approved by hand: final
	Reversed = "REVERSED" // not paid
)

// Action is a conversion that was credited to a partner. What impact.com knows of the
// customer is not read. Amounts are decimals as impact.com writes them, and "" where
// there is none.
//
// https://integrations.impact.com/brand-api-reference/reference/actions/actions
type Action struct {
	ID             string
	TrackerID      string // ActionTrackerId, the event type
	TrackerName    string
	EventCode      string
	PartnerID      string
	State          string // Pending, Approved or Reversed
	OrderID        string // Oid; "" if it has none
	Amount         string
	IntendedAmount string // before it was modified
	Currency       string // usually the account's
	Payout         string // the partner's commission
	ClientCost     string // the commission and impact.com's fee
	EventAt        time.Time
	CreatedAt      time.Time
	LockingAt      time.Time // it can be changed until then; zero: not set
	ClearedAt      time.Time // zero: not paid
}

type actionRow struct {
	ID              text `json:"Id"`
	ActionTrackerID text `json:"ActionTrackerId"`
	TrackerName     text `json:"ActionTrackerName"`
	EventCode       text
	MediaPartnerID  text `json:"MediaPartnerId"`
	State           text
	Oid             text
	Amount          text
	IntendedAmount  text
	Currency        text
	Payout          text
	ClientCost      text
	EventDate       text
	CreationDate    text
	LockingDate     text
	ClearedDate     text
}

func (r *actionRow) action() *Action {
	return &Action{
		ID: string(r.ID), TrackerID: string(r.ActionTrackerID), TrackerName: redactEmails(string(r.TrackerName)), EventCode: string(r.EventCode),
		PartnerID: string(r.MediaPartnerID), State: string(r.State), OrderID: idOf(r.Oid), Amount: r.Amount.decimal(), IntendedAmount: r.IntendedAmount.decimal(),
		Currency: string(r.Currency), Payout: r.Payout.decimal(), ClientCost: r.ClientCost.decimal(),
		EventAt: r.EventDate.time(), CreatedAt: r.CreationDate.time(), LockingAt: r.LockingDate.time(), ClearedAt: r.ClearedDate.time(),
	}
}

// Actions returns a page of the actions that were updated in a window, newest first,
// and calls each with them while they come. An error of each ends it. Rows move
// between pages when actions change meanwhile, so a row may come twice or not at all.
func (c *Client) Actions(ctx context.Context, w Window, each func(*Action) error) (*Page, error) {
	return listed(ctx, c, "Actions", w, func(r *actionRow) error { return each(r.action()) })
}

// ActionUpdate is one change of an action.
//
// https://integrations.impact.com/impact-brand/reference/list-all-action-updates
type ActionUpdate struct {
	ID          string // the action's and a number
	ActionID    string
	State       string
	Disposition string // why, as a code
	DeltaAmount string
	Currency    string
	Sku         string
	Quantity    string
	UpdatedAt   time.Time
}

type updateRow struct {
	ID          text `json:"Id"`
	ActionID    text `json:"ActionId"`
	State       text
	Disposition text
	DeltaAmount text
	Currency    text
	Sku         text
	Quantity    text
	UpdateDate  text
}

// ActionUpdates returns a page of the changes of actions in a window, as
// [Client.Actions] does.
func (c *Client) ActionUpdates(ctx context.Context, w Window, each func(*ActionUpdate) error) (*Page, error) {
	return listed(ctx, c, "ActionUpdates", w, func(r *updateRow) error {
		return each(&ActionUpdate{
			ID: string(r.ID), ActionID: string(r.ActionID), State: string(r.State), Disposition: redactEmails(string(r.Disposition)), DeltaAmount: r.DeltaAmount.decimal(),
			Currency: string(r.Currency), Sku: idOf(r.Sku), Quantity: string(r.Quantity), UpdatedAt: r.UpdateDate.time(),
		})
	})
}
