package mapping

import (
	"github.com/impactsync/impactsync/sync/money"
	"github.com/impactsync/impactsync/sync/segment"
)

var pathDiscount = segment.MustPath("properties.discount")

// discount adds OrderDiscount if impact.com has to subtract it. Its documents say
// that Amount is meant after discounts, and that OrderDiscount is subtracted from
// the order's total, or from the items by their share; so it would count twice
// beside an Amount, and beside items whose prices are those that were paid
// (https://integrations.impact.com/impact-brand/docs/order-level-data).
func (b *build) discount(s *step) {
	policy := b.mapper.settings.OrderDiscount
	n := b.discountOf()
	if policy == DiscountOmit || !n.found {
		return
	}
	if policy == DiscountAuto && b.items == 0 {
		b.note(NoteDiscount, s.name)
		return
	}
	m := n.asMoney("discount", b.code)
	if policy == DiscountAuto {
		state := b.pricesAre(m.amount)
		if state == discounted || m.fault != "" && state == undiscounted { // by a discount that could not be read and counts as 0
			b.note(NoteDiscount, s.name)
			return
		}
		if m.amount < 0 && state == undiscounted {
			m.amount = -m.amount // some write a discount with a minus
		}
	}
	switch {
	case m.fault != "":
		b.refuse("parameter", "OrderDiscount is not usable: "+m.fault)
	case m.amount < 0:
		b.refuse("parameter", "OrderDiscount is not usable: discount "+quote(n.plain)+" is negative")
	default:
		if b.person.Left != nil && b.left < b.worth { // refunds left so much of the items
			m.amount = m.amount.Share(int64(b.left), int64(b.worth))
		}
		b.add(s, m.amount.Format(b.code), m.marks...)
	}
}

// discountOf reads the order's discount.
func (b *build) discountOf() number {
	if custom := b.mapper.discount; custom != nil {
		if n := b.numberAt(custom); n.found {
			return n
		}
	}
	return b.mapper.numberOf(b.msg.Lookup(pathDiscount))
}

// addsUp reports whether the items are worth what the order says was paid.
func (b *build) addsUp() bool {
	return b.pricesAre(b.discountOf().asMoney("discount", b.code).amount) != unclear
}

// prices is whether an order's items are priced before its discount.
type prices int

const (
	unclear prices = iota
	undiscounted
	discounted
)

// pricesAre compares the items with what the order says was paid for them: its
// total without tax and shipping, or without shipping if the prices include
// the tax, else its subtotal, else its revenue, which Segment documents as
// after discounts.
func (b *build) pricesAre(discount money.Amount) prices {
	discount = abs(discount)
	whole := b.sumAt("total")
	for _, net := range [...]stated{b.without(whole, "tax", "shipping"), b.without(whole, "shipping"), b.sumAt("subtotal"), b.sumAt("revenue")} {
		if net.found && net.fault == "" {
			if state := b.compare(net.amount, discount); state != unclear {
				return state
			}
		}
	}
	return unclear
}

// compare compares the items with a sum.
func (b *build) compare(net, discount money.Amount) prices {
	slack := b.slack()
	before, after := abs(b.worth-discount-net), abs(b.worth-net)
	switch {
	case before <= slack && before <= after:
		return undiscounted
	case after <= slack:
		return discounted
	}
	return unclear
}

// slack is what the items may differ from a sum because each was rounded: a cent,
// or whatever is the currency's smallest amount, per item.
func (b *build) slack() money.Amount {
	return money.Amount(b.items) * money.Smallest(b.code)
}

func abs(n money.Amount) money.Amount {
	if n < 0 {
		return -n
	}
	return n
}
