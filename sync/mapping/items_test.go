package mapping

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/segment"
)

// moneyIn shows what an order is worth as it is sent, or why it is refused.
func moneyIn(r Request, err error) string {
	if err != nil {
		return "refused: " + err.Error()
	}
	var shown []string
	for _, p := range r.Params {
		if strings.HasPrefix(p.Name, "Item") || strings.HasPrefix(p.Name, "Order") && p.Name != "OrderId" || p.Name == "Amount" {
			shown = append(shown, p.Name+"="+p.Value)
		}
	}
	for _, n := range r.Notes {
		shown = append(shown, n.Word)
	}
	return strings.Join(shown, " ")
}

const noSum = "; and the order has no sum of its own to send instead"

// orders are orders by their properties, what is sent of them and, where it
// differs, what of their items with unusableItems: amount.
var orders = []struct{ properties, want, instead string }{
	{`"revenue":1209,"products":[{"sku":"A","price":"1,199.00","quantity":1},{"sku":"B","price":"10.00"}]`,
		"ItemPrice1=1199.00 ItemQuantity1=1 ItemSku1=A ItemPrice2=10.00 ItemQuantity2=1 ItemSku2=B", ""},
	{`"revenue":30,"products":[{"sku":"A","price":"$20.00","quantity":"1.0"},{"sku":"B","price":"10,00 $","quantity":1e0}]`,
		"ItemPrice1=20.00 ItemQuantity1=1 ItemSku1=A ItemPrice2=10.00 ItemQuantity2=1 ItemSku2=B", ""},
	{`"revenue":1209,"products":[{"sku":"A","price":"1,199"},{"sku":"B","price":10}]`,
		`refused: product 1 ("A"): price "1,199" could be 1199 or 1.199; destination.decimalSign says which`, "Amount=1209.00 items_left_out"},
	{`"revenue":"19,99","products":[{"name":"Gift for sam@x.example","price":"free"}]`,
		`refused: product 1 ("Gift for "): price "free" is not a number`, "Amount=19.99 items_left_out"},
	{`"products":[{"sku":"A","price":5},{"sku":"B","price":9,"quantity":"two"}]`,
		`refused: product 2 ("B"): quantity "two" is not a number`, `refused: product 2 ("B"): quantity "two" is not a number; and the order has no sum of its own to send instead`},
	{`"revenue":"1,5,0","products":[{"product_id":7,"price":"n/a"}]`,
		`refused: product 1 ("7"): price "n/a" is not a number`, `refused: Amount is not usable: revenue "1,5,0" is not a number`},
	{`"total":5,"products":[{"price":5,"quantity":0}]`, `refused: product 1: quantity "0" is not a quantity`, "Amount=5.00 items_left_out"},
	{`"total":5,"products":[{"price":5,"quantity":-1}]`, `refused: product 1: quantity "-1" is not a quantity`, "Amount=5.00 items_left_out"},
	{`"total":5,"products":[{"price":-5}]`, `refused: product 1: price "-5" is negative`, "Amount=5.00 items_left_out"},
	{`"total":5,"products":[{"price":"(5)"}]`, `refused: product 1: price "-5" is negative`, "Amount=5.00 items_left_out"},
	{`"total":5,"products":[{"price":"5%"}]`, `refused: product 1: price "5%" is a share, not an amount`, "Amount=5.00 items_left_out"},
	{`"total":5,"products":[{"price":NaN}]`, `refused: product 1: price "NaN" is not a number`, "Amount=5.00 items_left_out"},
	{`"total":5,"products":[{"price":true}]`, `refused: product 1: price "true" is not a number`, "Amount=5.00 items_left_out"},
	{`"total":5,"products":[{"price":{"amount":500,"currency":"EUR"}}]`,
		`refused: product 1: price is an object or a list, not a number; map the key in it that holds the number`, "Amount=5.00 items_left_out"},
	{`"total":5,"products":[{"price":9e14,"quantity":9e8}]`, `refused: product 1: price "900000000000000" is too large`, "Amount=5.00 items_left_out"},
	{`"total":15,"products":[{"price":5},{"sku":"B","price":null}],"shipping":1`, `refused: product 2 ("B") has no price, though others have one`, "Amount=14.00 OrderShipping=1.00 items_left_out"},
	{`"total":5,"products":"two mugs"`, "refused: " + notUnderstood, "Amount=5.00 items_left_out"},
	{`"total":5,"products":"[object Object]"`, "refused: " + notUnderstood, "Amount=5.00 items_left_out"},
	{`"total":5,"products":{"sku1":5,"sku2":"6"}`, "refused: " + notUnderstood, "Amount=5.00 items_left_out"},
	{`"total":5,"products":7`, "refused: " + notUnderstood, "Amount=5.00 items_left_out"},

	// Nothing is lost where the others are worth the order's sum, or no product has a price.
	{`"subtotal":5,"products":[{"sku":"A","price":5},{"sku":"gift"},null,"x"]`, "ItemPrice1=5.00 ItemQuantity1=1 ItemSku1=A product_dropped", ""},
	{`"total":8,"shipping":4,"discount":1,"products":[{"price":5},{"price":""}]`, "ItemPrice1=5.00 ItemQuantity1=1 OrderDiscount=1.00 OrderShipping=4.00 product_dropped", ""},
	{`"revenue":5,"products":[{"sku":"A"},{"sku":"B","price":null}]`, "Amount=5.00 products_unpriced", ""},
	{`"products":[{"sku":"A"}]`, `refused: product 1 ("A") has no price that is read` + noSum, ""},
	{`"products":[{"sku":"A","item_price":5}]`, `refused: product 1 ("A") has no price that is read` + noSum, ""},
	{`"products":{"items":[{"sku":"A","price":5}]}`, `refused: product 1 has no price that is read` + noSum, ""},
	{`"products":["A"]`, `refused: product 1 has no price that is read` + noSum, ""},
	{`"total":300,"products":[{"sku":"A","price":10,"qty":30}]`, `refused: product 1 ("A") has no quantity that is read, and the products are worth 10.00 where total says 300.00`, "Amount=300.00 items_left_out"},
	{`"revenue":30,"tax":2,"total":32,"products":[{"sku":"A","price":10,"Quantity":3}]`, `refused: product 1 ("A") has no quantity that is read, and the products are worth 10.00 where revenue says 30.00`, "Amount=30.00 OrderTax=2.00 items_left_out"},
	{`"total":50,"shipping":5,"products":[{"sku":"A","price":0}]`, "Amount=45.00 OrderShipping=5.00 products_unpriced", ""},
	{`"total":5,"shipping":5,"products":[{"sku":"A","price":0}]`, "ItemPrice1=0.00 ItemQuantity1=1 ItemSku1=A OrderShipping=5.00", ""},
	{`"products":[{"sku":"A","price":0}]`, "ItemPrice1=0.00 ItemQuantity1=1 ItemSku1=A", ""},
	{`"total":5,"products":[]`, "Amount=5.00", ""},
	{`"total":5,"products":{}`, "Amount=5.00", ""},
	{`"total":5,"products":"[]"`, "Amount=5.00", ""},
	{`"total":5,"products":"undefined"`, "Amount=5.00", ""},
	{`"total":5,"products":null`, "Amount=5.00", ""},

	// Other shapes.
	{`"products":"[{\"sku\":\"A\",\"price\":\"5,50\",\"quantity\":2}]"`, "ItemPrice1=5.50 ItemQuantity1=2 ItemSku1=A", ""},
	{`"products":["{\"sku\":\"A\",\"price\":5}",{"price":1}]`, "ItemPrice1=5.00 ItemQuantity1=1 ItemSku1=A ItemPrice2=1.00 ItemQuantity2=1", ""},
	{`"products":"{\"sku\":\"A\",\"price\":5}"`, "ItemPrice1=5.00 ItemQuantity1=1 ItemSku1=A", ""},
	{`"products":{"sku":"A","price":5,"note":"x"}`, "ItemPrice1=5.00 ItemQuantity1=1 ItemSku1=A", ""},
	{`"products":{"1":{"sku":"B","price":6},"0":{"sku":"A","price":5},"length":2}`, "ItemPrice1=6.00 ItemQuantity1=1 ItemSku1=B ItemPrice2=5.00 ItemQuantity2=1 ItemSku2=A", ""},
	{`"products":{"a@x.example":{"price":6},"x":[{"price":7}]},"revenue":6`, "ItemPrice1=6.00 ItemQuantity1=1 product_dropped", ""},
	{`"products":{"a":{"price":6},"x":[{"price":7}]},"revenue":13`, "refused: product 2 has no price, though others have one", "Amount=13.00 items_left_out"},
	{`"price":"5,50","quantity":"2","sku":"A","name":"Mug"`, "ItemPrice1=5.50 ItemQuantity1=2 ItemSku1=A ItemName1=Mug", ""},
	{`"price":"two","sku":"A","products":[]`, `refused: product 1 ("A"): price "two" is not a number`,
		`refused: product 1 ("A"): price "two" is not a number; and the order has no sum of its own to send instead`},
	{`"price":5,"sku":"A","revenue":10`, "Amount=10.00", ""},

	{`"items":[{"price":5}]`, "refused: the order's money is in properties.items, which is not read: send properties.products, or a sum such as properties.revenue",
		"refused: the order's money is in properties.items, which is not read: send properties.products, or a sum such as properties.revenue; and the order has no sum of its own to send instead"},
	{`"line_items":[{"price":5}],"revenue":5`, "Amount=5.00", ""},
	{`"items":["blue"]`, "", ""},

	// The sum of a line.
	{`"products":[{"sku":"A","subtotal":"12.50","quantity":3},{"line_total":7},{"total":"€8","price":""}],"currency":"EUR"`,
		"ItemSubTotal1=12.50 ItemQuantity1=3 ItemSku1=A ItemSubTotal2=7.00 ItemQuantity2=1 ItemSubTotal3=8.00 ItemQuantity3=1", ""},
	{`"products":[{"price":2,"subtotal":9,"quantity":1.5},{"price":3.333,"quantity":3},{"price":1.005,"quantity":2}]`,
		"ItemSubTotal1=3.00 ItemQuantity1=1 ItemSubTotal2=10.00 ItemQuantity2=3 ItemPrice3=1.01 ItemQuantity3=2", ""},
	{`"products":[{"price":4,"quantity":"0,25"},{"price":0}]`, "ItemSubTotal1=1.00 ItemQuantity1=1 ItemPrice2=0.00 ItemQuantity2=1", ""},

	// Sums that are no texts.
	{`"revenue":{"amount":5},"value":5`, "refused: Amount is not usable: revenue is an object or a list, not a number; map the key in it that holds the number", ""},
	{`"total":"1.199,00","tax":"99,00","shipping":"n/a"`, `refused: Amount is not usable: shipping "n/a" is not a number`, ""},
	{`"total":"1.199,00 €","tax":"99,00","shipping":"€100","currency":"EUR"`, "OrderShipping=100.00 OrderTax=99.00 Amount=1000.00", ""},
	{`"revenue":0,"total":25`, "refused: Amount is not usable: revenue is 0, but total is 25.00", ""},
	{`"subtotal":0,"value":25`, "refused: Amount is not usable: subtotal is 0, but value is 25.00", ""},
	{`"subtotal":0,"revenue":0,"total":8,"shipping":8`, "OrderShipping=8.00 Amount=0.00", ""},
	{`"revenue":5,"tax":"n/a","shipping":"1,199"`, "unusable unusable Amount=5.00", ""},
}

