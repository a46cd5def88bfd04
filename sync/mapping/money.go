package mapping

import (
	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/segment"
)

// Money is what a conversion is worth as it would be sent: the items, else the
// amount, in hundredths of the currency. It is 0 and "" for a message that
// becomes no conversion or carries no usable sum.
func (m *Mapper) Money(msg *segment.Message) (hundredths int64, currency string) {
	if !isConversion(m.Route(msg).Kind) {
		return 0, ""
	}
	b := m.newBuild(msg, Person{})
	defer b.release()
	b.identity = msg.Identity()
	b.on = impactapi.Conversions
	for i := range m.conversions {
		switch s := &m.conversions[i]; {
		case b.refusal != nil:
			return 0, ""
		case s.orderTotal || s.name == "items" || s.name == "CurrencyCode":
			b.step(s)
		}
	}
	if !b.money || b.refusal != nil {
		return 0, ""
	}
	params := b.values()
	currency, ok := params.Get("CurrencyCode")
	if !ok {
		currency = "of the account's currency"
	}
	if b.items > 0 {
		return b.worth, currency
	}
	for name := range orderTotals {
		text, _ := params.Get(name)
		cents, _ := parseCents(text)
		hundredths += cents // there is one of them
	}
	return hundredths, currency
}
