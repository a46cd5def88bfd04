package state

import (
	"context"
	"time"
)

// OrderAction is an action of impact.com that was read for its order. Nothing of the
// customer belongs here.
type OrderAction struct {
	SeenAction
	OrderID, PartnerID string
	EventAt, CreatedAt time.Time
	Payout, ClientCost any // a number of ten-thousandths, or nil
	ClearedAt          time.Time
}

// NoteOrderActions stores actions that were read for their orders.
func (d *DB) NoteOrderActions(ctx context.Context, all []OrderAction, requests int) error {
	return d.update(context.WithoutCancel(ctx), func(t *tx) error {
		if err := t.refundRequests(requests); err != nil {
			return err
		}
		for i := range all {
			a := &all[i]
			_, err := t.Exec(`INSERT INTO actions (id, event_type, order_id, state, amount, intended_amount, currency, payout, client_cost, partner_id, event_at, created_at, locking_at, cleared_at, seen_at, tracker_id)
				VALUES (?1, coalesce((SELECT event_type FROM action_types WHERE tracker_id = ?15), ?15), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
				ON CONFLICT (id) DO UPDATE SET state = excluded.state, amount = excluded.amount, intended_amount = excluded.intended_amount, payout = excluded.payout, client_cost = excluded.client_cost,
					locking_at = excluded.locking_at, cleared_at = excluded.cleared_at, seen_at = excluded.seen_at`,
				a.ID, null(a.OrderID), a.State, a.Amount, a.Intended, null(a.Currency), a.Payout, a.ClientCost, null(a.PartnerID), nanos(a.EventAt), nanos(a.CreatedAt), nanos(a.LockingAt), nanos(a.ClearedAt), t.now, a.Tracker)
			if err != nil {
				return err
			}
		}
		return nil
	})
}