func TestOrdersAreNeverWorthLess(t *testing.T) {
	t.Parallel()
	amount := everything()
	amount.UnusableItems = ItemsAmount
	for _, c := range orders {
		r, err := order(t, everything(), `{"order_id":"o",`+c.properties+`}`)
		require.Equal(t, sorted(c.want), sorted(moneyIn(r, err)), c.properties)
		if c.instead == "" {
			c.instead = c.want
		}
		r, err = order(t, amount, `{"order_id":"o",`+c.properties+`}`)
		require.Equal(t, sorted(c.instead), sorted(moneyIn(r, err)), c.properties)
	}
}

func TestReducedOrdersAreTheSame(t *testing.T) {
	t.Parallel()
	mapped := everything()
	mapped.UnusableItems, mapped.OrderDiscount = ItemsAmount, DiscountSend
	mapped.CustomParameterMapping = map[string]string{"Text1": "properties.products.a.color", "Text2": "properties.products.0.name", "Money1": "properties.price", "OrderTax": ""}
	mapped.CustomMappingForProducts = map[string]string{"ItemPrice": "cost.net", "ItemSubTotal": "sum", "ItemBrand": "", "ItemMoney_1": "margin", "ItemDiscount": "off"}
	var d segment.Decoder
	for _, m := range []*Mapper{newMapper(t, everything()), newMapper(t, mapped)} {
		for _, c := range orders {
			for _, id := range []string{`"order_id":"o",`, `"transactionID":1001.0,`, `"orderId":"IR_AN_64_TS","properties":1,`} {
				requireSameRequest(t, m, &d, []byte(orderLine(id+c.properties)))
			}
		}
		requireSameRequest(t, m, &d, []byte(orderLine(`"order_id":"o","revenue":9,"products":{"a":{"color":"red","cost":{"net":"5"},"margin":"€1","off":"1,199"},"cost":{"net":4}}`)))
		requireSameRequest(t, m, &d, []byte(orderLine(`"order_id":"o","revenue":9,"products":{`+strings.Repeat(`"k":{"price":1,"cost":{"net":1}},`, 600)+`"a":{"color":"red"}}`)))
		requireSameRequest(t, m, &d, []byte(orderLine(`"order_id":"o","revenue":9,"products":"[`+strings.Repeat(`{\"price\":1,\"cost\":{\"net\":1}},`, 600)+`7]"`)))
	}
}

