package bulk_test

import (
	"bytes"
	"encoding/csv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/bulk"
)

var parameters = []string{"CampaignId", "EventTypeId", "EventDate", "OrderId", "CustomerId", "OrderDiscount", "CurrencyCode", "Note", "Amount", "ItemSku", "ItemName", "ItemCategory", "ItemQuantity", "ItemPrice", "ItemSubTotal", "ItemText_2"}

// lines writes one order to a file of items, or of orders, and returns each line by
// column.
func lines(t *testing.T, items bool, pairs ...string) ([]map[string]string, error) {
	t.Helper()
	columns, orders := bulk.NewColumns(parameters)
	if !items {
		columns = orders
	}
	var text bytes.Buffer
	w := bulk.NewWriter(&text, columns)
	require.NoError(t, w.WriteHeader())
	var p impactapi.Params
	for i := 0; i < len(pairs); i += 2 {
		p.Add(pairs[i], pairs[i+1])
	}
	n, err := w.Write(p)
	require.NoError(t, w.Flush())
	rows, failed := csv.NewReader(&text).ReadAll()
	require.NoError(t, failed)
	require.Len(t, rows, n+1)
	require.Equal(t, columns.Header(), rows[0])
	all := make([]map[string]string, n)
	for i, row := range rows[1:] {
		all[i] = map[string]string{}
		for j, cell := range row {
			if cell != "" {
				all[i][rows[0][j]] = cell
			}
		}
	}
	return all, err
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	items, orders := bulk.NewColumns(parameters)
	require.Equal(t, []string{"CampaignId", "ActionTrackerId", "EventDate", "OrderId", "ClickId", "CustomerId", "CurrencyCode", "Amount", "Category", "Sku", "Quantity", "OrderDiscount", "Note", "Name", "ItemSubtotal", "ItemText_2"}, items.Header())
	require.Equal(t, []string{"CampaignId", "ActionTrackerId", "CustomerId", "OrderId", "EventDate", "Amount", "CurrencyCode", "ClickId", "OrderDiscount", "Note"}, orders.Header())
}

func TestLines(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		items bool
		order []string
		want  []map[string]string
	}{
		"an order without items": {false, []string{"OrderId", "o", "EventTypeId", "7", "Amount", "12.50"}, []map[string]string{{"OrderId": "o", "ActionTrackerId": "7", "Amount": "12.50"}}},
		"items, by Sku": {
			true, []string{"OrderId", "o", "ItemPrice1", "0.10", "ItemQuantity1", "3", "ItemSku1", "b", "ItemSubTotal2", "7.125", "ItemQuantity2", "2", "ItemSku2", "a", "ItemText2_2", "x"},
			[]map[string]string{{"OrderId": "o", "Sku": "a", "Quantity": "2", "Amount": "7.125", "ItemText_2": "x"}, {"OrderId": "o", "Sku": "b", "Quantity": "3", "Amount": "0.30"}},
		},
		"without places": {true, []string{"ItemPrice1", "1200", "ItemQuantity1", "2", "ItemSku1", "a"}, []map[string]string{{"Sku": "a", "Quantity": "2", "Amount": "2400"}}},
		"a discount that impact.com subtracts": {
			true, []string{"OrderDiscount", "1.00", "ItemPrice1", "5.00", "ItemQuantity1", "2", "ItemSku1", "a"},
			[]map[string]string{{"OrderDiscount": "1.00", "Sku": "a", "Quantity": "2", "ItemSubtotal": "10.00"}},
		},
		"the same item twice": {
			true, []string{"ItemPrice1", "5.00", "ItemQuantity1", "2", "ItemSku1", "a", "ItemPrice2", "4.00", "ItemQuantity2", "1", "ItemSku2", "a"},
			[]map[string]string{{"Sku": "a", "Quantity": "3", "Amount": "14.00"}},
		},
		"one Sku, two categories": {
			true, []string{"ItemPrice1", "5.00", "ItemQuantity1", "2", "ItemSku1", "a", "ItemCategory1", "x", "ItemPrice2", "4.00", "ItemQuantity2", "1", "ItemSku2", "a", "ItemCategory2", "y"},
			[]map[string]string{{"Sku": "a", "Quantity": "2", "Amount": "10.00", "Category": "x"}, {"Sku": "a", "Quantity": "1", "Amount": "4.00", "Category": "y"}},
		},
		"formulas and line breaks": {
			true, []string{"CustomerId", "-x9", "Note", "-5", "ItemPrice1", "5.00", "ItemQuantity1", "1", "ItemSku1", "+a", "ItemName1", "=1+1\r\nx", "ItemCategory1", "@sum"},
			[]map[string]string{{"CustomerId": "-x9", "Note": "-5", "Sku": "+a", "Quantity": "1", "Amount": "5.00", "Name": "'=1+1  x", "Category": "'@sum"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			have, err := lines(t, c.items, c.order...)
			require.NoError(t, err)
			require.Equal(t, c.want, have)
		})
	}
}

func TestUnfit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		order []string
		want  string
	}{
		"an id like a formula":         {[]string{"OrderId", "=o", "ItemPrice1", "1.00", "ItemSku1", "a"}, "OrderId begins like a formula"},
		"no Sku":                       {[]string{"OrderId", "o", "ItemPrice1", "1.00", "ItemQuantity1", "1"}, "no Sku"},
		"too much":                     {[]string{"ItemPrice1", "92233720368547758.07", "ItemQuantity1", "2", "ItemSku1", "a"}, "is no amount"},
		"a parameter without a column": {[]string{"SubId1", "x", "ItemPrice1", "1.00", "ItemSku1", "a"}, "no column for SubId1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			have, err := lines(t, true, c.order...)
			var unfit *bulk.UnfitError
			require.ErrorAs(t, err, &unfit)
			require.ErrorContains(t, err, c.want)
			require.Empty(t, have, "nothing of it is written")
		})
	}
	_, err := lines(t, true, "OrderId", "o", "Amount", "1.00")
	require.ErrorIs(t, err, bulk.ErrWithoutItems)
}
