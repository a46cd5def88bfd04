package mapping

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/segment"
)

func TestAmountIsNetOfDiscounts(t *testing.T) {
	t.Parallel()
	discounts := map[string]string{"ItemDiscount": "each", "ItemTotalDiscount": "all", "ItemDiscountRate": "rate"}
	for name, tt := range map[string]struct {
		properties string
		orders     string // the policy of order discounts
		want       string
		items      []string
	}{
		"none":                          {`"products":[{"sku":"A","price":10,"quantity":2},{"sku":"B","price":5}]`, "", "25.00", []string{"20.00", "5.00"}},
		"the order's is spread":         {`"total":20,"discount":5,"products":[{"sku":"A","price":10,"quantity":2},{"sku":"B","price":5}]`, "", "20.00", []string{"16.00", "4.00"}},
		"of prices that were reduced":   {`"total":25,"discount":5,"products":[{"sku":"A","price":10,"quantity":2},{"sku":"B","price":5}]`, "", "25.00", []string{"20.00", "5.00"}},
		"sent whatever the prices":      {`"discount":1,"products":[{"sku":"A","price":1},{"sku":"B","price":1},{"sku":"C","price":1}]`, DiscountSend, "2.00", []string{"0.67", "0.67", "0.66"}},
		"more than there is":            {`"discount":9,"products":[{"sku":"A","price":3}]`, DiscountSend, "0.00", []string{"0.00"}},
		"left out":                      {`"discount":1,"products":[{"sku":"A","price":3}]`, DiscountOmit, "3.00", []string{"3.00"}},
		"an order without items":        {`"total":20,"discount":5`, DiscountSend, "20.00", nil},
		"of each unit":                  {`"products":[{"sku":"A","price":10,"quantity":3,"each":1.5},{"sku":"B","price":5}]`, "", "30.50", []string{"25.50", "5.00"}},
		"of all units":                  {`"products":[{"sku":"A","price":10,"quantity":3,"all":1.5},{"sku":"B","price":5}]`, "", "33.50", []string{"28.50", "5.00"}},
		"a share":                       {`"products":[{"sku":"A","price":10,"quantity":3,"rate":10},{"sku":"B","price":5}]`, "", "32.00", []string{"27.00", "5.00"}},
		"a share of a sum":              {`"products":[{"sku":"A","subtotal":30,"quantity":3,"rate":10}]`, "", "27.00", []string{"27.00"}},
		"a share of all":                {`"products":[{"sku":"A","price":10,"rate":100}]`, "", "0.00", []string{"0.00"}},
		"all kinds, and the order's":    {`"discount":5,"products":[{"sku":"A","price":10,"quantity":3,"each":1,"all":2,"rate":20},{"sku":"B","price":5}]`, DiscountSend, "20.00", []string{"16.00", "4.00"}},
		"more of an item than it costs": {`"products":[{"sku":"A","price":3,"each":9},{"sku":"B","price":10}]`, "", "10.00", []string{"0.00", "10.00"}},
		"of an item, in yen":            {`"currency":"JPY","products":[{"sku":"A","price":333,"quantity":2,"rate":10}]`, "", "599", []string{"599"}},
		"of items, each in whole yen":   {`"currency":"JPY","products":[{"sku":"A","price":333,"quantity":2,"rate":10},{"sku":"B","price":333,"quantity":2,"rate":10}]`, "", "1198", []string{"599", "599"}},
		"of an item, in dinars":         {`"currency":"KWD","products":[{"sku":"A","price":1.234,"quantity":2,"each":0.001}]`, "", "2.466", []string{"2.466"}},
		"yen have no places":            {`"currency":"JPY","discount":100,"products":[{"sku":"A","price":333},{"sku":"B","price":334}]`, DiscountSend, "567", []string{"283", "284"}},
		"dinars have three":             {`"currency":"KWD","discount":0.001,"products":[{"sku":"A","price":0.333},{"sku":"B","price":0.333}]`, DiscountSend, "0.665", []string{"0.333", "0.332"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := New(Settings{CampaignID: "1", EventTypeID: "7", OrderDiscount: tt.orders, CustomMappingForProducts: discounts, Refunds: &RefundSettings{}})
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
