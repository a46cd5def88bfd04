package mapping

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/refund"
	"github.com/impactsync/impactsync/sync/segment"
)

func withRefunds(meanings ...Meaning) Settings {
	s := everything()
	s.Refunds = &RefundSettings{Meanings: meanings}
	return s
}

// shown returns what a message says of an order, in short.
func shown(r Refund, ok bool) string {
	if !ok {
		return "none"
	}
	text := string(r.Kind)
	for _, it := range r.Items {
		text += fmt.Sprintf(" %s*%d", it.Sku, it.Quantity)
	}
	if r.Amount != 0 {
		text += " " + r.Amount.String()
		if r.Net {
			text += " net"
		}
	}
	if r.Cumulative {
		text += " so far"
	}
	if r.Tentative {
		text += " tentative"
	}
	if r.Reason != "" {
		text += ": " + r.Reason
	}
	return text
}

func notSaid(key string) string {
	return "unclear: what properties." + key + " means is not said: refunds.meanings can name it (amount: field), or say that each such message is the whole order (amount: wholeOrder)"
}

// TestShapesOfRefunds reads what senders were seen to send.
func TestShapesOfRefunds(t *testing.T) {
	t.Parallel()
	const two = `"products":[{"product_id":"A","quantity":1,"price":19},{"sku":"B","quantity":2,"price":3}]`
	for _, c := range []struct {
		what, event, properties string
		meaning                 Meaning
		want                    string
	}{
		{"only the order id", "Order Refunded", ``, Meaning{}, "whole"},
		{"a cancelled order with its original amounts", "order cancelled ", `"total":30,"revenue":25,` + two, Meaning{}, "whole"},
		{"products and quantities", "Order Refunded", two, Meaning{}, "returned A*1 B*2"},
		{"negative quantities", "Order Refunded", `"products":[{"sku":"B","quantity":-1}]`, Meaning{}, "returned B*1"},
		{"the status of a shop: the whole order again", "ORDER REFUNDED", `"total":30,` + two, Meaning{}, "returned A*1 B*2"},
		{"the same, said to be so", "Order Refunded", `"total":30,"products":[{"name":"x"}]`, Meaning{Amount: MeansWholeOrder}, "whole"},
		{"a word for a part", "Order Refunded", `"refund_type":"partial","refund_id":"m1","refund_reason":"broken"`, Meaning{}, notSaid("refund_type")},
		{"a part of a word", "Order Refunded", `"status":"Partially Refunded"`, Meaning{}, notSaid("status")},
		{"an amount by another name", "Order Refunded", `"amount":5`, Meaning{}, notSaid("amount")},
		{"a number of units", "Order Refunded", `"sku":"A","quantity":1`, Meaning{}, notSaid("quantity")},
		{"products by another name", "Order Refunded", `"line_items":[{"sku":"A","quantity":1}]`, Meaning{}, notSaid("line_items")},
		{"a list of no products", "Order Refunded", `"products":[]`, Meaning{}, "unclear: properties.products is an empty list: perhaps only money was given back; refunds.meanings can say that each such message is the whole order (amount: wholeOrder)"},
		{"words for nothing", "Order Refunded", `"products":null,"amount":null,"total":""`, Meaning{}, "whole"},
		{"an id and a reason", "Order Refunded", `"refund_id":"m1","refund_reason":"broken","fulfillment":"dhl"`, Meaning{}, "whole"},
		{"an amount in words", "Order Refunded", `"total":{"value":3}`, Meaning{}, "unclear: what properties.total means is not said: refunds.meanings says whether it is the part that was returned or what is left"},
		{"products without quantities", "Order Refunded", `"products":[{"sku":"B"}]`, Meaning{}, `unclear: product 1 ("B") has no quantity that is read`},
		{"products without ids", "Order Refunded", `"products":[{"name":"Mug","quantity":1}]`, Meaning{}, `unclear: product 1 ("Mug") has no id that is read`},
		{"a total that may be the part or the rest", "Order Refunded", `"total":19`, Meaning{}, "unclear: what properties.total means is not said: refunds.meanings says whether it is the part that was returned or what is left"},
		{"said to be the part", "Order Refunded", `"total":19`, Meaning{Amount: MeansReturned}, "part 19.00"},
		{"said to be the part, without tax", "Order Refunded", `"revenue":"19,00"`, Meaning{Amount: MeansReturned}, "part 19.00 net"},
		{"a negative total", "Order Refunded", `"total":-30`, Meaning{Amount: MeansReturned}, "part 30.00"},
		{"said to be the part, of nothing", "Order Refunded", `"total":0`, Meaning{Amount: MeansReturned}, "unclear: total is 0"},
		{"said to be the part, unreadable", "Order Refunded", `"total":"some"`, Meaning{Amount: MeansReturned}, `unclear: the amount cannot be read: total "some" is not a number`},
		{"said to be the part, and only an id", "Order Refunded", ``, Meaning{Amount: MeansReturned}, "whole"},
		{"said to be the rest", "Order Refunded", `"total":11`, Meaning{Amount: MeansNewTotal}, "left 11.00"},
		{"said to be the rest, nothing", "Order Refunded", `"total":0`, Meaning{Amount: MeansNewTotal}, "left"},
		{"said to be the rest, products", "Order Refunded", two, Meaning{Amount: MeansNewTotal}, "left A*1 B*2"},
		{"said to be the rest, negative", "Order Refunded", `"total":-1`, Meaning{Amount: MeansNewTotal}, "unclear: total is negative, which cannot be what is left of the order"},
		{"an amount beside the order's total", "Order Refunded", `"order_total":50,"refund_amount":12.5`, Meaning{}, notSaid("refund_amount")},
		{"the same, named", "Order Refunded", `"order_total":50,"refund_amount":12.5`, Meaning{Amount: MeansField, Field: "properties.refund_amount"}, "part 12.50"},
		{"named, but not there", "Order Refunded", ``, Meaning{Amount: MeansField, Field: "properties.refund_amount"}, "unclear: there is no properties.refund_amount"},
		{"in cents", "Order Refunded", `"refundAmountCents":1250`, Meaning{Amount: MeansField, Field: "properties.refundAmountCents", MinorUnits: true}, "part 12.50"},
		{"in the smallest unit of yen", "Order Refunded", `"refundAmountCents":1250,"currency":"JPY"`, Meaning{Amount: MeansField, Field: "properties.refundAmountCents", MinorUnits: true}, "part 1250.00"},
		{"in thousandths of a dinar", "Order Refunded", `"cents":1250,"currency":"KWD"`, Meaning{Amount: MeansField, Field: "properties.cents", MinorUnits: true}, "part 1.25"},
		{"a text in dinars", "Order Refunded", `"amount":"1.234","currency":"KWD"`, Meaning{Amount: MeansField, Field: "properties.amount"}, "part 1.234"},
		{"dinars or euros", "Order Refunded", `"amount":1.234`, Meaning{Amount: MeansField, Field: "properties.amount"}, "part 1.234"},
		{"a text that may be dinars or euros", "Order Refunded", `"amount":"1.234"`, Meaning{Amount: MeansField, Field: "properties.amount"}, `unclear: the amount cannot be read: amount "1.234" could be 1234 or 1.234; destination.decimalSign says which`},
		{"a text in thousandths", "Order Refunded", `"cents":"1.234","currency":"KWD"`, Meaning{Amount: MeansField, Field: "properties.cents", MinorUnits: true}, `unclear: the amount cannot be read: cents "1.234" could be 1234 or 1.234; destination.decimalSign says which`},
		{"so far", "Order Refunded", `"cumulativeRefundAmount":20`, Meaning{Amount: MeansField, Field: "properties.cumulativeRefundAmount", Cumulative: true}, "part 20.00 so far"},
		{"a flag for the whole order", "Order Refunded", `"refundAmount":20,"isFullRefund":true`, Meaning{Amount: MeansField, Field: "properties.refundAmount", Full: "properties.isFullRefund"}, "whole"},
		{"the flag says no", "Order Refunded", `"refundAmount":20,"isFullRefund":false`, Meaning{Amount: MeansField, Field: "properties.refundAmount", Full: "properties.isFullRefund"}, "part 20.00"},
		{"from products alone", "Order Refunded", `"total":30,"products":[{"sku":"B","quantity":1}]`, Meaning{Amount: MeansProducts}, "returned B*1"},
		{"from products that are not there", "Order Refunded", `"total":30`, Meaning{Amount: MeansProducts}, "unclear: there are no products"},
		{"an update", "Order Updated", `"total":27.5,` + two, Meaning{}, "left A*1 B*2 tentative"},
		{"an update of an amount", "Order Updated", `"revenue":25`, Meaning{}, "left 25.00 net tentative"},
		{"an update that counts", "Order Updated", two, Meaning{Event: "order updated", Amount: MeansNewTotal}, "left A*1 B*2"},
		{"another event's meaning", "Order Refunded", ``, Meaning{Event: "order updated", Amount: MeansNewTotal}, "whole"},
		{"another source's meaning", "Order Refunded", `"total":0`, Meaning{Source: "app*", Amount: MeansNewTotal}, "unclear: what properties.total means is not said: refunds.meanings says whether it is the part that was returned or what is left"},
		{"a cancellation is the whole order, whatever refunds mean", "Order Cancelled", `"total":5`, Meaning{Amount: MeansReturned}, "whole"},
		{"another event", "Order Returned", ``, Meaning{}, "none"},
		{"a conversion", "Order Completed", ``, Meaning{}, "none"},
		{"an update is no refund, whatever refunds mean", "Order Updated", two, Meaning{Amount: MeansReturned}, "left A*1 B*2 tentative"},
		{"nor a whole one", "Order Updated", `"total":30`, Meaning{Amount: MeansWholeOrder}, "left 30.00 tentative"},
		{"unless the meaning names it", "Order Updated", two, Meaning{Event: "Order Updated", Amount: MeansReturned}, "returned A*1 B*2"},
		{"an update counts where amounts are what is left", "Order Updated", two, Meaning{Amount: MeansNewTotal}, "left A*1 B*2"},
	} {
		m := newMapper(t, withRefunds(c.meaning))
		line := fmt.Sprintf(`{"type":"track","messageId":"m1","event":%q,"userId":"u","context":{"traits":{"email":"ann@x.example"}},"timestamp":"2026-11-01T12:00:00Z","properties":{"order_id":"o1","email":"ann@x.example",%s}}`, c.event, c.properties)
		line = strings.Replace(line, ",}}", "}}", 1)
		r, ok := m.Refund("web", decode(t, line))
		require.Equal(t, c.want, shown(r, ok), c.what)
		if !ok {
			continue
		}
		require.Equal(t, "o1", r.OrderID, c.what)
		require.NotContains(t, string(r.Payload), "ann@", c.what)
		require.NotContains(t, string(r.Payload), `"u"`, c.what)
		again, ok := m.Refund("web", decode(t, string(r.Payload)))
		r.Reason, again.Reason = "", "" // which quotes values that are not kept
		require.Equal(t, shown(r, true), shown(again, ok), "what is kept of it means the same: %s", c.what)
		require.Equal(t, r.Key+r.ID, again.Key+again.ID)
		require.Equal(t, r.At, again.At)
	}
}

