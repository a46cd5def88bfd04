package mapping

import (
	"cmp"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/money"
	"github.com/impactsync/impactsync/sync/refund"
	"github.com/impactsync/impactsync/sync/segment"
)

// refundReader reads one message.
type refundReader struct {
	mapper  *Mapper
	build   *build
	meaning meaningOf
}

// orderID returns the order's id as its conversion has it, but never the message's own.
func (r *refundReader) orderID() string {
	for i := range r.mapper.conversions {
		s := &r.mapper.conversions[i]
		if s.name != "OrderId" {
			continue
		}
		if s.custom != nil {
			if id := r.build.fit(s, r.build.resolve(s.custom)); id != "" {
				return strings.Clone(id)
			}
		}
		for j := range s.paths {
			if s.paths[j].as == messageID {
				continue
			}
			if id := r.build.fit(s, r.build.resolve(&s.paths[j])); id != "" {
				return strings.Clone(id)
			}
		}
	}
	return ""
}

// currency returns the code that the message itself states. The default currency is for
// orders: a refund that names none is in its order's.
func (r *refundReader) currency() string {
	code := strings.ToUpper(strings.TrimSpace(textOf(r.build.msg.Lookup(pathCurrency))))
	if !impactapi.Currency.Fits(code) {
		return ""
	}
	return strings.Clone(code)
}

func (r *refundReader) message(kind refundEvent) refund.Message {
	if full := r.meaning.full; full != nil {
		if v, ok := r.build.msg.Lookup(*full).Bool(); ok && v {
			return refund.Message{Kind: refund.Whole}
		}
	}
	switch r.meaning.Amount {
	case MeansWholeOrder:
		return refund.Message{Kind: refund.Whole}
	case MeansNewTotal:
		return r.left()
	case MeansProducts:
		return r.fromProducts()
	case MeansField:
		return r.field()
	case MeansReturned:
		return r.returned()
	}
	switch kind {
	case cancelled:
		return refund.Message{Kind: refund.Whole}
	case updated:
		m := r.left()
		m.Tentative = true
		return m
	}
	return r.byDefault()
}

// byDefault reads what old documents of Segment say: an order id alone is the whole
// order, products with quantities are those returned. An amount alone may be the part
// or the rest.
func (r *refundReader) byDefault() refund.Message {
	items, fault, some := r.products()
	if some {
		return returnedItems(items, fault)
	}
	if _, key := r.sum(); key != "" {
		return unreadable("what properties." + key + " means is not said: refunds.meanings says whether it is the part that was returned or what is left")
	}
	switch keys := r.hints(); {
	case len(keys) == 0:
	case keys[0] == "products":
		return unreadable("properties.products is an empty list: perhaps only money was given back; refunds.meanings can say that each such message is the whole order (amount: wholeOrder)")
	default:
		return unreadable("what properties." + keys[0] + " means is not said: refunds.meanings can name it (amount: field), or say that each such message is the whole order (amount: wholeOrder)")
	}
	return refund.Message{Kind: refund.Whole}
}

// hints returns the properties that may be about how much was refunded, the plainest
// first. They are not read, but the order id does not stand alone.
func (r *refundReader) hints() (keys []string) {
	r.build.msg.Lookup(pathProperties).Each(func(key string, v segment.Value) {
		if isHint(key, v) {
			keys = append(keys, segment.Redact(strings.Clone(key)))
		}
	})
	refundFirst := func(key string) int {
		if strings.Contains(strings.ToLower(key), "refund") {
			return 0
		}
		return 1
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(refundFirst(a)-refundFirst(b), strings.Compare(a, b)) })
	return keys
}

// isHint reports whether a property may be about how much was refunded: its name says
// so, or it is the word "partial", or a list of products without any.
func isHint(key string, v segment.Value) bool {
	return present(v) && (saysHowMuch(key) || key == "products" && v.IsArray() || saysPartial(v))
}

const partial = "partial"

func saysPartial(v segment.Value) bool {
	text, _ := v.Text()
	return strings.Contains(strings.ToLower(text), partial)
}

// howMuch are words in the names of properties that are about how much was refunded.
var howMuch = []string{"refund", partial, "full", "return", "amount", "total", "revenue", "value", "price", "quantity", "qty", "items", "lines"}

// saysHowMuch reports whether a property's name says that it is about how much was
// refunded, and not about who, when or why.
func saysHowMuch(key string) bool {
	name := strings.ToLower(key)
	for _, word := range []string{"id", "reason", "date", "time", "note", "comment", "by", "method", "fulfil", "_at"} {
		if strings.HasSuffix(name, word) || word == "fulfil" && strings.Contains(name, word) {
			return false
		}
	}
	return !strings.HasSuffix(key, "At") && slices.ContainsFunc(howMuch, func(word string) bool { return strings.Contains(name, word) })
}

