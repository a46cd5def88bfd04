package rehearsal

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// refund is what was taken back of an order, and how the shop says so.
type refund struct {
	shape string      // blank: nothing
	waves [2][][]byte // the messages of a first and of a second day
	left  [2][]line   // what is left of the order after each; nil: as before
	whole [2]bool     // nothing is left
}

// meanings is the configuration that the shop's messages need.
const meanings = `refunds:
  mode: items
  wait: 1s
  margin: 24h
  perRun: 0
  refundEventNames: [Status Refunded, Amount Refunded, Refunds So Far]
  meanings:
    - {event: Status Refunded, amount: wholeOrder}
    - {event: Amount Refunded, amount: field, field: properties.refund_amount, full: properties.isFullRefund}
    - {event: Refunds So Far, amount: field, field: properties.cumulativeRefundAmount, cumulative: true}
guard:
  reversals: {percent: 100, atLeast: 1000000, money: 1000000000}
`

// shapes are the ways in which shops tell of refunds.
var shapes = []func(o *order){
	func(o *order) { // the order id alone
		o.says(0, "id only", "Order Refunded", nil)
		o.gone(0)
	},
	func(o *order) { // a cancellation repeats the order
		o.says(0, "cancelled", "Order Cancelled", map[string]any{"total": o.price(total(o.lines)), "currency": o.currency, "products": o.products(o.lines)})
		o.gone(0)
	},
	func(o *order) { // the products that came back
		o.says(0, "products", "Order Refunded", map[string]any{"total": o.price(o.lines[0].price), "currency": o.currency, "products": o.products(o.first())})
		o.less(0)
	},
	func(o *order) { // all of them
		o.says(0, "all products", "Order Refunded", map[string]any{"currency": o.currency, "products": o.products(o.lines)})
		o.gone(0)
	},
	func(o *order) { // a status: the whole order again
		o.says(0, "status", "Status Refunded", map[string]any{"total": o.price(total(o.lines)), "currency": o.currency, "products": o.products(o.lines)})
		o.gone(0)
	},
	func(o *order) { // a part of the money
		o.says(0, "money", "Amount Refunded", map[string]any{"refund_amount": o.price(1), "order_total": o.price(total(o.lines)), "currency": o.currency})
	},
	func(o *order) { // all of the money
		o.says(0, "all money", "Amount Refunded", map[string]any{"refund_amount": o.price(total(o.lines)), "order_total": o.price(total(o.lines)), "currency": o.currency})
		o.gone(0)
	},
	func(o *order) { // a flag
		o.says(0, "flag", "Amount Refunded", map[string]any{"refund_amount": o.price(1), "isFullRefund": true, "currency": o.currency})
		o.gone(0)
	},
	func(o *order) { // the sum so far
		o.says(0, "sums", "Refunds So Far", map[string]any{"cumulativeRefundAmount": o.price(1), "currency": o.currency})
		o.says(1, "sums", "Refunds So Far", map[string]any{"cumulativeRefundAmount": o.price(total(o.lines)), "currency": o.currency})
		o.gone(1)
	},
	func(o *order) { // negative numbers
		back := o.first()
		back[0].quantity = -back[0].quantity
		o.says(0, "negative", "Order Refunded", map[string]any{"total": o.price(-o.lines[0].price), "currency": o.currency, "products": o.products(back)})
		o.less(0)
	},
	func(o *order) { // one message, twice
		o.says(0, "repeated", "Order Refunded", map[string]any{"currency": o.currency, "products": o.products(o.first())})
		o.refund.waves[1] = o.refund.waves[0]
		o.less(0)
	},
	func(o *order) { // one refund in two messages
		o.says(0, "one refund", "Order Refunded", map[string]any{"refund_id": "r-" + o.id, "currency": o.currency, "products": o.products(o.first())})
		o.says(1, "one refund", "Order Refunded", map[string]any{"refund_id": "r-" + o.id, "currency": o.currency, "products": o.products(o.first())})
		o.less(0)
	},
	func(o *order) { // two parts
		o.says(0, "two parts", "Order Refunded", map[string]any{"refund_id": "r1-" + o.id, "currency": o.currency, "products": o.products(o.first())})
		o.less(0)
		if left := o.refund.left[0]; left != nil {
			o.says(1, "two parts", "Order Refunded", map[string]any{"refund_id": "r2-" + o.id, "currency": o.currency, "products": o.products(left)})
			o.gone(1)
		}
	},
	func(o *order) { // an update, which means nothing
		o.says(0, "updated", "Order Updated", map[string]any{"total": o.price(1), "currency": o.currency, "products": o.products(o.first())})
	},
}

