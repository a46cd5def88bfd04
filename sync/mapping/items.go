package mapping

import (
	"strconv"
	"strings"

	"github.com/impactsync/impactsync/sync/money"
	"github.com/impactsync/impactsync/sync/refund"
	"github.com/impactsync/impactsync/sync/segment"
)

// addProducts adds the items, numbered from 1 without gaps: all of them or none,
// since some would be worth less than the order. Only products without any price,
// such as a gift, may be missing, if the others are worth what the order says was
// paid.
func (b *build) addProducts(*step) {
	list := b.mapper.productsOf(b.msg)
	switch {
	case list.fault != "":
		b.leaveOut(list.fault)
		return
	case list.len() > MaxProducts:
		b.leaveOut("more than " + strconv.Itoa(MaxProducts) + " products")
		return
	}
	p, start := &b.mapper.products, *b
	unpriced, first := 0, 0
	b.assumed = ""
	for i := range list.len() {
		v := list.at(i)
		priceless, fault := b.product(v, i)
		if fault != "" {
			*b = start
			b.leaveOut(p.name(v, i) + ": " + fault)
			return
		}
		if priceless {
			if unpriced++; unpriced == 1 {
				first = i
			}
		}
	}
	switch {
	case b.items == 0 && unpriced > 0:
		b.unpriced(p.name(list.at(first), first) + " has no price that is read")
	case b.items > 0 && b.worth == 0 && b.hasWorth():
		*b = start
		b.unpriced("no product has a price over 0")
	case unpriced > 0 && b.addsUp():
		b.note(NoteProduct, "ItemPrice")
	case unpriced > 0:
		*b = start
		b.leaveOut(p.name(list.at(first), first) + " has no price, though others have one")
	default:
		if fault := b.tooFew(); fault != "" {
			*b = start
			b.leaveOut(fault)
		}
	}
}

// tooFew returns a fault if the quantity of an item was assumed to be 1 and the
// items are worth less than each of the order's own sums.
func (b *build) tooFew() string {
	if b.assumed == "" {
		return ""
	}
	least, key := b.leastSum()
	if b.worth+b.slack() >= least {
		return ""
	}
	return b.assumed + " has no quantity that is read, and the products are worth " + b.worth.Format(b.code) +
		" where " + key + " says " + least.Format(b.code)
}

// unpriced sends the order's own sum without items. An order without a sum is
// refused: it would be worth nothing.
func (b *build) unpriced(fault string) {
	b.leftOut = fault
	b.note(NoteUnpriced, "ItemPrice")
}

// hasWorth reports whether the order's own sum is over 0.
func (b *build) hasWorth() bool {
	return b.orderAmount().positive()
}

// leaveOut refuses an order with unusable items, or sends its own sum instead of
// them.
func (b *build) leaveOut(fault string) {
	if b.mapper.settings.UnusableItems != ItemsAmount {
		b.refuse("parameter", fault)
		return
	}
	b.leftOut = fault
	b.note(NoteItems, "ItemPrice")
}

// name returns a name for a product, for people.
func (p *products) name(v segment.Value, i int) string {
	name := "product " + strconv.Itoa(i+1)
	for _, want := range [...]string{"ItemSku", "ItemName"} {
		for j := range p.others {
			if p.others[j].name != want {
				continue
			}
			if value, _ := p.others[j].first(v); present(value) {
				return name + " (" + quote(textOf(value)) + ")"
			}
		}
	}
	return name
}

// product adds one item, or returns why it cannot. A product without any price adds
// nothing, nor does anything that is not a product.
func (b *build) product(v segment.Value, i int) (priceless bool, fault string) {
	p := &b.mapper.products
	if !v.IsObject() {
		return true, ""
	}
	worth, fault := b.worthOf(v, i)
	if fault != "" || worth == (itemWorth{}) {
		return fault == "", fault
	}
	if quantity, _ := p.quantity.first(v); !present(quantity) && !worth.line && b.assumed == "" {
		b.assumed = p.name(v, i)
	}
	if worth = b.remaining(v, worth); worth.quantity == 0 {
		return false, ""
	}
	b.items++
	b.item = b.items
	defer func() { b.item = 0 }()
	price := &p.price
	if worth.line {
		price = &p.subTotal
	}
	b.add(&price.step, worth.amount.Format(b.code))
	b.add(&p.quantity.step, strconv.FormatInt(worth.quantity, 10))
	for j := range p.others {
		if fault := b.other(&p.others[j], v); fault != "" {
			return false, fault
		}
	}
	return false, ""
}

