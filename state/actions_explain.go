package state

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/sync/money"
)

// OrderMoment is something that happened to an order.
type OrderMoment struct {
	At     string `json:"at"` // "": not known
	What   string `json:"what"`
	Detail string `json:"detail,omitempty"`
}

// OrderExplanation is everything known of one order of one event type.
type OrderExplanation struct {
	OrderID   string        `json:"order_id"`
	EventType string        `json:"event_type"`        // "": only refunds are known of it
	Verdict   string        `json:"verdict,omitempty"` // "": not reconciled so far
	Reason    string        `json:"reason,omitempty"`
	Status    string        `json:"status,omitempty"` // of its delivery; "": there is none
	Moments   []OrderMoment `json:"moments"`          // in time order
}

// ExplainOrder returns everything known of an order, one element for each of its event
// types; none if nothing is known.
func (d *DB) ExplainOrder(ctx context.Context, orderID string) ([]OrderExplanation, error) {
	return read(ctx, d, func(v *view) ([]OrderExplanation, error) {
		all, err := collect(v, `SELECT order_id, k.event_type, coalesce(r.verdict, ''), coalesce(r.reason, ''), coalesce(`+fmt.Sprintf(statusWords, "(SELECT d.status FROM deliveries d WHERE d.order_id = k.order_id AND d.event_type = k.event_type)")+`, '')
			FROM (SELECT order_id, event_type FROM deliveries WHERE order_id = ?1 AND event_type IS NOT NULL UNION SELECT order_id, event_type FROM actions WHERE order_id = ?1
				UNION SELECT order_id, event_type FROM reconciliations WHERE order_id = ?1
				UNION SELECT order_id, coalesce(event_type, '') FROM order_changes WHERE order_id = ?1 AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.order_id = ?1 AND d.event_type IS NOT NULL)
					AND NOT EXISTS (SELECT 1 FROM actions a WHERE a.order_id = ?1) AND NOT EXISTS (SELECT 1 FROM reconciliations r WHERE r.order_id = ?1)) k LEFT JOIN reconciliations r USING (order_id, event_type)`,
			[]any{orderID}, func(o *OrderExplanation) []any {
				return []any{&o.OrderID, &o.EventType, &o.Verdict, &o.Reason, &o.Status}
			})
		if err != nil {
			return nil, err
		}
		for i := range all {
			if err := v.moments(&all[i]); err != nil {
				return nil, err
			}
		}
		return all, nil
	})
}

// moments collects what happened to an order.
func (v *view) moments(o *OrderExplanation) error {
	o.Moments = []OrderMoment{}
	for _, part := range []func(*OrderExplanation) error{v.sentMoments, v.failedMoments, v.submissionMoments, v.actionMoments, v.changeMoments, v.refundMoments, v.verdictMoments} {
		if err := part(o); err != nil {
			return err
		}
	}
	slices.SortStableFunc(o.Moments, func(x, y OrderMoment) int { return cmp.Compare(x.At, y.At) })
	return nil
}

func (o *OrderExplanation) add(at, what string, detail ...string) {
	if at == "" {
		return
	}
	detail = slices.DeleteFunc(detail, func(s string) bool { return s == "" })
	o.Moments = append(o.Moments, OrderMoment{at, what, strings.Join(detail, "; ")})
}

// sum returns an amount with its currency, or "".
func sum(a Money, currency string) string {
	if !a.Valid {
		return ""
	}
	return strings.TrimSpace(money.Amount(a.Int64).Format(currency) + " " + currency)
}

func labelled(label, text string) string {
	if text == "" {
		return ""
	}
	return label + " " + text
}

func (v *view) sentMoments(o *OrderExplanation) error {
	type row struct {
		event, message, object, currency, status, at, created, delivered, uri, outcome, last string
		amount                                                                               Money
		line, attempts                                                                       int64
	}
	all, err := collect(v, `SELECT d.event, d.message_id, coalesce(j.source || ': ' || j.name, ''), coalesce(d.currency, ''), `+fmt.Sprintf(statusWords, "d.status")+`, `+isoText("d.event_at")+`, `+isoText("d.created_at")+`,
			`+isoText("d.delivered_at")+`, coalesce(d.queued_uri, ''), coalesce(d.outcome, ''), coalesce(d.last_error, ''), d.amount, coalesce(d.line, 0), d.attempts
		FROM deliveries d LEFT JOIN objects j ON j.id = d.origin WHERE d.order_id = ? AND d.event_type = ?`, []any{o.OrderID, o.EventType}, func(r *row) []any {
		return []any{&r.event, &r.message, &r.object, &r.currency, &r.status, &r.at, &r.created, &r.delivered, &r.uri, &r.outcome, &r.last, &r.amount, &r.line, &r.attempts}
	})
	if err != nil {
		return err
	}
	for _, r := range all {
		o.add(r.at, "sold", r.event, sum(r.amount, r.currency), "message "+r.message)
		o.add(r.created, "read", labelled("line "+fmt.Sprint(r.line)+" of", r.object))
		switch {
		case r.delivered != "" && r.outcome == "delivered":
			o.add(r.delivered, "impact.com took it", r.uri)
		case r.delivered != "":
			o.add(r.delivered, r.outcome)
		}
	}
	return nil
}

