package impactapi

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCatalogue(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range Catalogue() {
		require.NotEmpty(t, p.Doc, p.Name)
		require.True(t, strings.HasPrefix(p.Source, "https://"), p.Name)
		require.False(t, seen[p.Name], "%s is there twice", p.Name)
		seen[p.Name] = true
		require.Equal(t, p, *byName[p.Name])
		if p.AliasOf != "" {
			require.NotNil(t, byName[p.AliasOf], p.Name)
			require.Equal(t, byName[p.AliasOf].Type, p.Type, p.Name)
			require.Equal(t, byName[p.AliasOf].role, p.role, p.Name)
		}
		require.True(t, Reserved(p.Name) || p.Indexed(), p.Name)
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()

	t.Run("finds", func(t *testing.T) {
		t.Parallel()
		for name, pattern := range map[string]string{
			"OrderId": "OrderId", "ItemSku3": "ItemSku[i]", "ItemText1_2": "ItemText[i]_1..50", "ItemMoney12_3": "ItemMoney[i]_1..3",
			"Text7": "Text1..50", "Text50": "Text1..50", "Numeric3": "Numeric1..10", "Money1": "Money1..3", "Date10": "Date1..10",
			"ActionTrackerId": "ActionTrackerId", "Oid": "Oid", "PromoCode": "PromoCode", "Currency": "Currency", "GoogAid": "GoogAid",
			"SubId2": "SubId1..3", "ItemSku60": "ItemSku[i]",
		} {
			p, ok := Lookup(Conversions, name)
			require.True(t, ok, name)
			require.Equal(t, pattern, p.Pattern())
		}
	})

	t.Run("does not find", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{
			"", "7", "_1", "orderid", "ItemSku", "ItemSku0", "ItemSku01", "ItemSku99999", "Text", "Text51", "Text0", "Text1_2", "Numeric11", "Money4",
			"ItemText1", "ItemText1_51", "ItemText_1", "ItemText0_1", "ItemSku1_1", "OrderId1", "order_completed_last_30days", "PageUrl",
		} {
			_, ok := Lookup(Conversions, name)
			require.False(t, ok, name)
		}
	})

	t.Run("knows which call takes it", func(t *testing.T) {
		t.Parallel()
		_, ok := Lookup(PageLoads, "Text7")
		require.False(t, ok)
		_, ok = Lookup(PageLoads, "PageUrl")
		require.True(t, ok)
		_, ok = Lookup(PageLoads|Conversions, "PageUrl")
		require.True(t, ok)
	})
}

func TestReserved(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"order_id", "ORDERID", "customer_status", "text1", "text_7", "text99", "item_sku", "item_sku_3", "item_text_1_2",
		"item_text12", "goog_a_id", "oid", "date_1", "device_os", "page_url", "currency",
	} {
		require.True(t, Reserved(name), name)
	}
	for _, name := range []string{
		"", "vip", "text", "money", "date", "order_completed_last_30days", "textbook1", "7", "orders", "number_of_orders_3",
	} {
		require.False(t, Reserved(name), name)
	}
}
