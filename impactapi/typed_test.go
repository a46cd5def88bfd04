package impactapi

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTypedRequests(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.FixedZone("", 3600))

	page := PageLoad{
		CampaignID: "1000", EventDate: at, PageURL: "https://example.com/",
		Visitor: Visitor{ClickID: "c:1"}, TrackingConsent: new(false), Extra: Params{{"vip", "true"}},
	}.Params()
	require.NoError(t, ValidatePageLoad(page))
	require.Equal(t, "CampaignId=1000&EventDate=2026-11-01T12%3A00%3A00%2B01%3A00&PageUrl=https%3A%2F%2Fexample.com%2F"+
		"&ClickId=c%3A1&TrackingConsent=false&vip=true", page.Encode())

	sale := Conversion{
		CampaignID: "1000", EventDate: at, OrderID: "o-1", EventTypeCode: "sale", Visitor: Visitor{CustomerID: "c-1"},
		Order:  Order{Currency: "USD", Discount: Cents(250)},
		Items:  []Item{{SKU: "45790-32", Quantity: 1, Price: Cents(1900)}, {SKU: "46493-32", SubTotal: "6"}},
		Custom: Custom{Text: map[int]string{2: "b", 1: "a"}, Dates: map[int]time.Time{1: at}},
	}.Params()
	require.NoError(t, ValidateConversion(sale))
	require.Equal(t, "CampaignId=1000&EventTypeCode=sale&EventDate=2026-11-01T12%3A00%3A00%2B01%3A00&OrderId=o-1&CustomerId=c-1"+
		"&CurrencyCode=USD&OrderDiscount=2.50&ItemSku1=45790-32&ItemQuantity1=1&ItemPrice1=19.00&ItemSku2=46493-32&ItemSubTotal2=6"+
		"&Text1=a&Text2=b&Date1=2026-11-01T12%3A00%3A00%2B01%3A00", sale.Encode())

	require.Equal(t, Amount("-0.05"), Cents(-5))
}

// Every documented parameter but the older ones has a field, and every field
// goes out under a documented name.
func TestTypedRequestsAreComplete(t *testing.T) {
	t.Parallel()
	older := map[string]bool{"OrderSubTotalPreDiscount": true, "OrderSubtotal": true, "OrderRebate": true}
	for endpoint, request := range map[Endpoint]interface{ Params() Params }{PageLoads: &PageLoad{}, Conversions: &Conversion{}} {
		fill(reflect.ValueOf(request).Elem())
		sent := map[string]bool{}
		for _, p := range request.Params() {
			known, item := find(endpoint, p.Name)
			require.NotNil(t, known, p.Name)
			require.LessOrEqual(t, item, 1)
			require.Empty(t, known.AliasOf)
			sent[known.Name] = true
		}
		for _, p := range Catalogue() {
			if p.Endpoint&endpoint != 0 && p.AliasOf == "" && !older[p.Name] {
				require.True(t, sent[p.Name], "%s has no field", p.Name)
			}
		}
	}
}

// fill gives every field a value, lists and maps one element numbered 1; Extra
// stays empty.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("1")
	case reflect.Int:
		v.SetInt(1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[Params]() {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		one := reflect.New(v.Type().Elem()).Elem()
		fill(one)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf(1), one)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1, 0)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	}
}
