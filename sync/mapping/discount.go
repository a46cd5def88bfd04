package mapping

import "github.com/impactsync/impactsync/sync/segment"

var pathDiscount = segment.MustPath("properties.discount")

// discount adds OrderDiscount where impact.com has to subtract it. Its
// documents say that Amount is meant after discounts, and that OrderDiscount
// is subtracted from the order's total, or from the items by their share; so
// beside an Amount it would count twice, and beside items wherever the prices
// are those that were paid
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
	marks := b.marks
	cents, fault := b.cents(n, "discount")
	if policy == DiscountAuto {
		state := b.pricesAre(cents)
		if state == discounted || fault != "" && state == undiscounted { // by the discount that was read, which is 0
			b.marks = marks
			b.note(NoteDiscount, s.name)
			return
		}
		if cents < 0 && state == undiscounted {
			cents = -cents // some write what is taken off with a minus
		}
	}
	switch {
	case fault != "":
		b.refuse("parameter", "OrderDiscount is not usable: "+fault)
	case cents < 0:
		b.refuse("parameter", "OrderDiscount is not usable: discount "+quote(n.plain)+" is negative")
	default:
		b.add(s, formatCents(cents))
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
	marks := b.marks
	discount, _ := b.cents(b.discountOf(), "discount")
	b.marks = marks
	return b.pricesAre(discount) != unclear
}

// prices says whether an order's items are priced before its discount.
type prices int

const (
	unclear prices = iota
	undiscounted
	discounted
)

// pricesAre compares the items with what the order says was paid for them: its
// total without tax and shipping, or without shipping where the prices hold
// the tax, else its subtotal, else its revenue, which Segment documents as
// after discounts.
func (b *build) pricesAre(discount int64) prices {
	marks := b.marks // sums that are only looked at do not count
	defer func() { b.marks = marks }()
	discount = abs(discount)
	if state := b.byTotal(discount); state != unclear {
		return state
	}
	for _, s := range [...]*sum{&subtotal, &revenue} {
		if net, found, fault := b.sumAt(s); found && fault == "" {
			if state := b.compare(net, discount); state != unclear {
				return state
			}
		}
	}
	return unclear
}

func (b *build) byTotal(discount int64) prices {
	whole, found, fault := b.sumAt(&total)
	if !found || fault != "" {
		return unclear
	}
	for _, extras := range [...][]*sum{{&tax, &shipping}, {&shipping}} {
		if net, fault := b.lessExtras(whole, extras...); fault == "" {
			if state := b.compare(net, discount); state != unclear {
				return state
			}
		}
	}
	return unclear
}

// compare allows a cent per item, for rounding.
func (b *build) compare(net, discount int64) prices {
	slack := int64(b.items)
	before, after := abs(b.worth-discount-net), abs(b.worth-net)
	switch {
	case before <= slack && before <= after:
		return undiscounted
	case after <= slack:
		return discounted
	}
	return unclear
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}
