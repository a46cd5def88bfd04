package mapping

import (
	"github.com/impactsync/impactsync/sync/money"
	"github.com/impactsync/impactsync/sync/segment"
)

// stated is an amount as a message states it.
type stated struct {
	amount money.Amount // with the places of its currency
	found  bool
	fault  string // why it is not an amount, for people
	marks  []mark // the currencies beside what it was made of
}

func (m stated) positive() bool { return m.found && m.fault == "" && m.amount > 0 }

// asMoney reads a number as money in a currency; where is its place in the message.
func (n number) asMoney(where, currency string) stated {
	m := n.in(currency).exactly(where)
	m.amount = m.amount.Round(currency)
	return m
}

// exactly reads a number as money with all the places that it has.
func (n number) exactly(where string) stated {
	if !n.found || n.fault != "" {
		return stated{found: n.found, fault: join(where, n.fault)}
	}
	amount, err := money.Parse(n.plain)
	switch {
	case n.mark == percent:
		return stated{found: true, fault: join(where, quote(n.plain+percent)+" is a share, not an amount")}
	case err != nil:
		return stated{found: true, fault: join(where, quote(n.plain)+" is too large")}
	case n.mark != "":
		return stated{amount: amount, found: true, marks: []mark{{n.mark, where}}}
	}
	return stated{amount: amount, found: true}
}

func join(where, fault string) string {
	if fault == "" {
		return ""
	}
	return where + " " + fault
}

// sums are the properties that say what an order is worth, in the order in which
// Amount is taken from them.
var sums = [...]string{"subtotal", "revenue", "total", "value"}

// carriesMoney reports whether an order says anywhere what it is worth.
func (m *Mapper) carriesMoney(msg *segment.Message) bool {
	if hasSum(msg) {
		return true
	}
	for i := range m.conversions {
		if s := &m.conversions[i]; s.custom != nil && s.has(orderTotal) && !s.removed && present(msg.Lookup(s.custom.path)) {
			return true
		}
	}
	list := m.productsOf(msg)
	for i := range list.len() {
		if m.products.priced(list.at(i)) {
			return true
		}
	}
	return list.fault != ""
}

// sumAt reads one of the order's sums.
func (b *build) sumAt(key string) stated {
	v := b.msg.Lookup(pathProperties).Get(key)
	if !present(v) {
		return stated{}
	}
	return b.inCurrency(b.mapper.numberOf(v), key)
}

// inCurrency reads a number as money in the currency of the message. If that is not known,
// it keeps all its places.
func (b *build) inCurrency(n number, where string) stated {
	if b.anyCurrency {
		return n.exactly(where)
	}
	return n.asMoney(where, b.code)
}

// netSum returns one of the order's sums without tax and shipping.
func (b *build) netSum(key string) stated {
	m := b.sumAt(key)
	if key == "total" {
		return b.without(m, "tax", "shipping")
	}
	return m
}

// without subtracts tax and shipping from a total.
func (b *build) without(m stated, extras ...string) stated {
	for _, key := range extras {
		extra := b.sumAt(key)
		if !m.found || m.fault != "" {
			break
		}
		m.amount, m.fault, m.marks = m.amount-extra.amount, extra.fault, append(m.marks, extra.marks...)
	}
	return m
}

// amount adds the order's worth if there are no items. A sum that is there but
// unusable refuses the order: another sum would book the wrong worth.
func (b *build) amount(s *step) {
	m := b.orderAmount()
	switch {
	case m.fault != "":
		b.refuse("parameter", "Amount is not usable: "+m.fault)
	case m.found && m.amount < 0:
		b.refuse("parameter", "Amount is negative")
	case m.found:
		b.add(s, m.amount.Format(b.code), m.marks...)
	case b.leftOut != "":
		b.refuse("parameter", b.leftOut+"; and the order has no sum of its own to send instead")
	}
}

func (b *build) orderAmount() stated {
	for i, key := range sums {
		m := b.netSum(key)
		if !m.found {
			continue
		}
		if m.amount == 0 && m.fault == "" {
			m.fault = b.contradicted(key, sums[i+1:])
		}
		return m
	}
	return stated{}
}

// contradicted returns which other sum contradicts one that is 0. Trackers fill
// sums that they do not know with 0.
func (b *build) contradicted(zero string, others []string) string {
	for _, other := range others {
		if m := b.netSum(other); m.positive() {
			return zero + " is 0, but " + other + " is " + m.amount.Format(b.code)
		}
	}
	return ""
}

// leastSum returns the smallest of the order's own sums over 0.
func (b *build) leastSum() (least money.Amount, key string) {
	for _, one := range sums {
		if m := b.netSum(one); m.positive() && (least == 0 || m.amount < least) {
			least, key = m.amount, one
		}
	}
	return least, key
}
