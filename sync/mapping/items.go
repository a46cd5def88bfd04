package mapping

import (
	"math"
	"strconv"
	"strings"

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
	if b.worth+int64(b.items) >= least { // each item may be rounded
		return ""
	}
	return b.assumed + " has no quantity that is read, and the products are worth " + formatCents(b.worth) +
		" where " + key + " says " + formatCents(least)
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
	b.items++
	b.worth += worth.total
	b.item = b.items
	defer func() { b.item = 0 }()
	price := &p.price
	if worth.line {
		price = &p.subTotal
	}
	b.add(&price.step, formatCents(worth.cents))
	b.add(&p.quantity.step, strconv.FormatInt(worth.quantity, 10))
	for j := range p.others {
		if fault := b.other(&p.others[j], v); fault != "" {
			return false, fault
		}
	}
	return false, ""
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
	cents    int64 // of one unit, or of all if line is set
	quantity int64
	total    int64 // of all
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
	n := b.mapper.numberOf(value)
	m := p.price.amount(n, where)
	if m.fault != "" {
		return w, m.fault
	}
	w.cents = m.cents
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
// whole numbers. So does a price with more than two places if rounding it would make
// the line worth less.
func (b *build) times(w itemWorth, price string, v segment.Value) (itemWorth, string) {
	quantity := 1.0
	if value, where := b.mapper.products.quantity.first(v); present(value) {
		n := b.mapper.numberOf(value)
		if n.fault != "" {
			return w, join(where, n.fault)
		}
		quantity, _ = strconv.ParseFloat(n.plain, 64)
		if n.mark != "" || !(quantity > 0 && quantity < 1e9) {
			return w, where + " " + quote(n.plain+n.mark) + " is not a quantity"
		}
	}
	w.quantity = int64(quantity)
	whole := float64(w.quantity) == quantity
	if !whole {
		w.quantity = 1
	}
	if w.line {
		w.total = w.cents
		return w, ""
	}
	rounded, ok := multiply(float64(w.cents), quantity)
	exact, fine := rounded, ok
	if _, fraction, _ := strings.Cut(price, "."); len(fraction) > 2 {
		unit, _ := strconv.ParseFloat(price, 64)
		exact, fine = multiply(unit*100, quantity)
	}
	w.total = rounded
	if !whole || exact > rounded {
		w.line, w.cents, w.total = true, exact, exact
	}
	if !ok || !fine {
		return w, "price times quantity is too large"
	}
	return w, ""
}

// multiply returns the product in hundredths, rounded half up; false if it is too
// large.
func multiply(cents, quantity float64) (int64, bool) {
	product := math.Round(cents * quantity)
	if !(product >= 0 && product < 1e17) {
		return 0, false
	}
	return int64(product), true
}
