package refund

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/impactsync/impactsync/sync/money"
)

// counting adds up what messages say of an order.
type counting struct {
	order      Order
	left       map[string]int64 // by Sku
	twice      map[string]bool  // Skus of several lines, and that of lines without one
	gone       bool
	net, gross money.Amount // given back, as amounts
	cumulative [2]money.Amount
	returns    []*Message
	latest     *Message // of Left
	unsure     *Message // the latest that is tentative

	class, reason string
}

// object notes why something cannot be acted on; the first reason counts.
func (c *counting) object(class, reason string) {
	if c.class == "" {
		c.class, c.reason = class, reason
	}
}

func (c *counting) add(m *Message) {
	m.Amount = m.Amount.Round(c.order.Currency)
	switch {
	case m.Tentative:
		c.unsure = m
	case m.Kind == Whole, m.Kind == Left && m.Amount == 0 && len(m.Items) == 0:
		c.gone = true
	case m.Kind == Unclear:
		c.object("unclear", m.Reason)
	case !c.order.Known:
		c.object("order", "what the order was sent with is not known here, and only whole orders can be taken back without it")
	case m.Currency != "" && m.Currency != c.order.Currency:
		c.object("currency", "the refund is in "+m.Currency+", the order in "+cmp.Or(c.order.Currency, "an unknown currency"))
	case m.Kind == Returned:
		c.returned(m)
	case m.Kind == Part:
		c.part(m)
	case m.Kind == Left:
		c.latest = m
	}
}

// returned takes all products of a message off, or none of them.
func (c *counting) returned(m *Message) {
	for _, it := range m.Items {
		if _, known := c.left[it.Sku]; !known {
			c.object("sku", "product "+quote(it.Sku)+" is not among the items that were sent")
			return
		}
	}
	for _, it := range m.Items {
		c.left[it.Sku] -= it.Quantity
	}
	c.returns = append(c.returns, m)
}

func (c *counting) part(m *Message) {
	sum, most := &c.gross, &c.cumulative[0]
	if m.Net {
		sum, most = &c.net, &c.cumulative[1]
	}
	if m.Cumulative {
		*most = max(*most, m.Amount)
		return
	}
	*sum += m.Amount
}

// paidBack reports whether amounts alone give the whole order back. Amounts with tax
// and shipping are compared with what the customer paid.
func (c *counting) paidBack() bool {
	gross, net := max(c.gross, c.cumulative[0]), max(c.net, c.cumulative[1])
	switch {
	case gross+net <= 0:
		return false
	case gross == 0:
		return net >= c.order.Amount
	}
	if gross+net >= c.order.Gross {
		return true
	}
	c.object("part", (gross+net).Format(c.order.Currency)+" of "+c.order.Gross.Format(c.order.Currency)+" "+c.order.Currency+" was given back, and an amount alone changes no items")
	return false
}

// keep applies the latest message that says what is left.
func (c *counting) keep(m *Message) {
	switch {
	case len(m.Items) > 0:
		c.keepItems(m)
	case m.Net && m.Amount >= c.order.Amount, !m.Net && m.Amount >= c.order.Gross:
	default:
		c.object("part", m.Amount.Format(c.order.Currency)+" "+c.order.Currency+" is left of the order, and an amount alone changes no items")
	}
}

func (c *counting) keepItems(m *Message) {
	listed := map[string]int64{}
	for _, it := range m.Items {
		if _, known := c.left[it.Sku]; !known {
			c.object("sku", "product "+quote(it.Sku)+" is not among the items that were sent")
			return
		}
		listed[it.Sku] += it.Quantity
	}
	for _, sku := range slices.Sorted(maps.Keys(c.left)) {
		later, soon := c.returnedAfter(sku, m)
		left := min(c.left[sku], max(listed[sku]-later, 0))
		if left > max(listed[sku]-later-soon, 0) {
			c.object("unclear", "product "+quote(sku)+" was returned within an hour after a message that says what is left of the order, and may be missing there already")
		}
		c.left[sku] = left
	}
}

// sameOccasion is how long after a message that says what is left of an order a return
// may be the one that it speaks of.
const sameOccasion = int64(time.Hour)

// returnedAfter returns how many units of a Sku came back after a message about what is
// left, which cannot know of them, and how many so soon that it may.
func (c *counting) returnedAfter(sku string, m *Message) (later, soon int64) {
	for _, r := range c.returns {
		for _, it := range r.Items {
			switch {
			case it.Sku != sku || r.At < m.At:
			case r.At-m.At < sameOccasion:
				soon += it.Quantity
			default:
				later += it.Quantity
			}
		}
	}
	return later, soon
}

func (c *counting) remains() Remains {
	if !c.gone && c.order.Known {
		if c.latest != nil {
			c.keep(c.latest)
		}
		c.gone = c.paidBack() || c.empty()
		if net := max(c.net, c.cumulative[1]); !c.gone && net > 0 {
			c.object("part", net.Format(c.order.Currency)+" of "+c.order.Amount.Format(c.order.Currency)+" "+c.order.Currency+" was given back, and an amount alone changes no items")
		}
	}
	if c.gone {
		return Remains{State: Gone, Back: c.order.Amount}
	}
	return c.reduced()
}

// empty reports whether nothing is left of any item.
func (c *counting) empty() bool {
	for _, n := range c.left {
		if n > 0 {
			return false
		}
	}
	return len(c.left) > 0
}

func (c *counting) reduced() Remains {
	r := Remains{State: Untouched, Amount: c.order.Amount}
	for _, it := range c.order.Items {
		left := max(c.left[it.Sku], 0)
		switch {
		case c.twice[it.Sku] && left < c.sold(it.Sku):
			c.object("sku", "several lines have the Sku "+quote(it.Sku)+", and impact.com could not tell them apart")
			return Remains{State: Untouched, Amount: c.order.Amount, Class: c.class, Reason: c.reason}
		case !c.twice[it.Sku] && left < it.Quantity:
			r.State = Reduced
			r.Items = append(r.Items, Item{Sku: it.Sku, Category: it.Category, Quantity: left})
			r.Back += it.Amount - it.Amount.Share(left, it.Quantity).Round(c.order.Currency)
		}
	}
	slices.SortFunc(r.Items, func(a, b Item) int { return cmp.Compare(a.Sku, b.Sku) })
	r.Amount -= r.Back
	if c.unsure != nil && c.differs(c.unsure) {
		c.object("meaning", "the order was updated and less is left of it; refunds.meanings can say that updates count (event: Order Updated, amount: newTotal)")
	}
	r.Class, r.Reason = c.class, c.reason
	return r
}

// sold returns how many units of a Sku were sold.
func (c *counting) sold(sku string) (n int64) {
	for _, it := range c.order.Items {
		if it.Sku == sku {
			n += it.Quantity
		}
	}
	return n
}

// differs reports whether a tentative message says that less is left than the others
// say.
func (c *counting) differs(m *Message) bool {
	before := c.class
	c.class = "meaning" // no other objection counts
	defer func() { c.class = before }()
	if !c.order.Known || m.Kind == Unclear {
		return false
	}
	if len(m.Items) == 0 {
		return m.Kind == Whole || m.Net && m.Amount < c.order.Amount || !m.Net && m.Amount < c.order.Gross
	}
	listed := map[string]int64{}
	for _, it := range m.Items {
		listed[it.Sku] += it.Quantity
	}
	for sku, n := range c.left {
		if listed[sku] < n {
			return true
		}
	}
	return false
}

func quote(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "..."
	}
	return `"` + s + `"`
}