func (v *view) failedMoments(o *OrderExplanation) error {
	for a, err := range each(v, `SELECT `+isoText("a.at")+`, a.outcome, a.error FROM failed_attempts a JOIN deliveries d ON d.id = a.delivery_id WHERE d.order_id = ? AND d.event_type = ?`,
		[]any{o.OrderID, o.EventType}, func(m *[3]string) []any { return []any{&m[0], &m[1], &m[2]} }) {
		if err != nil {
			return err
		}
		o.add(a[0], "an attempt failed", a[1], a[2])
	}
	return nil
}

func (v *view) submissionMoments(o *OrderExplanation) error {
	for s, err := range each(v, `SELECT `+isoText("coalesce(s.completed_at, s.looked_at)")+`, s.status, coalesce(s.error_type, ''), coalesce(s.reasons, ''), s.verdict
		FROM verdicts s JOIN deliveries d ON d.id = s.delivery_id WHERE d.order_id = ? AND d.event_type = ?`,
		[]any{o.OrderID, o.EventType}, func(m *[5]string) []any { return []any{&m[0], &m[1], &m[2], &m[3], &m[4]} }) {
		if err != nil {
			return err
		}
		o.add(s[0], "impact.com answered", s[1], s[2], s[3], "which means "+s[4])
	}
	return nil
}

func (v *view) actionMoments(o *OrderExplanation) error {
	type row struct {
		id, state, currency, partner, created, locking, cleared string
		amount, intended, payout                                Money
	}
	for a, err := range each(v, `SELECT id, state, coalesce(currency, ''), coalesce(partner_id, ''), `+isoText("coalesce(created_at, seen_at)")+`, `+isoText("locking_at")+`, `+isoText("cleared_at")+`, amount, intended_amount, payout
		FROM actions WHERE order_id = ? AND event_type = ?`, []any{o.OrderID, o.EventType}, func(r *row) []any {
		return []any{&r.id, &r.state, &r.currency, &r.partner, &r.created, &r.locking, &r.cleared, &r.amount, &r.intended, &r.payout}
	}) {
		if err != nil {
			return err
		}
		o.add(a.created, "action "+a.id, labelled("partner", a.partner), sum(a.intended, a.currency), labelled("now", sum(a.amount, a.currency)), labelled("commission", sum(a.payout, a.currency)), a.state)
		o.add(a.locking, "action "+a.id+" locks")
		o.add(a.cleared, "action "+a.id+" is paid")
	}
	return nil
}

func (v *view) changeMoments(o *OrderExplanation) error {
	type row struct {
		at, action, state, why, sku, quantity, currency string
		delta                                           Money
	}
	for c, err := range each(v, `SELECT `+isoText("c.updated_at")+`, c.action_id, c.state, coalesce(c.disposition, ''), coalesce(c.sku, ''), coalesce(c.quantity, ''), coalesce(a.currency, ''), c.delta_amount
		FROM action_changes c JOIN actions a ON a.id = c.action_id WHERE a.order_id = ? AND a.event_type = ?`, []any{o.OrderID, o.EventType}, func(r *row) []any {
		return []any{&r.at, &r.action, &r.state, &r.why, &r.sku, &r.quantity, &r.currency, &r.delta}
	}) {
		if err != nil {
			return err
		}
		o.add(c.at, "action "+c.action+" changed", c.why, c.state, labelled("by", sum(c.delta, c.currency)), labelled("product", c.sku), labelled("quantity", c.quantity))
	}
	return nil
}

func (v *view) verdictMoments(o *OrderExplanation) error {
	for r, err := range each(v, `SELECT `+isoText("changed_at")+`, verdict, coalesce(reason, '') FROM reconciliations WHERE order_id = ? AND event_type = ?`,
		[]any{o.OrderID, o.EventType}, func(m *[3]string) []any { return []any{&m[0], &m[1], &m[2]} }) {
		if err != nil {
			return err
		}
		o.add(r[0], "verdict "+r[1], r[2])
	}
	return nil
}
