package state

import (
	"cmp"

	"github.com/impactsync/impactsync/sync/money"
)

// refundMoments tells of the refunds of an order, and of what impact.com was told.
func (v *view) refundMoments(o *OrderExplanation) error {
	type message struct {
		at, event, source, kind, items, reason, currency, key string
		amount                                                Money
	}
	all, err := collect(v, `SELECT `+isoText("at")+`, event, source, kind, coalesce(items, ''), coalesce(reason, ''), coalesce(currency, ''), key, nullif(amount, 0) FROM refunds WHERE order_id = ?`, []any{o.OrderID},
		func(m *message) []any {
			return []any{&m.at, &m.event, &m.source, &m.kind, &m.items, &m.reason, &m.currency, &m.key, &m.amount}
		})
	if err != nil {
		return err
	}
	for _, m := range all {
		o.add(m.at, "refund", m.event, "reads as "+m.kind, m.items, sum(m.amount, m.currency), m.reason, "message "+m.key)
	}
	return v.toldMoments(o)
}

func (v *view) toldMoments(o *OrderExplanation) error {
	type told struct {
		attempted, told, changed, status, class, reason, wanted, said, action, currency string
		left                                                                            money.Amount
		attempts                                                                        int64
	}
	all, err := collect(v, `SELECT `+isoText("c.attempted_at")+`, `+isoText("c.told_at")+`, `+isoText("c.changed_at")+`, r.status, coalesce(r.class, ''), coalesce(r.reason, ''), r.wanted, r.told, coalesce(c.action_id, ''),
		coalesce(c.currency, ''), coalesce(c.amount_left, 0), c.attempts FROM order_changes c JOIN order_refunds r USING (order_id) WHERE c.order_id = ?`, []any{o.OrderID}, func(t *told) []any {
		return []any{&t.attempted, &t.told, &t.changed, &t.status, &t.class, &t.reason, &t.wanted, &t.said, &t.action, &t.currency, &t.left, &t.attempts}
	})
	if err != nil {
		return err
	}
	for _, t := range all {
		o.add(t.attempted, "a change of the action was sent", labelled("action", t.action))
		o.add(t.told, "impact.com took the change", t.said)
		o.add(t.changed, "refund "+t.status, "wanted: "+t.wanted, "left: "+t.left.Format(t.currency)+" "+t.currency, cmp.Or(t.reason, t.class))
	}
	return nil
}
