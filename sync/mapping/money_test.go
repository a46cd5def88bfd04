package mapping

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/money"
)

func TestMoneyIsWhatWouldBeSent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		message  string
		amount   money.Amount
		currency string
	}{
		"items": {`{"type":"track","event":"Order Completed","messageId":"m","userId":"u","properties":{"order_id":"1","currency":"eur","revenue":99,
			"products":[{"product_id":"a","price":19,"quantity":1},{"product_id":"b","price":3.005,"quantity":2},{"product_id":"c","price":1,"quantity":0.5}]}}`, (1900 + 602 + 50) * 100, "EUR"},
		"amount":        {`{"type":"track","event":"Order Completed","messageId":"m","userId":"u","properties":{"order_id":"1","total":30,"tax":"2.50"}}`, 27_5000, "USD"},
		"text":          {`{"type":"track","event":"Order Completed","messageId":"m","userId":"u","properties":{"order_id":"1","revenue":"1.199,00 €"}}`, 1199_0000, "EUR"},
		"no places":     {`{"type":"track","event":"Order Completed","messageId":"m","userId":"u","properties":{"order_id":"1","total":1250,"currency":"JPY"}}`, 1250_0000, "JPY"},
		"three places":  {`{"type":"track","event":"Order Completed","messageId":"m","userId":"u","properties":{"order_id":"1","total":1.2345,"currency":"kwd"}}`, 1_2350, "KWD"},
		"its sign":      {`{"type":"track","event":"Order Completed","messageId":"m","userId":"u","properties":{"order_id":"1","total":"BHD 1.2345","tax":0.0005}}`, 1_2350 - 10, "BHD"},
		"refused":       {`{"type":"track","event":"Order Completed","messageId":"m","userId":"u","properties":{"order_id":"1","revenue":9,"products":[{"price":9},{"price":"free"}]}}`, 0, ""},
		"none":          {`{"type":"track","event":"Order Completed","messageId":"m","userId":"u","properties":{"order_id":"1"}}`, 0, ""},
		"unusable":      {`{"type":"track","event":"Order Completed","messageId":"m","userId":"u","properties":{"order_id":"1","revenue":-5}}`, 0, ""},
		"no conversion": {`{"type":"page","messageId":"m","userId":"u","properties":{"revenue":5}}`, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newMapper(t, everything()).Prepare(decode(t, c.message))
			require.Equal(t, c.amount, p.Amount)
			require.Equal(t, c.currency, p.Currency)
		})
	}
}

func TestAmountsHaveThePlacesOfTheirCurrency(t *testing.T) {
	t.Parallel()
	for properties, want := range map[string]string{
		`"currency":"KWD","total":1.234`:                                                           "Amount=1.234",
		`"currency":"KWD","total":"1.234"`:                                                         "Amount=1.234",
		`"currency":"KWD","products":[{"price":"1.234","quantity":2}],"shipping":"2.500"`:          "ItemPrice1=1.234 ItemQuantity1=2 OrderShipping=2.500",
		`"currency":"KWD","total":1.23450001`:                                                      "Amount=1.235",
		`"currency":"JPY","total":"¥1,200.5"`:                                                      "Amount=1201",
		`"total":"BHD 1.5"`:                                                                        "Amount=1.500",
		`"currency":"EUR","total":1.2349999999999999999`:                                           "Amount=1.23",
		`"currency":"KWD","tax":0.0005,"products":[{"price":1.0015,"quantity":2,"subtotal":9}]`:    "ItemPrice1=1.002 ItemQuantity1=2 OrderTax=0.001",
		`"currency":"KWD","products":[{"price":1.3333,"quantity":10}],"shipping":0.0004,"value":9`: "ItemSubTotal1=13.333 ItemQuantity1=10 OrderShipping=0.000",
	} {
		r, err := order(t, everything(), `{"order_id":"o",`+properties+`}`)
		require.Equal(t, sorted(want), sorted(moneyIn(r, err)), properties)
	}
}