// A refund that names no currency is in its order's, not in the configured default.
func TestCurrencyOfRefunds(t *testing.T) {
	t.Parallel()
	m := newMapper(t, withRefunds(Meaning{Source: "cents", Amount: MeansField, Field: "properties.cents", MinorUnits: true}, Meaning{Amount: MeansReturned}))
	inCents, ok := m.Refund("cents", decode(t, `{"type":"track","messageId":"m1","event":"Order Refunded","properties":{"order_id":"o1","cents":1250}}`))
	require.True(t, ok)
	require.Equal(t, "USD", inCents.Currency, "whose units were assumed: an order in dinars is not taken back by it")
	for properties, want := range map[string]string{
		`"total":5`: "", `"total":5,"currency":" eur"`: "EUR", `"total":5,"currency":"euros"`: "", `"currency":"JPY","products":[{"sku":"B","quantity":1}]`: "JPY",
	} {
		r, ok := m.Refund("web", decode(t, `{"type":"track","messageId":"m1","event":"Order Refunded","properties":{"order_id":"o1",`+properties+`}}`))
		require.True(t, ok)
		require.Equal(t, want, r.Currency, properties)
		again, _ := m.Refund("web", decode(t, string(r.Payload)))
		require.Equal(t, want, again.Currency, "what is kept of it means the same: %s", properties)
	}
}