func orderLine(properties string) string {
	return `{"type":"track","event":"Order Completed","messageId":"m-1","userId":"u-1","timestamp":"2026-08-30T00:00:00Z","properties":{` + properties + `}}`
}

func sorted(words string) string {
	if strings.HasPrefix(words, "refused") {
		return words
	}
	list := strings.Fields(words)
	slices.Sort(list)
	return strings.Join(list, " ")
}

func TestDiscountIsSubtractedOnce(t *testing.T) {
	t.Parallel()
	items := `"products":[{"price":20,"quantity":2},{"price":10,"quantity":1}]` // 50.00
	for _, c := range []struct{ properties, auto, send string }{
		{`"discount":5,"revenue":45`, "", "5.00"},
		{`"discount":5,"total":60,"tax":10`, "", "5.00"},
		{items + `,"discount":5`, "5.00", "5.00"},
		{items + `,"discount":5,"total":45`, "5.00", "5.00"},
		{items + `,"discount":5,"total":53,"tax":2,"shipping":6`, "5.00", "5.00"},
		{items + `,"discount":5,"total":50`, "", "5.00"},
		{items + `,"discount":5,"total":58,"tax":2,"shipping":6`, "", "5.00"},
		{items + `,"discount":5,"total":51,"tax":8,"shipping":6`, "5.00", "5.00"}, // prices hold the tax
		{items + `,"discount":5,"subtotal":"45,00 $"`, "5.00", "5.00"},
		{items + `,"discount":5,"subtotal":50`, "", "5.00"},
		{items + `,"discount":5,"subtotal":50,"total":45`, "5.00", "5.00"}, // a subtotal from before the discount
		{items + `,"discount":5,"revenue":50`, "", "5.00"},
		{items + `,"discount":5,"revenue":45`, "5.00", "5.00"},
		{items + `,"discount":5,"revenue":70`, "5.00", "5.00"},
		{items + `,"discount":"$5.00","revenue":45`, "5.00", "5.00"},
		{items + `,"discount":0,"revenue":50`, "0.00", "0.00"},
		{items + `,"discount":-5,"revenue":45`, "5.00", `refused: OrderDiscount is not usable: discount "-5" is negative`},
		{items + `,"discount":-5`, `refused: OrderDiscount is not usable: discount "-5" is negative`, `refused: OrderDiscount is not usable: discount "-5" is negative`},
		{items + `,"discount":"n/a","revenue":50`, "", `refused: OrderDiscount is not usable: discount "n/a" is not a number`},
		{items + `,"discount":"n/a","revenue":45`, `refused: OrderDiscount is not usable: discount "n/a" is not a number`, `refused: OrderDiscount is not usable: discount "n/a" is not a number`},
		{items + `,"discount":"10%"`, `refused: OrderDiscount is not usable: discount "10%" is a share, not an amount`, `refused: OrderDiscount is not usable: discount "10%" is a share, not an amount`},
	} {
		for policy, want := range map[string]string{DiscountAuto: c.auto, DiscountSend: c.send, DiscountOmit: ""} {
			s := everything()
			s.OrderDiscount = policy
			r, err := order(t, s, `{"order_id":"o",`+c.properties+`}`)
			got := value(t, r, "OrderDiscount")
			if err != nil {
				got = "refused: " + err.Error()
			}
			require.Equal(t, want, got, "%s: %s", policy, c.properties)
			if want == "" && policy == DiscountAuto {
				require.Contains(t, r.Notes, Note{NoteDiscount, "OrderDiscount"}, c.properties)
			}
		}
	}
	s := everything()
	s.CustomParameterMapping = map[string]string{"orderdiscount": "properties.off"}
	r, err := order(t, s, `{"order_id":"o","off":4,"discount":5,`+items+`}`)
	require.NoError(t, err)
	require.Equal(t, "4.00", value(t, r, "OrderDiscount"))
	s.CustomParameterMapping["orderdiscount"] = ""
	r, err = order(t, s, `{"order_id":"o","discount":"n/a",`+items+`}`)
	require.NoError(t, err)
	require.Equal(t, "ItemPrice1=20.00 ItemQuantity1=2 ItemPrice2=10.00 ItemQuantity2=1", moneyIn(r, err))
}
