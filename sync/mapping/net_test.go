package mapping

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/segment"
)

func TestAmountIsNetOfDiscounts(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		properties string
		orders     string // the policy of order discounts
		want       string
		items      []string
	}{
		"none":                        {`"products":[{"sku":"A","price":10,"quantity":2},{"sku":"B","price":5}]`, "", "25.00", []string{"20.00", "5.00"}},
		"the order's is spread":       {`"total":20,"discount":5,"products":[{"sku":"A","price":10,"quantity":2},{"sku":"B","price":5}]`, "", "20.00", []string{"16.00", "4.00"}},
		"of prices that were reduced": {`"total":25,"discount":5,"products":[{"sku":"A","price":10,"quantity":2},{"sku":"B","price":5}]`, "", "25.00", []string{"20.00", "5.00"}},
		"sent whatever the prices":    {`"discount":1,"products":[{"sku":"A","price":1},{"sku":"B","price":1},{"sku":"C","price":1}]`, DiscountSend, "2.00", []string{"0.67", "0.67", "0.66"}},
		"more than there is":          {`"discount":9,"products":[{"sku":"A","price":3}]`, DiscountSend, "0.00", []string{"0.00"}},
		"left out":                    {`"discount":1,"products":[{"sku":"A","price":3}]`, DiscountOmit, "3.00", []string{"3.00"}},
		"an order without items":      {`"total":20,"discount":5`, DiscountSend, "20.00", nil},
		"yen have no places":          {`"currency":"JPY","discount":100,"products":[{"sku":"A","price":333},{"sku":"B","price":334}]`, DiscountSend, "567", []string{"283", "284"}},
		"dinars have three":           {`"currency":"KWD","discount":0.001,"products":[{"sku":"A","price":0.333},{"sku":"B","price":0.333}]`, DiscountSend, "0.665", []string{"0.333", "0.332"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := New(Settings{CampaignID: "1", EventTypeID: "7", OrderDiscount: tt.orders, Refunds: &RefundSettings{}})
			require.NoError(t, err)
			dec := segment.Decoder{}
			msg, err := dec.Decode([]byte(`{"type":"track","event":"Order Completed","messageId":"m","userId":"u","timestamp":"2026-01-02T03:04:05Z","properties":{"order_id":"o",` + tt.properties + `}}`))
			require.NoError(t, err)
			defer msg.Release()
			p := m.Prepare(msg)
			require.Nil(t, p.Refusal)
			require.Equal(t, tt.want, p.Amount.Format(p.Currency))
			var items []string
			for _, it := range p.Items {
				items = append(items, it.Amount.Format(p.Currency))
			}
			require.Equal(t, tt.items, items)
		})
	}
}