func TestRefundsNameTheirOrder(t *testing.T) {
	t.Parallel()
	s := withRefunds()
	s.Refunds.Refunds, s.Refunds.OnlyRefunds, s.Refunds.ID = []string{"Money Back"}, true, "properties.refund.id"
	m := newMapper(t, s)
	for properties, want := range map[string]string{
		`"orderId":"a","refund":{"id":"r1"}`: "a r1", `"order_id":" b "`: "b m1", `"total":3`: "",
		`"order_id":"` + strings.Repeat("x", 65) + `"`: shortOrderID(strings.Repeat("x", 65)) + " m1",
	} {
		r, ok := m.Refund("web", decode(t, `{"type":"track","messageId":"m1","event":"money back","properties":{`+properties+`}}`))
		require.Equal(t, want != "", ok)
		if ok {
			require.Equal(t, want, r.OrderID+" "+r.ID)
		}
	}
	_, ok := m.Refund("web", decode(t, `{"type":"track","event":"Order Refunded","properties":{"order_id":"a"}}`))
	require.False(t, ok)
	_, ok = newMapper(t, everything()).Refund("web", decode(t, `{"type":"track","event":"Order Refunded","properties":{"order_id":"a"}}`))
	require.False(t, ok, "off by default")
}

func TestWhatWasSold(t *testing.T) {
	t.Parallel()
	m := newMapper(t, withRefunds())
	p := m.Prepare(decode(t, orderLine(`"order_id":"o","total":30,"tax":5,"products":[{"sku":"A","category":"c","price":19},{"product_id":"B","price":3,"quantity":2}]`)))
	require.Equal(t, []refund.Item{{Sku: "A", Category: "c", Quantity: 1, Amount: 19_0000}, {Sku: "B", Quantity: 2, Amount: 6_0000}}, p.Items)
	require.EqualValues(t, 30_0000, p.Gross)
	require.EqualValues(t, 25_0000, p.Amount)
	p = m.Prepare(decode(t, orderLine(`"order_id":"o","total":30`)))
	require.Empty(t, p.Items)
}

