package mapping

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/money"
)

func TestOrderIDs(t *testing.T) {
	t.Parallel()
	m := newMapper(t, everything())
	for properties, want := range map[string]string{
		`"order_id":"a"`: "a", `"orderId":"b"`: "b", `"transactionID":"c"`: "c", `"transaction_id":"d"`: "d", `"messageId":"e"`: "e",
		`"order_id":"a","orderId":"a","transactionID":"c"`: "a",
		`"order_id":"a","orderId":"b"`:                     "b",
		`"order_id":"null","transaction_id":" d "`:         "d",
		`"order_id":"ir_an_64_ts","messageId":"e"`:         "e",
		`"order_id":"IR_AN_64_TS"`:                         "m-1",
		`"revenue":5`:                                      "m-1",
		`"order_id":1001.0`:                                "1001",
		`"order_id":1.001e3`:                               "1001",
		`"order_id":"1001.0"`:                              "1001.0",
		`"order_id":12345678901234567890`:                  "12345678901234567890",
		`"order_id":1e21`:                                  "1000000000000000000000",
		`"order_id":1.5`:                                   "1.5",
		`"order_id":true,"orderId":false`:                  "m-1",
		// What refuses the order does not hide its id from whoever mends it.
		`"order_id":"a","products":[{"price":1},{"price":"free"}]`: "a",
	} {
		line := orderLine(properties)
		key := m.Prepare(decode(t, line)).OrderID
		require.Equal(t, want, key, properties)
		if r, err := m.Event(decode(t, line), Person{Now: now}); err == nil {
			require.Equal(t, want, value(t, r, "OrderId"), properties)
		}
	}
	s := everything()
	s.CustomParameterMapping = map[string]string{"oid": "properties.ref"}
	for properties, want := range map[string]string{`"ref":7.0,"order_id":"a"`: "7", `"ref":"N/A","order_id":"a"`: "a", `"ref":"IR_an_64_TS","order_id":"a"`: "a"} {
		key := newMapper(t, s).Prepare(decode(t, orderLine(properties))).OrderID
		require.Equal(t, want, key, properties)
	}
}

func TestWholeNumbersHaveNoPoint(t *testing.T) {
	t.Parallel()
	r, err := event(t, everything(), `{"type":"track","event":"Order Completed","userId":1001.0,"anonymousId":2e3,"timestamp":"2026-08-30T00:00:00Z",
		"properties":{"order_id":5.00,"products":[{"sku":77.0,"price":1.50,"quantity":2.0}]}}`)
	require.NoError(t, err)
	for name, want := range map[string]string{"CustomerId": "1001", "CustomProfileId": "2000", "OrderId": "5", "ItemSku1": "77", "ItemPrice1": "1.50", "ItemQuantity1": "2"} {
		require.Equal(t, want, value(t, r, name))
	}
}

func TestOneOrderTotal(t *testing.T) {
	t.Parallel()
	s := everything()
	s.CustomParameterMapping = map[string]string{"OrderSubtotalPostDiscount": "properties.net", "amount": "properties.worth"}
	for properties, want := range map[string]string{
		`"net":5,"worth":6,"revenue":7`:      "OrderSubTotalPostDiscount=5.00",
		`"worth":6,"revenue":7`:              "Amount=6.00",
		`"revenue":7`:                        "Amount=7.00",
		`"net":5,"products":[{"price":1}]`:   "ItemPrice1=1.00 ItemQuantity1=1",
		`"net":"1,199","revenue":7`:          `refused: OrderSubTotalPostDiscount is not usable: properties.net "1,199" could be 1199 or 1.199; destination.decimalSign says which`,
		`"worth":"free","revenue":7`:         `refused: Amount is not usable: properties.worth "free" is not a number`,
		`"worth":["5"],"revenue":7`:          `refused: Amount is not usable: properties.worth is an object or a list, not a number; map the key in it that holds the number`,
		`"worth":null,"net":"","revenue":70`: "Amount=70.00",
	} {
		r, err := order(t, s, `{"order_id":"o",`+properties+`}`)
		require.Equal(t, want, moneyIn(r, err), properties)
	}
	require.Equal(t, 5*money.Unit, newMapper(t, s).Prepare(decode(t, orderLine(`"order_id":"o","net":5,"revenue":7`))).Amount)
	s.CustomParameterMapping = map[string]string{"Amount": "properties.price"}
	r, err := order(t, s, `{"order_id":"o","price":5}`)
	require.Equal(t, "Amount=5.00", moneyIn(r, err), "a mapped sum is no product")
}

func TestNamesInAnyCaseAndDefaultsTakenAway(t *testing.T) {
	t.Parallel()
	s := everything()
	s.CustomParameterMapping = map[string]string{
		"customerstatus": "properties.status", "TEXT2": "properties.two", "promocode": "properties.code", "ORDERTAX": "", "googaid": "properties.ad",
		"ORDERDISCOUNTRATE": "properties.rate", "numeric1": "properties.n", "useragent": "", "customprofileid": "", "ourOwn": "properties.own", "OurOther": "",
	}
	s.CustomMappingForProducts = map[string]string{"itemsubtotal": "sum", "ITEMTEXT_2": "color", "itemBrand": "", "ItemPrice": "", "ItemNumeric_1": "n"}
	r, err := event(t, s, `{"type":"track","event":"Order Completed","messageId":"m","anonymousId":"anon","timestamp":"2026-08-30T00:00:00Z","context":{"userAgent":"x"},
		"properties":{"order_id":"o","status":"New","two":"2","code":"C","coupon":"D","tax":"n/a","ad":"G","rate":"12,5 %","n":"1.500","own":"yes","products":[
		{"sum":"12,00","price":99,"color":"red","brand":"B","n":"0.5"},{"price":9,"subtotal":8}]}}`)
	require.NoError(t, err)
	var got []string
	for _, p := range r.Params[2:] {
		got = append(got, p.Name+"="+p.Value)
	}
	require.Equal(t, []string{
		"GoogAId=G", "EventTypeCode=Order Completed", "ItemSubTotal1=12.00", "ItemQuantity1=1", "ItemNumeric1_1=0.50", "ItemText1_2=red",
		"ItemSubTotal2=8.00", "ItemQuantity2=1", "OrderId=o", "OrderPromoCode=C", "CustomerStatus=New", "Numeric1=1.50", "OrderDiscountRate=12.50", "Text2=2", "ourOwn=yes", "CurrencyCode=USD",
	}, got)

	_, err = New(Settings{CampaignID: "1",
		CustomParameterMapping:   map[string]string{"OrderId": "", "currency": "", "text51": "properties.a", "Promocode": "properties.a", "orderPromoCode": "properties.b", "Text1": "properties.products"},
		CustomMappingForProducts: map[string]string{"ItemQuantity": "", "itemsku": "a", "ItemSku": "b"},
		UnusableItems:            "drop", OrderDiscount: "yes", MissingOrderID: "-", DecimalSign: ",",
	})
	for _, want := range []string{
		"OrderId cannot be left out", "CurrencyCode cannot be left out", "OrderPromoCode is mapped twice", "names all products",
		"ItemQuantity cannot be left out", "ItemSku is mapped twice",
		`unusableItems: "drop" is not one of refuse, amount`, `orderDiscount: "yes"`, `missingOrderId: "-"`, `decimalSign: ","`,
	} {
		require.ErrorContains(t, err, want)
	}
}
