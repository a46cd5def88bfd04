package mapping

import (
	"strconv"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/segment"
)

// Money is what a conversion is worth as it would be sent: the items, else the
// amount, in hundredths of the currency. It is 0 and "" for a message that
// becomes no conversion or carries no usable sum.
func (m *Mapper) Money(msg *segment.Message) (hundredths int64, currency string) {
	if kind := m.Route(msg).Kind; kind != Conversion && kind != Install {
		return 0, ""
	}
	b := m.newBuild(msg, Person{})
	defer b.release()
	b.identity = msg.Identity()
	b.on = impactapi.Conversions
	for i := range m.conversions {
		switch m.conversions[i].name {
		case "items", "Amount", "CurrencyCode":
			b.step(&m.conversions[i])
		}
	}
	if !b.money {
		return 0, ""
	}
	params := b.values()
	currency, ok := params.Get("CurrencyCode")
	if !ok {
		currency = "of the account's currency"
	}
	if b.items == 0 {
		return centsOf(params, "Amount"), currency
	}
	for i := range b.items {
		hundredths += m.itemCents(params, i+1)
	}
	return hundredths, currency
}

func (m *Mapper) itemCents(params impactapi.Params, item int) int64 {
	price := centsOf(params, m.products.price.numbered(item))
	if price == 0 {
		return centsOf(params, m.products.subTotal.numbered(item))
	}
	text, _ := params.Get(m.products.quantity.numbered(item))
	quantity, _ := strconv.ParseFloat(text, 64)
	cents, _ := multiply(price, quantity)
	return cents
}

func centsOf(params impactapi.Params, name string) int64 {
	text, _ := params.Get(name)
	cents, _ := parseCents(text)
	return cents
}
