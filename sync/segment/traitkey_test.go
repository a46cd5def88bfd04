package segment

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTraitKeyFollowsTheVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/snake-case-vectors.json")
	require.NoError(t, err)
	var vectors []struct {
		Input string `json:"input"`
		Key   string `json:"to_snake_case"`
		Name  string `json:"go_snakecase"`
		OfKey string `json:"warehouse_column_of_key"`
	}
	require.NoError(t, json.Unmarshal(text, &vectors))
	require.Len(t, vectors, 38)
	for _, v := range vectors {
		require.Equal(t, v.Key, TraitKey(v.Input), "%q", v.Input)
		require.Equal(t, v.Name, WarehouseName(v.Input), "%q", v.Input)
		require.Equal(t, v.OfKey, WarehouseName(v.Key), "%q", v.Input)
	}
}

func TestTraitKeyFollowsJavaScript(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{
		"":                        "",
		"İstanbul fans":           "i_stanbul_fans", // toLowerCase leaves a combining dot
		"\u212Aelvin":             "kelvin",         // the Kelvin sign has a k as lower case
		"_\u212A_":                "k",
		"\u212A-x":                "x",            // here it parts words before it is lower-cased
		"Big\u00a0SpenderX":       "big_spenderx", // white space: humps are not split
		"a\u0085Bc":               "a_bc",         // no white space in JavaScript
		"aB:cD":                   "ab_cd",
		"x\xffy":                  "x_y",
		strings.Repeat("a", 255):  strings.Repeat("a", 255),
		strings.Repeat("a", 256):  "",
		"Order Completed (🎉) 30d": "order_completed_30d",
	} {
		require.Equal(t, key, TraitKey(name), "%q", name)
	}
}

func FuzzTraitKey(f *testing.F) {
	f.Add("Order Completed Last 30days")
	f.Add("VIPCustomers")
	f.Add("İ_K.x")
	f.Fuzz(func(t *testing.T, name string) {
		key := TraitKey(name)
		require.Equal(t, key, TraitKey(key), "a key's key is itself")
		require.LessOrEqual(t, len(key), MaxTraitKey)
		require.Equal(t, key, strings.Trim(key, "_"))
		require.NotContains(t, key, "__")
	})
}

func TestWarehouseNameOfJourneys(t *testing.T) {
	t.Parallel()
	require.Equal(t, "j_o_first_purchase_opened_email_dje83h", WarehouseName("j_o_first_purchase__opened_email_dje83h"))
	require.Equal(t, "3_product_views", WarehouseName("3_product_views"))
	require.Equal(t, "a", WarehouseName("a_"))
}
