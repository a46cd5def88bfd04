package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
)

// orderID names the order. The message's own id is as good in a retry, but no
// refund, and no copy of the order under another messageId, finds it again.
func (b *build) orderID(s *step) {
	if id := orderIDOf(b.msg); id != "" {
		b.put(s, id)
		return
	}
	if b.mapper.carriesMoney(b.msg) {
		if b.mapper.settings.MissingOrderID == MissingRefuse {
			b.refuse("order", "order without order_id and with money")
			return
		}
		b.note(NoteOrderID, s.name)
	}
	b.put(s, messageKey(b.msg))
}

// orderIDPaths are those of impact.com's own Segment function, in its order,
// and transaction_id.
var orderIDPaths = [...]segment.Path{
	segment.MustPath("properties.orderId"), segment.MustPath("properties.order_id"),
	segment.MustPath("properties.transactionID"), segment.MustPath("properties.transaction_id"),
	segment.MustPath("properties.messageId"),
}

func orderIDOf(m *segment.Message) string {
	for i := range orderIDPaths {
		if id := strings.TrimSpace(segment.CleanText(textOf(m.Lookup(orderIDPaths[i])))); isOrderID(id) {
			return id
		}
	}
	return ""
}

// isOrderID reports whether a text names one order. The macro makes impact.com
// invent an id, a new one in each retry.
func isOrderID(id string) bool {
	const macro = "IR_AN_64_TS"
	return segment.UsableID(id) && !strings.EqualFold(strings.TrimSpace(id), macro)
}

// maxOrderID is the documented length of an OrderId
// (https://integrations.impact.com/impact-brand/reference/the-conversion-object).
const maxOrderID = 64

// shortOrderID keeps an id that is too long unique and the same in every
// retry, which a cut one is not.
func shortOrderID(id string) string {
	if _, long := cutText(id, maxOrderID); !long {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}

// sum is one of the sums that an order may state of itself.
type sum struct {
	key  string
	path segment.Path
}

func newSum(key string) sum { return sum{key: key, path: segment.MustPath("properties." + key)} }

var (
	subtotal, revenue, total    = newSum("subtotal"), newSum("revenue"), newSum("total")
	tax, shipping, worthOfOrder = newSum("tax"), newSum("shipping"), newSum("value")

	// sums stand in the order in which Amount is taken from them.
	sums = [...]*sum{&subtotal, &revenue, &total, &worthOfOrder}
)

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
func (b *build) sumAt(s *sum) (cents int64, found bool, fault string) {
	v := b.msg.Lookup(s.path)
	if !present(v) {
		return 0, false, ""
	}
	n := b.mapper.numberOf(v)
	cents, fault = b.cents(n, s.key)
	return cents, n.found, fault
}

// cents reads a number as money, and says why it is none.
func (b *build) cents(n number, where string) (cents int64, fault string) {
	if !n.found || n.fault != "" {
		return 0, join(where, n.fault)
	}
	cents, ok := parseCents(n.plain)
	switch {
	case n.mark == percent:
		return 0, join(where, quote(n.plain+percent)+" is a share, not an amount")
	case !ok:
		return 0, join(where, quote(n.plain)+" is too large")
	}
	b.marked(n.mark, where)
	return cents, ""
}

func join(where, fault string) string {
	if fault == "" {
		return ""
	}
	return where + " " + fault
}

// amount is the order's worth where no items tell it. A sum that is there but
// cannot be one refuses the order: another one would book the wrong worth.
func (b *build) amount(s *step) {
	cents, found, fault := b.orderAmount()
	switch {
	case fault != "":
		b.refuse("parameter", "Amount is not usable: "+fault)
	case found && cents < 0:
		b.refuse("parameter", "Amount is negative")
	case found:
		b.add(s, formatCents(cents))
	case b.leftOut != "":
		b.refuse("parameter", b.leftOut+"; and the order has no sum of its own to send instead")
	}
}

func (b *build) orderAmount() (cents int64, found bool, fault string) {
	for i, s := range sums {
		if cents, found, fault = b.netSum(s); !found {
			continue
		}
		if cents == 0 && fault == "" {
			fault = b.contradicted(s, sums[i+1:])
		}
		return cents, true, fault
	}
	return 0, false, ""
}

// netSum is one of the order's sums without tax and shipping.
func (b *build) netSum(s *sum) (cents int64, found bool, fault string) {
	cents, found, fault = b.sumAt(s)
	if fault != "" {
		return 0, true, fault
	}
	if found && s == &total {
		cents, fault = b.lessExtras(cents, &tax, &shipping)
	}
	return cents, found, fault
}

// contradicted says which other sum tells that an order which one sum calls
// worth nothing was paid for. Trackers fill sums that they do not know with 0.
func (b *build) contradicted(zero *sum, others []*sum) string {
	marks := b.marks // they are only looked at
	defer func() { b.marks = marks }()
	for _, s := range others {
		if cents, found, fault := b.netSum(s); found && fault == "" && cents > 0 {
			return zero.key + " is 0, but " + s.key + " is " + formatCents(cents)
		}
	}
	return ""
}

// leastSum is the smallest of the order's own sums over 0.
func (b *build) leastSum() (least int64, key string) {
	marks := b.marks
	defer func() { b.marks = marks }()
	for _, s := range sums {
		if cents, found, fault := b.netSum(s); found && fault == "" && cents > 0 && (least == 0 || cents < least) {
			least, key = cents, s.key
		}
	}
	return least, key
}

// lessExtras takes tax and shipping off a total.
func (b *build) lessExtras(cents int64, extras ...*sum) (less int64, fault string) {
	for _, s := range extras {
		extra, _, fault := b.sumAt(s)
		if fault != "" {
			return 0, fault
		}
		cents -= extra
	}
	return cents, ""
}