func TestOrdersThatWereRefundedBeforeTheyWereSent(t *testing.T) {
	t.Parallel()
	m := newMapper(t, withRefunds())
	for _, c := range []struct {
		properties string
		left       map[string]int64
		want       string
	}{
		{`"products":[{"sku":"A","price":19},{"sku":"B","price":3,"quantity":2}]`, map[string]int64{"B": 1}, "ItemPrice1=19.00 ItemQuantity1=1 ItemSku1=A ItemPrice2=3.00 ItemQuantity2=1 ItemSku2=B"},
		{`"products":[{"sku":"A","price":19},{"sku":"B","price":3,"quantity":2}]`, map[string]int64{"A": 0}, "ItemPrice1=3.00 ItemQuantity1=2 ItemSku1=B"},
		{`"products":[{"sku":"B","subtotal":10,"quantity":3}]`, map[string]int64{"B": 2}, "ItemSubTotal1=6.67 ItemQuantity1=2 ItemSku1=B"},
		{`"total":20,"discount":5,"products":[{"sku":"A","price":20},{"sku":"B","price":5}]`, map[string]int64{"B": 0}, "ItemPrice1=20.00 ItemQuantity1=1 ItemSku1=A OrderDiscount=4.00"},
		{`"products":[{"sku":"A","price":19}]`, nil, "ItemPrice1=19.00 ItemQuantity1=1 ItemSku1=A"},
	} {
		r, err := m.Event(decode(t, orderLine(`"order_id":"o",`+c.properties)), Person{Left: c.left})
		require.Equal(t, sorted(c.want), sorted(moneyIn(r, err)), c.properties)
	}
}

func TestRefundSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{"refund_amount": "is not a path below properties", "properties..x": "refunds.meanings[0].field"} {
		_, err := New(withRefunds(Meaning{Amount: MeansField, Field: field}))
		require.ErrorContains(t, err, want)
	}
}

func FuzzRefund(f *testing.F) {
	for _, properties := range []string{`"order_id":"o"`, `"order_id":1,"products":[{"sku":"A","quantity":"1"}],"total":"-3,5"`, `"order_id":"o","refund_amount":1e9,"products":{"a":{}}`,
		`"order_id":"o","refund a@b.de":5`, `"order_id":"a@b.de","currency":"jpy","total":"1.234","tax":"x"`, `"orderId":" 7 ","refund_id":"a@b.de","full_refund":true,"products":"[{\"sku\":\"A\"}]"`} {
		f.Add(properties)
	}
	s := withRefunds(Meaning{Source: "a", Amount: MeansField, Field: "properties.refund_amount"}, Meaning{Source: "b", Amount: MeansNewTotal}, Meaning{Source: "c", Amount: MeansReturned})
	f.Fuzz(func(t *testing.T, properties string) {
		m := newMapper(t, s)
		var d segment.Decoder
		msg, err := d.Decode([]byte(`{"type":"track","messageId":"m","event":"Order Refunded","timestamp":"2026-11-01T12:00:00Z","properties":{` + properties + `}}`))
		if err != nil {
			return
		}
		for _, source := range []string{"a", "b", "c", "d"} {
			r, ok := m.Refund(source, msg)
			if !ok {
				continue
			}
			kept, err := new(segment.Decoder).Decode(r.Payload)
			require.NoError(t, err, string(r.Payload))
			again, ok := m.Refund(source, kept)
			r.Reason, again.Reason = "", ""
			require.Equal(t, shown(r, true), shown(again, ok), "%s: %s", source, r.Payload)
		}
	})
}

// TestRefundsOutliveTheirMessage reads other messages into the memory of one.
func TestRefundsOutliveTheirMessage(t *testing.T) {
	t.Parallel()
	m, d := newMapper(t, withRefunds(Meaning{Amount: MeansField, Field: "properties.refund_amount"})), new(segment.Decoder)
	line := `{"type":"track","event":"Order Refunded","messageId":"m1","properties":{"order_id":"o1","refund_id":"r1","currency":"EUR","refund_amount":5}}`
	msg, err := d.Decode([]byte(line))
	require.NoError(t, err)
	r, ok := m.Refund("web", msg)
	require.True(t, ok)
	msg.Release()
	for range 10 { // the pool may forget it
		other, err := d.Decode([]byte(`{"type":"page","x":"` + strings.Repeat("x", len(line)-22) + `"}`))
		require.NoError(t, err)
		other.Release()
	}
	require.Equal(t, []string{"o1", "m1", "r1", "EUR"}, []string{r.OrderID, r.Key, r.ID, r.Currency})
}
