package sandbox_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

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

	sale := impactapi.Conversion{
		CampaignID: "1000", EventTypeCode: "sale", OrderID: "o-1",
		EventDate: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC),
		Visitor:   impactapi.Visitor{CustomerID: "customer-1"},
		Order:     impactapi.Order{Currency: "EUR"},
		Items:     []impactapi.Item{{SKU: "AN-1", Quantity: 2, Price: impactapi.Cents(1999)}},
	}
	ctx := context.Background()
	for range 2 {
		queued, err := client.Conversion(ctx, sale)
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
