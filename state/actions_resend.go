package state

import (
	"context"
	"errors"
	"time"
)

// SentOrder is what is known of a conversion that may be sent again.
type SentOrder struct {
	Delivery          int64
	EventType         string
	Source, Object    string // where its message was read
	Line              int64
	File              string // of conversions, which has it; "": none
	Status            string // pending, in flight, retry later, refused, unknown, held, settled
	Outcome           string // of settled ones
	Verdict           string // "": not reconciled so far
	Live              int64  // actions that are not reversed
	EventAt, SettleAt time.Time
}

// SentOrders returns the conversions of an order: one for each event type.
func (d *DB) SentOrders(ctx context.Context, orderID string) ([]SentOrder, error) {
	return read(ctx, d, func(v *view) ([]SentOrder, error) {
		return collect(v, `SELECT d.id, d.event_type, coalesce(j.source, ''), coalesce(j.name, ''), coalesce(d.line, 0), coalesce((SELECT name FROM files f WHERE f.id = d.file AND d.status > 0), ''), CASE d.status WHEN 0 THEN 'settled' WHEN 1 THEN 'pending' WHEN 2 THEN 'in flight'
				WHEN 3 THEN 'retry later' WHEN 4 THEN 'refused' WHEN 5 THEN 'unknown' ELSE 'held' END, coalesce(d.outcome, ''), coalesce(r.verdict, ''),
				(SELECT count(*) FROM actions a WHERE a.order_id = d.order_id AND a.event_type = d.event_type AND a.state <> 'REVERSED'), d.event_at, d.delivered_at
			FROM deliveries d LEFT JOIN objects j ON j.id = d.origin LEFT JOIN reconciliations r ON r.order_id = d.order_id AND r.event_type = d.event_type
			WHERE d.order_id = ? AND d.event_type IS NOT NULL`, []any{orderID}, func(s *SentOrder) []any {
			return []any{&s.Delivery, &s.EventType, &s.Source, &s.Object, &s.Line, &s.File, &s.Status, &s.Outcome, &s.Verdict, &s.Live, moment{&s.EventAt}, moment{&s.SettleAt}}
		})
	})
}

// ErrNotResendable says that an order is not settled, or was forgotten meanwhile.
var ErrNotResendable = errors.New("the order is not one that was sent and answered")

// Resend makes a conversion due again that was settled: the next run sends it with this
// payload. What was known of impact.com's verdict on the earlier request is forgotten.
func (d *DB) Resend(ctx context.Context, delivery int64, payload []byte) error {
	return d.update(ctx, func(t *tx) error {
		n, err := t.reviveEvent(delivery, payload)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNotResendable
		}
		if _, err := t.Exec(`DELETE FROM verdicts WHERE delivery_id = ?`, delivery); err != nil {
			return err
		}
		return t.holdSuppressed()
	})
}

// RetryOrder makes one refused conversion due again.
func (d *DB) RetryOrder(ctx context.Context, delivery int64) error {
	return d.update(ctx, func(t *tx) error {
		n, err := t.releaseEvents(`id = ?1 AND status = 4 AND status > 0`, delivery)
		if err == nil && n == 0 {
			err = ErrNotResendable
		}
		return errors.Join(err, t.holdSuppressed())
	})
}
