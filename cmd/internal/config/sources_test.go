package config

import (
	"os"
	"path/filepath"
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

// TestWarehouseOfSeveralDestinations: what is completed for the first of them must not
// look like what somebody wrote for the next.
func TestWarehouseOfSeveralDestinations(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"dsn": "postgres://reader@db/x", "vip.sql": "SELECT user_id FROM vip", "x.yaml": `
destinations: [{name: a, campaignId: "1", accountSid: IR1, apiKey: x, pageUrl: https://a.example/}, {name: b, campaignId: "2", accountSid: IR1, apiKey: x, pageUrl: https://a.example/}]
sources:
  - {name: ps, kind: warehouse, dsnFile: dsn, reader: profilesSync, schema: ps, audiences: {vip: {}, Big Spenders: {key: big}}}
  - {name: own, kind: warehouse, dsnFile: dsn, reader: query, audiences: {gold: {queryFile: vip.sql}}}
state: {path: state.db}
`} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	c, err := Load(filepath.Join(dir, "x.yaml"), func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	require.Len(t, c.Each, 2)
	for _, one := range c.Each {
		require.Equal(t, []string{"ps"}, one.Sources[0].Schemas)
		require.EqualValues(t, "postgres://reader@db/x", one.Sources[0].DSN)
		require.Equal(t, "big", one.Sources[0].Audiences[1].Key)
		require.Equal(t, "SELECT user_id FROM vip", one.Sources[1].Audiences[0].Query)
	}
}