// takeBack draws whether and how an order is refunded.
func (o *order) takeBack(rng *rand.Rand, share float64) {
	if rng.Float64() < share {
		shapes[rng.IntN(len(shapes))](o)
	}
}

// says adds a message to a wave.
func (o *order) says(wave int, shape, event string, properties map[string]any) {
	o.refund.shape = shape
	all := map[string]any{"order_id": o.id}
	for name, value := range properties {
		all[name] = value
	}
	o.refund.waves[wave] = append(o.refund.waves[wave], message(fmt.Sprintf("%s-%s-%d", shape, o.id, wave), event, o.at.Add(time.Minute), all))
}

// first is one unit of the first line.
func (o *order) first() []line { return []line{{o.lines[0].sku, 1, o.lines[0].price}} }

// less leaves the order without one unit of its first line.
func (o *order) less(wave int) {
	left := slices.Clone(o.lines)
	if left[0].quantity--; left[0].quantity == 0 {
		left = left[1:]
	}
	if len(left) == 0 {
		o.gone(wave)
		return
	}
	o.refund.left[wave] = left
}

func (o *order) gone(wave int) { o.refund.whole[wave] = true }

// booked is how an action must be in the end.
type booked struct {
	state   string
	amount  int
	changes int
}

// wants returns how the order's actions must be after all refunds, oldest first.
func (o *order) wants(now time.Time) []booked {
	plain := booked{"PENDING", total(o.lines), 0}
	if !now.Before(o.lock) {
		plain.state = "APPROVED"
	}
	switch o.fate {
	case unnoticed, outOfTerms:
		return nil
	case twice:
		return []booked{plain, plain}
	case reattributed:
		return []booked{{"REVERSED", 0, 1}, plain}
	case undone:
		return []booked{{"REVERSED", 0, 1}}
	case otherAmount:
		plain.amount = others[o.currency]
	}
	if now.Before(o.lock.Add(-margin)) {
		plain.refund(&o.refund)
	}
	return []booked{plain}
}

// refund is what the refunds make of an action that can be changed.
func (b *booked) refund(r *refund) {
	for wave := range r.waves {
		if r.whole[wave] || r.left[wave] != nil {
			b.changes++
		}
		switch {
		case r.whole[wave]:
			b.state, b.amount = "REVERSED", 0
		case r.left[wave] != nil:
			b.amount = total(r.left[wave])
		}
	}
}

// finally is what the program must find out about the order after the refunds. Of an
// action with another amount, of which impact.com then took a part away, the amount
// that is left decides.
func (o *order) finally(now time.Time) []string {
	whole := o.refund.whole[0] || o.refund.whole[1]
	left := total(o.lines)
	for wave := range o.refund.left {
		if o.refund.left[wave] != nil {
			left = total(o.refund.left[wave])
		}
	}
	part, early := left < total(o.lines), now.Before(o.lock.Add(-margin))
	switch o.fate {
	case counted:
		return []string{settled(whole, part, early)}
	case reattributed:
		if whole || part {
			return []string{"refund_owed"} // whether to reverse the other partner's is for a person to say
		}
	case otherAmount:
		if whole {
			return []string{settled(whole, part, early)}
		}
		if part {
			return []string{"refund_owed", "differs"}
		}
	}
	return []string{o.verdict()}
}

// settled is the verdict about a plain action.
func settled(whole, part, early bool) string {
	switch {
	case (whole || part) && !early:
		return "refund_owed"
	case whole:
		return "reversed"
	}
	return "matched"
}
