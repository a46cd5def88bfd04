package mapping

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMoneyIsWhatWouldBeSent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		message  string
		amount   int64
		currency string
	}{
		"items": {`{"type":"track","event":"Order Completed","messageId":"m","userId":"u","properties":{"order_id":"1","currency":"eur","revenue":99,
			"products":[{"product_id":"a","price":19,"quantity":1},{"product_id":"b","price":3.005,"quantity":2},{"product_id":"c","price":1,"quantity":0.5}]}}`, 1900 + 602 + 50, "EUR"},
		"amount":        {`{"type":"track","event":"Order Completed","messageId":"m","userId":"u","properties":{"order_id":"1","total":30,"tax":"2.50"}}`, 2750, "USD"},
		"text":          {`{"type":"track","event":"Order Completed","messageId":"m","userId":"u","properties":{"order_id":"1","revenue":"1.199,00 €"}}`, 119900, "EUR"},
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
