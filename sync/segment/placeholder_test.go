package segment

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlaceholders(t *testing.T) {
	for _, s := range []string{
		"", " ", "undefined", "Undefined", " null ", "NULL", "None", "NaN", "[object Object]", "(null)", "nil", "false", "TRUE",
		`\N`, "N/A", "#N/A", "-", "--", "0", "0.0", "00000000-0000-0000-0000-000000000000", "-1", `""`, "''", "(not set)",
		"{clickid}", "{click_id_1}", "{{ customer.id }}", "${irclickid}", "%clickid%", "%%CLICKID%%", "$CLICK_ID", "$click_id", "[clickid]", "[[clickid]]", "<click id>", "__CLICKID__",
	} {
		require.True(t, IsPlaceholder(s), "%q", s)
		require.False(t, UsableID(s), "%q", s)
		require.False(t, UsablePersonID(s), "%q", s)
	}
	for _, s := range []string{
		"u1", "nullable", "none2", "a-0", "0x0", "1", "-2", "{0f8fad5b-d9cb-469f-a165-70867728950e}", "[42]", "$1", "100%", "__a1__",
		"tester", "guest-12", "Anonymous Coward", "unknown@", "5%off%", "0c22384eN-3765c5f900c2878068a0631b",
	} {
		require.False(t, IsPlaceholder(s), "%q", s)
		require.True(t, UsablePersonID(s), "%q", s)
	}
	for _, s := range []string{"guest", "GUEST", "Anonymous", "unknown", "test", "NA"} {
		require.True(t, UsableID(s), "%q: an order or a promo code may be called so", s)
		require.False(t, UsablePersonID(s), "%q", s)
	}
}
