package state

import (
	"context"
	"encoding/json"

	"github.com/impactsync/impactsync/sync/money"
)

// RefundCount counts the orders that were taken back and of which the same became, in
// one currency.
type RefundCount struct {
	Status   string       `json:"status"`          // as in the view order_refunds
	Class    string       `json:"class,omitempty"` // likewise
	Currency string       `json:"currency,omitempty"`
	Orders   int64        `json:"orders"`
	Amount   money.Amount `json:"-"`     // that was taken back; in JSON with its currency's places
	Whole    int64        `json:"whole"` // of the orders, those of which nothing is left
}

// MarshalJSON implements [json.Marshaler].
func (c RefundCount) MarshalJSON() ([]byte, error) {
	type plain RefundCount
	return json.Marshal(struct {
		plain
		Amount string `json:"amount"`
	}{plain(c), c.Amount.Format(c.Currency)})
}

// RefundCounts returns them.
func (d *DB) RefundCounts(ctx context.Context) ([]RefundCount, error) {
	return read(ctx, d, (*view).refundCounts)
}

func (v *view) refundCounts() ([]RefundCount, error) {
	return collect(v, `SELECT CASE status WHEN 0 THEN coalesce(class, 'done') WHEN 1 THEN 'pending' WHEN 2 THEN 'in flight' WHEN 3 THEN 'waiting' WHEN 4 THEN 'reported' WHEN 5 THEN 'unknown' ELSE 'held' END AS state,
			CASE WHEN status > 0 AND status <> 6 THEN coalesce(class, '') ELSE '' END, coalesce(currency, ''), count(*), coalesce(sum(amount_back), 0), sum(wanted = 'reversed')
			FROM order_changes GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`, nil,
		func(c *RefundCount) []any {
			return []any{&c.Status, &c.Class, &c.Currency, &c.Orders, &c.Amount, &c.Whole}
		})
}

// RefundSample is an order that was taken back.
type RefundSample struct {
	OrderID  string       `json:"order_id"`
	Status   string       `json:"status"`
	Class    string       `json:"class,omitempty"`
	Reason   string       `json:"reason,omitempty"`
	Wanted   string       `json:"wanted"` // as sold, reduced, reversed
	Amount   money.Amount `json:"-"`      // that was taken back; in JSON with its currency's places
	Currency string       `json:"currency,omitempty"`
}

// MarshalJSON implements [json.Marshaler].
func (s RefundSample) MarshalJSON() ([]byte, error) {
	type plain RefundSample
	return json.Marshal(struct {
		plain
		Amount string `json:"amount_back"`
	}{plain(s), s.Amount.Format(s.Currency)})
}

// RefundSamples returns the orders that a run would change, or that a person has to
// look at, the newest first.
func (d *DB) RefundSamples(ctx context.Context, most int) ([]RefundSample, error) {
	return read(ctx, d, func(v *view) ([]RefundSample, error) {
		return collect(v, `SELECT r.order_id, r.status, coalesce(r.class, ''), coalesce(r.reason, ''), r.wanted, coalesce(c.amount_back, 0), coalesce(r.currency, '')
			FROM order_changes c JOIN order_refunds r ON r.order_id = c.order_id WHERE c.status > 0 ORDER BY c.id DESC LIMIT ?`, []any{most},
			func(s *RefundSample) []any {
				return []any{&s.OrderID, &s.Status, &s.Class, &s.Reason, &s.Wanted, &s.Amount, &s.Currency}
			})
	})
}