// remaining adds an item's worth to the order's, and returns the item with the units
// that refunds leave of it.
func (b *build) remaining(v segment.Value, w itemWorth) itemWorth {
	b.worth += w.total
	if b.mapper.refunds == nil {
		return w
	}
	sku, category := b.mapper.products.text(v, "ItemSku"), b.mapper.products.text(v, "ItemCategory")
	b.lines = append(b.lines, refund.Item{Sku: sku, Category: category, Quantity: w.quantity, Amount: w.total})
	left, refunded := b.person.Left[sku]
	if refunded && left < w.quantity {
		w.total = w.total.Share(left, w.quantity).Round(b.code)
		if w.quantity = left; w.line {
			w.amount = w.total
		}
	}
	b.left += w.total
	return w
}

// other adds a parameter of the item from the first path that has it.
func (b *build) other(s *productStep, v segment.Value) (fault string) {
	for _, path := range s.paths {
		at := v.At(path)
		settled := false
		if s.isNumber() {
			settled, fault = b.putNumber(&s.step, b.mapper.numberOf(at), strings.Join(path, "."))
		} else {
			settled = b.put(&s.step, textOf(at))
		}
		if settled {
			return fault
		}
	}
	return ""
}

// itemWorth is what an item costs.
type itemWorth struct {
	amount   money.Amount // of one unit, or of all if line is set
	quantity int64
	total    money.Amount // of all
	line     bool
}

// worthOf reads a product's price and quantity: the subtotal of a custom mapping,
// else the price, else a sum of the line.
func (b *build) worthOf(v segment.Value, i int) (w itemWorth, fault string) {
	p := &b.mapper.products
	value, where, line := p.cost(v)
	if !present(value) {
		return itemWorth{}, ""
	}
	w.line = line
	n := b.mapper.numberOf(value).in(b.code)
	m := p.price.amount(n, where, b.code)
	if m.fault != "" {
		return w, m.fault
	}
	w.amount = m.amount
	if n.mark != "" {
		b.marks = append(b.marks, mark{n.mark, where + " of " + p.name(v, i)})
	}
	if code := strings.TrimSpace(textOf(v.Get("currency"))); code != "" {
		b.marks = append(b.marks, mark{code, "currency of " + p.name(v, i)})
	}
	return b.times(w, n.plain, v)
}

// times multiplies an item by its quantity, 1 if there is none. A quantity that is
// not whole (cloth, cheese) makes the line one piece, since impact.com takes only
// whole numbers. So does a price with more places than its currency if rounding it
// would make the line worth less.
func (b *build) times(w itemWorth, price string, v segment.Value) (itemWorth, string) {
	quantity := "1"
	if value, where := b.mapper.products.quantity.first(v); present(value) {
		n := b.mapper.numberOf(value)
		if n.fault != "" {
			return w, join(where, n.fault)
		}
		q, err := money.Parse(n.plain)
		if n.mark != "" || err != nil || q <= 0 || q >= mostUnits {
			return w, where + " " + quote(n.plain+n.mark) + " is not a quantity"
		}
		quantity = n.plain
	}
	units, fraction, _ := strings.Cut(quantity, ".")
	whole := strings.Trim(fraction, "0") == ""
	w.quantity = 1
	if whole {
		w.quantity, _ = strconv.ParseInt(units, 10, 64)
	}
	if w.line {
		w.total = w.amount
		return w, ""
	}
	rounded, ok := money.Product(w.amount.String(), quantity)
	exact, fine := money.Product(price, quantity)
	rounded, exact = rounded.Round(b.code), exact.Round(b.code)
	w.total = rounded
	if !whole || exact > rounded {
		w.line, w.amount, w.total = true, exact, exact
	}
	if !ok || !fine {
		return w, "price times quantity is too large"
	}
	return w, ""
}

// mostUnits is more than a quantity can be.
const mostUnits = 1e9 * money.Unit
