package mapping

import (
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
)

// Prepared is everything that the state keeps of a message. It owns its memory.
type Prepared struct {
	Route

	ClickID   string // the click id that the message itself carries
	ClickSure bool   // it came in a way which only impact.com uses; another one may be another network's

	// Of a message that is sent.

	Payload []byte // the message reduced to what the mapping reads, addresses hashed

	// EventType and OrderID are what makes a conversion unique to impact.com
	// beside the program. Both are empty for an order that cannot be told from
	// others. Values that a custom mapping takes from the state are not seen.
	EventType, OrderID string

	// Amount is what a conversion is worth as it would be sent, in hundredths of
	// the currency: the items, else the order's sum. Currency is empty without a
	// usable sum.
	Amount   int64
	Currency string

	// Refusal says why the request of the message alone would be refused by our
	// rules; nil if it would be sent. Unsure says that what the state knows of
	// the person, their click id and traits, may decide otherwise.
	Refusal *Refusal
	Unsure  bool

	// Identified says that the message holds something by which impact.com
	// knows whose it is, even where it is refused for something else.
	Identified bool
}

// Prepare routes a message and, where it is to be sent, tries its request: one
// pass says everything that the state has to know of it. It costs some
// microseconds.
func (m *Mapper) Prepare(msg *segment.Message) Prepared {
	b := m.newBuild(msg, Person{})
	p := Prepared{Route: m.Route(msg), ClickID: strings.Clone(b.click.id), ClickSure: b.click.sure}
	if p.Kind == None {
		return p
	}
	_, _ = b.request(p.Kind) // the refusal is the build's
	p.Payload = m.reduce(msg)
	p.Refusal, p.Identified = b.refusal, !b.unidentified
	p.Unsure = b.askedState
	if isConversion(p.Kind) {
		p.EventType, p.OrderID = b.orderKey()
		p.Amount, p.Currency = b.amountOfMoney()
		p.Unsure = p.Unsure || b.refusal != nil && b.refusal.Class == "identifier" && !b.identity.IsZero()
	}
	return p
}

func (b *build) orderKey() (eventType, orderID string) {
	if b.refused&keyPart != 0 {
		return "", ""
	}
	eventType, hasID := b.params.Get("EventTypeId")
	if !hasID {
		eventType, _ = b.params.Get("EventTypeCode")
		if known := b.mapper.names.lookup(eventType).name; known != "" {
			eventType = known // in whatever case it came
		}
	}
	orderID, _ = b.params.Get("OrderId")
	if orderID == "" {
		return "", ""
	}
	return strings.Clone(eventType), strings.Clone(orderID)
}

func (b *build) amountOfMoney() (hundredths int64, currency string) {
	if b.refused&moneyPart != 0 || b.items == 0 && !b.totalled {
		return 0, ""
	}
	currency, ok := b.params.Get("CurrencyCode")
	if !ok {
		currency = "of the account's currency"
	}
	if b.items > 0 {
		return b.worth, strings.Clone(currency)
	}
	for _, p := range b.params {
		if rules[p.Name]&orderTotal != 0 { // there is one of them
			hundredths, _ = parseCents(p.Value)
		}
	}
	return hundredths, strings.Clone(currency)
}
