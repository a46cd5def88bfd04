package sandbox_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
)

// A test of one's own sends a conversion twice, as a program does that was
// killed before it saw the answer, and looks at what became of both.
func Example() {
	box, err := sandbox.New(sandbox.Config{Record: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer box.Close()
	server := httptest.NewServer(box.Handler())
	defer server.Close()

	client, err := impactapi.New(impactapi.Config{
		AccountSID: "IRany", AuthToken: "any", TrackingURL: server.URL, APIURL: server.URL,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	sale, err := impactapi.NewConversion(impactapi.Params{
		{Name: "CampaignId", Value: "1000"},
		{Name: "EventTypeCode", Value: "sale"},
		{Name: "EventDate", Value: "2026-11-01T12:00:00Z"},
		{Name: "OrderId", Value: "o-1"},
		{Name: "CustomerId", Value: "customer-1"},
		{Name: "CurrencyCode", Value: "EUR"},
		{Name: "ItemSku1", Value: "AN-1"},
		{Name: "ItemQuantity1", Value: "2"},
		{Name: "ItemPrice1", Value: "19.99"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	for range 2 {
		queued, err := client.SendConversion(ctx, sale)
		if err != nil {
			fmt.Println(err)
			return
		}
		verdict, err := client.Submission(ctx, queued.QueuedURI)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(queued.State, verdict.Status, verdict.Reasons)
	}
	price, _ := box.Calls()[0].Form.Get("ItemPrice1")
	fmt.Println(price)
	// Output:
	// QUEUED Complete []
	// QUEUED Complete [CONV_DUPLICATE]
	// 19.99
}

// A test of one's own takes an order back that a partner got, and looks at what is
// left to be paid.
func ExampleSandbox_Actions() {
	box, err := sandbox.New(sandbox.Config{
		Attribute: func(impactapi.Params) sandbox.Attribution { return sandbox.Attribution{Partner: "10001"} },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer box.Close()
	server := httptest.NewServer(box.Handler())
	defer server.Close()

	call := func(method, resource string, form url.Values) {
		req, _ := http.NewRequest(method, server.URL+"/Advertisers/IRany/"+resource, strings.NewReader(form.Encode()))
		req.SetBasicAuth("IRany", "any")
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		res.Body.Close()
	}
	call(http.MethodPost, "Conversions", url.Values{
		"CampaignId": {"1000"}, "EventTypeId": {"7"}, "EventDate": {"NOW"}, "OrderId": {"o-1"}, "CustomerId": {"customer-1"},
		"CurrencyCode": {"EUR"}, "ItemSku1": {"MUG"}, "ItemQuantity1": {"3"}, "ItemPrice1": {"10.00"},
	})
	for _, change := range []url.Values{
		{"Reason": {"ORDER_UPDATE"}, "Sku": {"MUG"}, "Quantity": {"2"}},
		{"Reason": {"ORDER_UPDATE"}, "Amount": {"0"}},
	} {
		change.Set("ActionId", box.Actions()[0].ID)
		call(http.MethodPut, "Actions", change)
		a := box.Actions()[0]
		fmt.Println(a.State, a.Amount, a.Payout)
	}
	// Output:
	// PENDING 20.00 1.00
	// REVERSED 0.00 0.00
}
