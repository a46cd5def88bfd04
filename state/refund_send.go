package state

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/impactsync/impactsync/sync/refund"
)

// Reversal is a change of an action that is to be sent now.
type Reversal struct {
	Order    RefundedOrder
	Attempt  int64
	Whole    bool          // the action is taken back
	Items    []refund.Item // else what is left of each item that changes
	Attempts int           // earlier attempts

	prior orderChange
}

// DueReversals returns orders whose action is to be changed now.
func (d *DB) DueReversals(ctx context.Context, most int) ([]RefundedOrder, error) {
	now := d.now().UnixNano()
	return read(ctx, d, func(v *view) ([]RefundedOrder, error) {
		return collect(v, `SELECT id, order_id, coalesce(action_id, '') FROM order_changes
			WHERE status IN (1, 3) AND status > 0 AND (status = 1 OR class = 'retry' AND next_attempt_at <= ?) ORDER BY id LIMIT ?`, []any{now, most},
			func(o *RefundedOrder) []any { return []any{&o.ID, &o.OrderID, &o.ActionID} })
	})
}

// ClaimReversals notes what is about to be sent, before the first byte leaves, for the
// orders whose actions are still as they must be. The looks are of this moment.
func (d *DB) ClaimReversals(ctx context.Context, rules RefundRules, looks []Look, requests int) (claims []*Reversal, err error) {
	return claims, d.update(ctx, func(t *tx) error {
		claims = nil
		if err := t.refundRequests(requests); err != nil {
			return err
		}
		for i := range looks {
			c, err := t.claimReversal(&looks[i], rules)
			if err != nil {
				return err
			}
			if c != nil {
				claims = append(claims, c)
			}
		}
		return nil
	})
}

func (t *tx) claimReversal(l *Look, rules RefundRules) (*Reversal, error) {
	var c orderChange
	found, err := t.Get(selectChange+`WHERE id = ? AND (status = 1 OR status = 3 AND class = 'retry')`, []any{l.Order.ID}, c.dest()...)
	if err != nil || !found {
		return nil, err
	}
	if l.Failed != "" {
		c.wait(waitsRetry, l.Failed, t.nextLook(&c))
		return nil, t.putChange(&c, false)
	}
	prior := c
	a := &l.Actions[0]
	if !a.live() {
		c.settle(refundDone, "the action was reversed before")
	} else {
		t.check(&c, a, rules)
	}
	if c.status == statusRefused {
		t.countRun("refunds_reported", 1)
	}
	if c.status != statusPending {
		return nil, t.putChange(&c, false)
	}
	t.d.seq++
	claim := &Reversal{Order: l.Order, Attempt: t.d.seq, Whole: c.wanted == refund.Reversed, Attempts: c.attempts, prior: prior}
	if !claim.Whole {
		claim.Items = changed(c.told, c.wanted)
	}
	c.status, c.class, c.doubt, c.attempts, c.attemptedAt = statusInFlight, "", true, c.attempts+1, t.now
	c.sent, c.prior = sql.NullString{String: c.wanted, Valid: true}, c.told
	if err := t.putChange(&c, false); err != nil {
		return nil, err
	}
	_, err = t.Exec(`UPDATE order_changes SET attempt = ? WHERE id = ?`, claim.Attempt, c.id)
	return claim, err
}

// changed returns the items of which less is left than was told.
func changed(told, wanted string) (items []refund.Item) {
	left := map[string]int64{}
	for _, it := range refund.ItemsIn(told) {
		left[it.Sku] = it.Quantity
	}
	for _, it := range refund.ItemsIn(wanted) {
		if n, was := left[it.Sku]; !was || n != it.Quantity {
			items = append(items, it)
		}
	}
	return items
}

// ReversalOutcome is how a change of an action ended.
type ReversalOutcome struct {
	Claim     *Reversal
	Result    Result // Delivered, Refused, RetryLater, Unknown or Unsent
	Next      time.Time
	Error     string
	QueuedURI string
	Requests  int
}

// SettleReversals stores how changes ended.
func (d *DB) SettleReversals(ctx context.Context, outcomes []ReversalOutcome) error {
	return d.update(context.WithoutCancel(ctx), func(t *tx) error {
		for i := range outcomes {
			if err := t.settleReversal(&outcomes[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *tx) settleReversal(o *ReversalOutcome) error {
	if err := t.refundRequests(o.Requests); err != nil {
		return err
	}
	var c orderChange
	found, err := t.Get(selectChange+`WHERE id = ? AND status = 2 AND attempt = ?`, []any{o.Claim.Order.ID, o.Claim.Attempt}, c.dest()...)
	if err != nil || !found {
		return err
	}
	switch o.Result {
	case Delivered:
		c.told, c.toldAt, c.doubt, c.queuedURI, c.looks = c.sent.String, t.now, false, o.QueuedURI, 0
		c.wait(waitsShown, "impact.com took the change and does not show it so far", t.nextLook(&c))
		t.countRun("refunds_told", 1)
	case Refused:
		c.doubt = o.Claim.prior.doubt
		c.report("refused", o.Error)
		t.countRun("refunds_reported", 1)
	case Unknown:
		c.status, c.class, c.reason, c.looks = statusUnknown, waitsShown, o.Error, 0
		c.nextAt = t.nextLook(&c)
	case RetryLater:
		c.doubt = o.Claim.prior.doubt
		c.wait(waitsRetry, o.Error, o.Next.UnixNano())
	default: // nothing was sent
		c.status, c.class, c.reason, c.doubt, c.attempts = statusPending, "", "", o.Claim.prior.doubt, c.attempts-1
	}
	return t.putChange(&c, false)
}

// recoverReversals makes unknown what a dead process left in flight.
func (t *tx) recoverReversals() error {
	n, err := t.Exec(`UPDATE order_changes SET status = 5, class = 'shown', reason = ?, next_attempt_at = ?, looks = 0, changed_at = ? WHERE status = 2 AND status > 0`, diedError, t.now, t.now)
	t.countRun("recovered", n)
	return err
}

// clampReversals lets no look or retry wait beyond a time because the clock was ahead.
func (t *tx) clampReversals() error {
	_, err := t.Exec(`UPDATE order_changes SET next_attempt_at = ?1 WHERE status IN (3, 5) AND status > 0 AND next_attempt_at > ?2`, t.now, t.now+int64(12*time.Hour))
	return err
}

// pruneRefunds deletes what was settled long ago.
func (t *tx) pruneRefunds(before int64) error {
	_, messages := t.Exec(`DELETE FROM refunds WHERE read_at < ?1 AND order_id IN (SELECT order_id FROM order_changes WHERE status = 0 AND stale = 0 AND changed_at < ?1)`, before)
	_, orders := t.Exec(`DELETE FROM order_changes WHERE status = 0 AND stale = 0 AND changed_at < ? AND NOT EXISTS (SELECT 1 FROM refunds r WHERE r.order_id = order_changes.order_id)`, before)
	return errors.Join(messages, orders)
}
