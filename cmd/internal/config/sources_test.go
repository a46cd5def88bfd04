package config

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSourcesInTheDocuments reads each configuration of docs/sources.md.
func TestSourcesInTheDocuments(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/sources.md")
	require.NoError(t, err)
	const destination = "destination: {accountSid: IR1, apiKey: token, campaignId: \"23224\", pageUrl: https://www.example.com/}\n"
	parts := strings.Split(string(text), "```yaml\n")
	require.Greater(t, len(parts), 7)
	for _, part := range parts[1:] {
		block, _, _ := strings.Cut(part, "```")
		_, problems := decode([]byte(destination+block), "docs/sources.md", t.TempDir(), func(string) (string, bool) { return "postgres://reader@db/x", true })
		require.Empty(t, problems, "%s", block)
	}
}

func TestWarehouse(t *testing.T) {
	t.Parallel()
	const head = "destination: {accountSid: IR1, apiKey: token, campaignId: \"23224\", pageUrl: https://www.example.com/}\nsources:\n  - name: dwh\n    kind: warehouse\n"
	load := func(rest string) (*Config, Problems) {
		return decode([]byte(head+rest), "x.yaml", t.TempDir(), func(string) (string, bool) { return "", false })
	}
	c, problems := load("    dsn: postgres://x\n    reader: profilesSync\n    schema: ps\n    audiences: {vip: {}, Big Spenders: {value: computed}, j_o_a__b: {key: step}, ltv: {column: LTV}}\n")
	require.Empty(t, problems)
	want := [][4]string{{"vip", "vip", "vip", "membership"}, {"big_spenders", "Big Spenders", "big_spenders", "computed"}, {"step", "j_o_a__b", "j_o_a__b", "membership"}, {"ltv", "ltv", "LTV", "membership"}}
	for i, a := range c.Sources[0].Audiences {
		got := [4]string{a.Key, a.Name, a.Column, a.Value}
		require.Equal(t, want[i], got)
	}
	require.Equal(t, []string{"ps"}, c.Sources[0].Schemas)
	for rest, want := range map[string]string{
		"    reader: profilesSync\n    audiences: {vip: {}}\n":                                              "dsn: is missing",
		"    dsn: x\n    audiences: {vip: {}}\n":                                                            "reader: is missing",
		"    dsn: x\n    reader: engage\n":                                                                  "audiences: is missing",
		"    dsn: x\n    reader: engage\n    url: file:///x\n    audiences: {vip: {}}\n":                    "url: does not go with kind: warehouse",
		"    dsn: x\n    reader: profilesSync\n    schemas: [a, b]\n    audiences: {vip: {}}\n":             "only the readers engage and events take several",
		"    dsn: x\n    reader: query\n    audiences: {vip: {}}\n":                                         "needs one of query, queryFile and ref",
		"    dsn: x\n    reader: query\n    audiences: {vip: {ref: vip}}\n":                                 "needs the source's manifest",
		"    dsn: x\n    reader: query\n    audiences: {vip: {queryFile: none.sql}}\n":                      "queryFile: cannot be read",
		"    dsn: x\n    reader: engage\n    audiences: {vip: {query: SELECT 1}}\n":                         "query: does not go with reader: engage",
		"    dsn: x\n    reader: engage\n    audiences: {vip: {parts: true}}\n":                             "parts: does not go with kind: warehouse",
		"    dsn: x\n    reader: query\n    from: users\n    audiences: {vip: {query: SELECT 1}}\n":         "from: does not go with reader: query",
		"    dsn: x\n    reader: profilesSync\n    timeout: -1s\n    audiences: {vip: {}}\n":                "timeout: must not be negative",
		"    dsn: x\n    reader: profilesSync\n    audiences: {\"!!!\": {}}\n":                              "no trait key can be made of this name",
		"    dsn: x\n    reader: profilesSync\n    schema: a\n    schemas: [b]\n    audiences: {vip: {}}\n": "schema and schemas are both set",
	} {
		_, problems := load(rest)
		require.ErrorContains(t, problems, want, "%s", rest)
	}
}
