package state

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/impactsync/impactsync/sync/money"
	"github.com/impactsync/impactsync/sync/refund"
)

// refundMoments tells of the refunds of an order, and of what impact.com was told.
func (v *view) refundMoments(o *OrderExplanation) error {
	type message struct {
		at, event, source, kind, items, reason, currency, key, id string
		amount                                                    Money
	}
	all, err := collect(v, `SELECT `+isoText("at")+`, event, source, kind, coalesce(items, ''), coalesce(reason, ''), coalesce(currency, ''), key, coalesce(nullif(refund_id, key), ''), nullif(amount, 0) FROM refunds WHERE order_id = ?`, []any{o.OrderID},
		func(m *message) []any {
			return []any{&m.at, &m.event, &m.source, &m.kind, &m.items, &m.reason, &m.currency, &m.key, &m.id, &m.amount}
		})
	if err != nil {
		return err
	}
	for _, m := range all {
		o.add(m.at, "refund", m.event, "reads as "+m.kind, itemsText(m.items), sum(m.amount, m.currency), m.reason, labelled("refund", m.id), "message "+m.key)
	}
	return v.toldMoments(o)
}

// itemsText returns items as a person reads them: "1 of A, 2 of B".
func itemsText(items string) string {
	var all []string
	for _, it := range refund.ItemsIn(items) {
		all = append(all, fmt.Sprintf("%d of %s", it.Quantity, it.Sku))
	}
	return strings.Join(all, ", ")
}

func (v *view) toldMoments(o *OrderExplanation) error {
	type told struct {
		attempted, told, changed, status, class, reason, wanted, action, currency, sent string
		left                                                                            money.Amount
	}
	all, err := collect(v, `SELECT `+isoText("c.attempted_at")+`, `+isoText("c.told_at")+`, `+isoText("c.changed_at")+`, r.status, coalesce(r.class, ''), coalesce(r.reason, ''), r.wanted, coalesce(c.action_id, ''),
		coalesce(c.currency, ''), coalesce(c.amount_left, 0), coalesce(c.sent, '') FROM order_changes c JOIN order_refunds r USING (order_id) WHERE c.order_id = ?`, []any{o.OrderID}, func(t *told) []any {
		return []any{&t.attempted, &t.told, &t.changed, &t.status, &t.class, &t.reason, &t.wanted, &t.action, &t.currency, &t.left, &t.sent}
	})
	if err != nil {
		return err
	}
	for _, t := range all {
		said := "reversed"
		if t.sent != refund.Reversed {
			said = "reduced"
		}
		o.add(t.attempted, "a change of the action was sent", labelled("action", t.action), labelled("left of the items:", itemsText(t.sent)))
		o.add(t.told, "impact.com took the change", said)
		o.add(t.changed, "refund "+t.status, "wanted: "+t.wanted, strings.TrimSpace("left: "+t.left.Format(t.currency)+" "+t.currency), cmp.Or(t.reason, t.class))
	}
	return nil
}
