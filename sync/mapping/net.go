package mapping

import (
	"strings"

	"github.com/impactsync/impactsync/sync/money"
)

// netOfDiscounts returns what impact.com makes of an order with items: it subtracts the
// discounts of each, and spreads the order's over them by their share
// (https://integrations.impact.com/impact-brand/docs/order-level-data). The items that
// refunds are compared with become as they are booked, too.
func (b *build) netOfDiscounts() money.Amount {
	if !b.discounted() {
		return b.worth
	}
	net := b.worth
	for i := 1; i <= b.items; i++ {
		off := b.itemDiscount(i)
		net -= off
		if i <= len(b.lines) {
			b.lines[i-1].Amount = max(b.lines[i-1].Amount-off, 0)
		}
	}
	off := b.paramAmount("OrderDiscount") + net.Share(int64(min(b.paramAmount("OrderDiscountRate"), hundred)), int64(hundred))
	before := max(net, 0)
	net = max(before-off, 0).Round(b.code)
	b.spread(before, net)
	return net
}

const hundred = 100 * money.Unit

// discounted reports whether the request has a discount that is to be subtracted.
func (b *build) discounted() bool {
	for _, p := range b.params {
		if strings.Contains(p.Name, "Discount") && rules[strings.TrimRight(p.Name, "0123456789")]&payout != 0 {
			return true
		}
	}
	return false
}

// itemDiscount returns what is subtracted of all units of an item, at most what they
// cost. The item's amount has the places of its currency.
func (b *build) itemDiscount(item int) money.Amount {
	of := func(name string) string { return numbered(name, item) }
	quantity, _ := b.params.Get(of("ItemQuantity"))
	total := b.paramAmount(of("ItemSubTotal"))
	if price, has := b.params.Get(of("ItemPrice")); has {
		total, _ = money.Product(price, quantity)
	}
	each, _ := b.params.Get(of("ItemDiscount"))
	off, _ := money.Product(each, quantity)
	off += b.paramAmount(of("ItemTotalDiscount"))
	if rate := b.paramAmount(of("ItemDiscountRate")); rate > 0 {
		off += max(total-off, 0).Share(int64(min(rate, hundred)), int64(hundred))
	}
	return total - max(total-off, 0).Round(b.code)
}

// paramAmount returns an amount of the request; 0 for none.
func (b *build) paramAmount(name string) money.Amount {
	text, has := b.params.Get(name)
	if !has {
		return 0
	}
	amount, err := money.Parse(text)
	if err != nil {
		return 0
	}
	return amount
}

// spread spreads what is left of the items' worth over them by their share.
func (b *build) spread(before, after money.Amount) {
	if before == after || before <= 0 {
		return
	}
	left := after
	for i := range b.lines {
		share := left
		if i < len(b.lines)-1 {
			share = min(after.Share(int64(b.lines[i].Amount), int64(before)).Round(b.code), left)
		}
		b.lines[i].Amount, left = share, left-share
	}
}
