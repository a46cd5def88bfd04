package mapping_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/mapping"
)

func TestReads(t *testing.T) {
	t.Parallel()
	m, err := mapping.New(mapping.Settings{
		CampaignID: "1", ActionEventNames: []string{"Lead Sent"}, OnlyInstallEventNames: true, OnlyPageLoadEventNames: true, EnablePageEvents: true,
		CustomParameterMapping: map[string]string{"CustomText1": "properties.items.0.colour"}, CustomMappingForProducts: map[string]string{"ItemBrand": "maker.name"},
		Refunds: &mapping.RefundSettings{Refunds: []string{"Money Back"}, OnlyCancels: true, Cancels: []string{}, Meanings: []mapping.Meaning{{Amount: mapping.MeansField, Field: "properties.back.sum"}}},
	})
	require.NoError(t, err)
	r := m.Reads()
	require.Equal(t, []string{"page"}, r.Types)
	require.Equal(t, []string{"Order Completed", "Order Complete", "Lead Sent"}, r.Events)
	require.Equal(t, []string{"Order Refunded", "Money Back", "Order Updated"}, r.Refunds)
	require.Contains(t, r.ClickURLs, []string{"context", "page", "url"})
	require.Contains(t, r.ClickIDs, []string{"context", "referrer", "id"})
	var paths []string
	for _, keys := range r.Paths {
		paths = append(paths, strings.Join(keys, "."))
	}
	for _, want := range []string{
		"context.page.url", "context.referrer.type", "context.userAgent", "properties.order_id", "properties.orderId", "properties.products", "properties.products.sku", "properties.products.maker.name",
		"properties.items.0.colour", "properties.price", "properties.back.sum", "properties.refund_id", "context.traits.address.city", "properties.currency", "properties.subtotal", "context.device.type",
	} {
		require.True(t, slices.Contains(paths, want), "%s", want)
	}
}
