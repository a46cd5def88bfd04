package mapping

import (
	"bytes"
	"strings"

	"github.com/impactsync/impactsync/sync/money"
	"github.com/impactsync/impactsync/sync/refund"
	"github.com/impactsync/impactsync/sync/segment"
)

// Prepared is everything that the state keeps of a message. It owns its memory.
type Prepared struct {
	Route

	ClickID   string // in the message itself
	ClickSure bool   // it came in a way that only impact.com uses; otherwise it may be another network's

	// The rest is for a message that is sent.

	Payload []byte // the message reduced to what the mapping reads, addresses hashed

	// EventType and OrderID identify a conversion within the program. Both are
	// empty for an order that cannot be told from others. Values that a custom
	// mapping takes from the state do not count.
	EventType, OrderID string

	// Amount is what a conversion is worth as it would be sent: the items without the
	// discounts that impact.com subtracts, else the order's sum. Currency is empty if there is no usable sum.
	Amount   money.Amount
	Currency string

	// Items are what was sold, and Gross what the customer paid, with tax and
	// shipping, if messages about refunds are read. They are empty for an order that is
	// sent without items.
	Items []refund.Item
	Gross money.Amount

	// Refusal is why our rules would refuse the request of the message alone; nil
	// if it would be sent. Unsure reports that what the state knows of the person,
	// their click id and traits, may change that.
	Refusal *Refusal
	Unsure  bool

	// Identified reports that the message holds something by which impact.com
	// knows whose it is, even if it is refused for another reason.
	Identified bool
}

// Prepare routes a message and, if it is to be sent, tries its request: one pass
// finds everything that the state has to know of it. It takes some microseconds.
func (m *Mapper) Prepare(msg *segment.Message) Prepared {
	route := m.Route(msg)
	if route.Kind == None && m.clickSource == nil { // many need no more
		click := m.clickIn(msg)
		return Prepared{Route: route, ClickID: strings.Clone(click.id), ClickSure: click.sure}
	}
	b, _ := m.builds.Get().(*build)
	if b == nil {
		b = new(build)
	}
	defer m.builds.Put(b)
	b.begin(m, msg, Person{})
	p := Prepared{Route: route, ClickID: strings.Clone(b.click.id), ClickSure: b.click.sure}
	if p.Kind == None {
		return p
	}
	_, _ = b.request(p.Kind) // the refusal is the build's
	b.kept = m.reduce(b.kept, msg)
	p.Payload = bytes.Clone(b.kept)
	p.Refusal, p.Identified = b.refusal, !b.unidentified
	p.Unsure = b.askedState
	if isConversion(p.Kind) {
		p.EventType, p.OrderID = b.orderKey()
		p.Amount, p.Currency = b.amountOfMoney()
		p.Items, p.Gross = b.sold(p.Amount)
		p.Unsure = p.Unsure || b.refusal != nil && b.refusal.Class == "identifier" && !b.identity.IsZero()
	}
	return p
}

// orderKey returns what identifies a conversion to impact.com.
func (b *build) orderKey() (eventType, orderID string) {
	if b.refused&keyPart != 0 {
		return "", ""
	}
	eventType, hasID := b.params.Get("EventTypeId")
	if !hasID {
		eventType, _ = b.params.Get("EventTypeCode")
		if known := b.mapper.names.lookup(eventType).name; known != "" {
			eventType = known // in one spelling, whatever its case was
		}
	}
	orderID, _ = b.params.Get("OrderId")
	if orderID == "" {
		return "", ""
	}
	return strings.Clone(eventType), strings.Clone(orderID)
}

// sold returns what refunds are compared with: the items as they are sent, and what
// the customer paid.
func (b *build) sold(amount money.Amount) (items []refund.Item, gross money.Amount) {
	if b.mapper.refunds == nil {
		return nil, 0
	}
	gross = amount
	if total := b.sumAt("total"); total.positive() {
		gross = max(gross, total.amount)
	}
	if b.items > 0 {
		items = b.lines
	}
	return items, gross
}

// amountOfMoney returns what a conversion is worth.
func (b *build) amountOfMoney() (amount money.Amount, currency string) {
	if b.refused&moneyPart != 0 || b.items == 0 && !b.totalled {
		return 0, ""
	}
	currency, ok := b.params.Get("CurrencyCode")
	if !ok {
		currency = "of the account's currency"
	}
	if b.items > 0 {
		return b.netOfDiscounts(), strings.Clone(currency)
	}
	for _, p := range b.params {
		if rules[p.Name]&orderTotal != 0 { // there is one of them, meant after discounts
			amount, _ = money.Parse(p.Value)
		}
	}
	return amount, strings.Clone(currency)
}