func unreadable(reason string) refund.Message {
	return refund.Message{Kind: refund.Unclear, Reason: reason}
}

func returnedItems(items []refund.Item, fault string) refund.Message {
	if fault != "" {
		return unreadable(fault)
	}
	return refund.Message{Kind: refund.Returned, Items: items}
}

func (r *refundReader) returned() refund.Message {
	items, fault, some := r.products()
	if some {
		return returnedItems(items, fault)
	}
	m, key := r.sum()
	switch {
	case m.fault != "":
		return unreadable("the amount cannot be read: " + m.fault)
	case key == "":
		return refund.Message{Kind: refund.Whole}
	}
	return r.part(m, key)
}

// part returns an amount that was given back; some write it with a minus.
func (r *refundReader) part(m stated, key string) refund.Message {
	if m.amount == 0 {
		return unreadable(key + " is 0")
	}
	return refund.Message{Kind: refund.Part, Amount: abs(m.amount), Net: key == "subtotal" || key == "revenue", Cumulative: r.meaning.Cumulative}
}

func (r *refundReader) field() refund.Message {
	key := strings.TrimPrefix(r.meaning.Field, "properties.")
	n := r.mapper.numberOf(r.build.msg.Lookup(*r.meaning.field))
	m := r.build.inCurrency(n, key)
	if r.meaning.MinorUnits {
		m = n.exactly(key)
		m.amount = m.amount.Share(int64(money.Smallest(r.build.code)), int64(money.Unit)).Round(r.build.code)
	}
	switch {
	case !m.found:
		return unreadable("there is no " + r.meaning.Field)
	case m.fault != "":
		return unreadable("the amount cannot be read: " + m.fault)
	case r.meaning.MinorUnits && r.build.code == "":
		return unreadable("it is in the smallest units of a currency, and neither names one nor is there a default")
	}
	part := r.part(m, key)
	if r.meaning.MinorUnits { // in whose units it was read, whatever the order's are
		part.Currency = r.build.code
	}
	return part
}

func (r *refundReader) fromProducts() refund.Message {
	items, fault, some := r.products()
	if !some {
		fault = "there are no products"
	}
	return returnedItems(items, fault)
}

// left reads what is left of an order.
func (r *refundReader) left() refund.Message {
	items, fault, some := r.products()
	if some && fault == "" {
		return refund.Message{Kind: refund.Left, Items: items}
	}
	m, key := r.sum()
	switch {
	case m.fault != "":
		return unreadable("the amount cannot be read: " + m.fault)
	case key == "" && some:
		return unreadable(fault)
	case key == "":
		return unreadable("it does not say what is left of the order")
	case m.amount < 0:
		return unreadable(key + " is negative, which cannot be what is left of the order")
	}
	return refund.Message{Kind: refund.Left, Amount: m.amount, Net: key == "subtotal" || key == "revenue"}
}

// sum returns the first of the order's sums, as it stands there, and its name.
func (r *refundReader) sum() (m stated, key string) {
	for _, key := range sums {
		if m := r.build.sumAt(key); m.found {
			return m, key
		}
	}
	return stated{}, ""
}

// products returns the products and their quantities. Some are there if the message
// has products at all; fault says why they cannot be used.
func (r *refundReader) products() (items []refund.Item, fault string, some bool) {
	list, found := r.mapper.listed(r.build.msg)
	if !found {
		return nil, "", false
	}
	if list.fault != "" {
		return nil, list.fault, true
	}
	for i := range list.len() {
		it, fault := r.product(list.at(i), i)
		if fault != "" {
			return nil, fault, true
		}
		items = append(items, it)
	}
	return items, "", true
}

func (r *refundReader) product(v segment.Value, i int) (it refund.Item, fault string) {
	p := &r.mapper.products
	if it.Sku = p.text(v, "ItemSku"); it.Sku == "" {
		return it, p.name(v, i) + " has no id that is read"
	}
	value, where := p.quantity.first(v)
	n := r.mapper.numberOf(value)
	q, err := money.Parse(strings.TrimPrefix(n.plain, "-"))
	switch {
	case !present(value):
		return it, p.name(v, i) + " has no quantity that is read"
	case n.fault != "" || n.mark != "" || err != nil || q%money.Unit != 0 || q >= mostUnits:
		return it, p.name(v, i) + ": " + where + " is not a whole number"
	}
	it.Quantity = int64(q / money.Unit)
	return it, ""
}

// text returns a text of a product as it is sent.
func (p *products) text(v segment.Value, name string) string {
	for i := range p.others {
		s := &p.others[i]
		if s.name != name {
			continue
		}
		for _, path := range s.paths {
			if text, _ := formValue(s.kind, textOf(v.At(path))); text != "" {
				short, _ := cutText(text, s.maxLen)
				return strings.Clone(short)
			}
		}
	}
	return ""
}
