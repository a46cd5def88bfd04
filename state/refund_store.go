package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/impactsync/impactsync/sync/money"
	"github.com/impactsync/impactsync/sync/refund"
)

// The tables refunds and order_items, which are written here.

// Refund is a message about a refund, as it was read.
type Refund struct {
	refund.Message
	OrderID     string
	Source      string
	Event       string
	Payload     []byte // the message without anything of the person
	Fingerprint string // of the settings that it was read with
}

// storeRefund stores a message about a refund, unless it came before, and has its order
// computed anew.
func (t *tx) storeRefund(r *Refund) error {
	args := append([]any{r.Key, r.OrderID, r.ID, r.Source, r.Event, min(r.At, t.now), t.now, r.Payload}, r.says()...)
	n, err := t.Exec(`INSERT INTO refunds (key, order_id, refund_id, source, event, at, read_at, payload, kind, items, amount, net, currency, cumulative, tentative, reason, fingerprint)
		VALUES (?, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT), ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, args...)
	if err != nil {
		return err
	}
	if n == 0 {
		t.countRun("duplicate_refund", 1)
		return nil
	}
	t.countRun("refunds", 1)
	return t.touchOrder(r.OrderID)
}

// says returns what a message says, for the columns from kind on.
func (r *Refund) says() []any {
	var items any
	if len(r.Items) > 0 {
		items = asJSON(r.Items)
	}
	return []any{r.Kind, items, r.Amount, r.Net, null(r.Currency), r.Cumulative, r.Tentative, null(r.Reason), r.Fingerprint}
}

// touchOrder has what is left of an order computed anew.
func (t *tx) touchOrder(id string) error {
	_, err := t.Exec(`INSERT INTO order_changes (order_id, status, first_at, changed_at) VALUES (?1, 0, ?2, ?2) ON CONFLICT (order_id) DO UPDATE SET stale = 1`, id, t.now)
	return err
}

// insertItems stores what an order is sold with.
func (t *tx) insertItems(e *event) error {
	if e.Gross == 0 && len(e.Items) == 0 {
		return nil
	}
	const insert = `INSERT OR REPLACE INTO order_items (delivery_id, line, sku, category, quantity, amount) VALUES (?, ?, ?, ?, ?, ?)`
	if _, err := t.Exec(insert, e.id, 0, nil, nil, 0, e.Gross); err != nil {
		return err
	}
	for i, it := range e.Items {
		if _, err := t.Exec(insert, e.id, i+1, null(it.Sku), null(it.Category), it.Quantity, it.Amount); err != nil {
			return err
		}
	}
	return t.orderCame(e.OrderID)
}

// orderCame has an order computed anew whose refund was there before it.
func (t *tx) orderCame(id string) error {
	_, err := t.Exec(`UPDATE order_changes SET stale = 1 WHERE order_id = ?`, id)
	return err
}

// RereadRefunds reads the messages again that were read with other settings.
func (d *DB) RereadRefunds(ctx context.Context, fingerprint string, read func(source string, payload []byte, at time.Time) (refund.Message, bool)) error {
	const atOnce = 1000
	for more := true; more; {
		err := d.update(ctx, func(t *tx) error {
			type row struct {
				key, order, source string
				payload            []byte
				at                 int64
			}
			all, err := collect(t, `SELECT key, order_id, source, payload, at FROM refunds WHERE fingerprint <> ? LIMIT ?`, []any{fingerprint, atOnce},
				func(r *row) []any { return []any{&r.key, &r.order, &r.source, &r.payload, &r.at} })
			if err != nil {
				return err
			}
			more = len(all) == atOnce
			for _, r := range all {
				m, ok := read(r.source, r.payload, time.Unix(0, r.at))
				if !ok {
					m = refund.Message{Kind: refund.Unclear, Reason: "refunds.eventNames do not have its event any more"}
				}
				args := append((&Refund{Message: m, Fingerprint: fingerprint}).says(), r.key)
				if _, err := t.Exec(`UPDATE refunds SET kind = ?, items = ?, amount = ?, net = ?, currency = ?, cumulative = ?, tentative = ?, reason = ?, fingerprint = ? WHERE key = ?`, args...); err != nil {
					return err
				}
				if err := t.touchOrder(r.order); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// messagesOf returns the messages about an order.
func (t *tx) messagesOf(order string) (all []refund.Message, err error) {
	err = t.Each(`SELECT key, refund_id, at, kind, coalesce(items, ''), coalesce(amount, 0), net, coalesce(currency, ''), cumulative, tentative, coalesce(reason, '') FROM refunds WHERE order_id = ?`, []any{order}, func(rows *sql.Rows) error {
		var m refund.Message
		var items string
		err := rows.Scan(&m.Key, &m.ID, &m.At, &m.Kind, &items, &m.Amount, &m.Net, &m.Currency, &m.Cumulative, &m.Tentative, &m.Reason)
		if err == nil && items != "" {
			err = json.Unmarshal([]byte(items), &m.Items)
		}
		all = append(all, m)
		return err
	})
	return all, err
}

// sale is the conversion of an order.
type sale struct {
	refund.Order
	id          int64
	eventType   string
	status      status
	doubt       bool
	outcome     string
	deliveredAt int64
	several     bool // the order id belongs to several event types
}

// saleOf returns the conversion of an order; its id is 0 if none is known.
func (t *tx) saleOf(order string) (s sale, err error) {
	all, err := collect(t, `SELECT id, event_type, status, doubt, coalesce(outcome, ''), coalesce(delivered_at, 0), coalesce(amount, 0), coalesce(currency, '') FROM deliveries
		WHERE order_id = ? AND kind = 'conversion' AND event_type IS NOT NULL ORDER BY id DESC`, []any{order},
		func(s *sale) []any {
			return []any{&s.id, &s.eventType, &s.status, &s.doubt, &s.outcome, &s.deliveredAt, &s.Amount, &s.Currency}
		})
	if err != nil || len(all) == 0 {
		return s, err
	}
	s = all[0]
	for _, other := range all {
		s.several = s.several || other.eventType != s.eventType
	}
	return s, t.readItems(&s)
}

func (t *tx) readItems(s *sale) error {
	s.Gross = s.Amount
	if len(s.Currency) != 3 {
		s.Currency = ""
	}
	sum := money.Amount(0)
	err := t.Each(`SELECT line, coalesce(sku, ''), coalesce(category, ''), quantity, amount FROM order_items WHERE delivery_id = ? ORDER BY line`, []any{s.id}, func(rows *sql.Rows) error {
		var line int
		var it refund.Item
		err := rows.Scan(&line, &it.Sku, &it.Category, &it.Quantity, &it.Amount)
		if s.Known = true; line == 0 {
			s.Gross = it.Amount
			return err
		}
		sum += it.Amount
		s.Items = append(s.Items, it)
		return err
	})
	if len(s.Items) > 0 {
		s.Amount = sum // whatever refunds have made of it
	}
	return err
}
