package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// two programs of one account, and another account.
const several = `destination:
  accountSid: IR1
  apiKey: s3cret
  pageUrl: https://www.example.com/
  actionEventNames: [Subscribed]
destinations:
  - {name: us, campaignId: "1", sources: [web]}
  - name: eu
    campaignId: "2"
    defaultCurrency: EUR
    actionEventNames: []
    refunds: {mode: reverse}
    state: {path: /data/europe.db}
  - {name: outlet, accountSid: IR2, apiKeyFile: /no/such, campaignId: "3", delivery: {workers: 2}}
sources:
  - {name: web, kind: events, url: file:///logs/}
  - {name: exports, kind: audiences, url: file://./lists/}
state: {path: /data/state.db}
delivery: {conversionsPerHour: 400}
refunds: {wait: 24h}
`

func TestSeveralDestinations(t *testing.T) {
	t.Parallel()
	c := load(t, several)
	require.Equal(t, []string{"us", "eu", "outlet"}, c.Names())

	us, err := c.Of("us")
	require.NoError(t, err)
	require.Equal(t, "IR1", us.Destination.AccountSID)
	require.Equal(t, Secret("s3cret"), us.Destination.APIKey)
	require.Equal(t, "1", us.Destination.CampaignID)
	require.Equal(t, []string{"Subscribed"}, us.Destination.ActionEventNames.Names)
	require.Equal(t, "/data/state-us.db", us.State.Path)
	require.Equal(t, "file:///data/conversions-us/", us.Conversions.File.URL)
	require.Equal(t, "USD", us.DefaultCurrency)
	require.Equal(t, "report", us.Refunds.Mode)
	require.Len(t, us.Sources, 1)
	require.Equal(t, []string{"/data/europe.db"}, us.Neighbours)

	eu, err := c.Of("eu")
	require.NoError(t, err)
	require.Equal(t, "2", eu.Destination.CampaignID)
	require.Empty(t, eu.Destination.ActionEventNames.Names)
	require.Equal(t, "EUR", eu.DefaultCurrency)
	require.Equal(t, "reverse", eu.Refunds.Mode)
	require.Equal(t, us.Refunds.Wait, eu.Refunds.Wait, "what a block does not set is as in the rest of the file")
	require.Equal(t, "/data/europe.db", eu.State.Path)
	require.Equal(t, []string{"/data/state-us.db"}, eu.Neighbours)
	require.Len(t, eu.Sources, 2)
	require.Equal(t, "file:///etc/impactsync/lists/", eu.Sources[1].URL)
	require.Equal(t, 400, eu.Delivery.ConversionsPerHour)

	_, err = c.Of("outlet")
	require.ErrorContains(t, err, "destinations[2].apiKeyFile: read the Auth Token from the file that is named here", "it stops no other destination")
	_, err = c.Of("")
	require.EqualError(t, err, "which destination? The configuration has us, eu, outlet: name one with --destination")
	_, err = c.Of("asia")
	require.EqualError(t, err, `--destination "asia": the configuration has us, eu, outlet`)
}

func TestOneDestinationHasNoName(t *testing.T) {
	t.Parallel()
	c := load(t, good)
	require.Empty(t, c.Names())
	same, err := c.Of("")
	require.NoError(t, err)
	require.Same(t, c, same)
	_, err = c.Of("us")
	require.EqualError(t, err, `--destination "us": the configuration has one destination, without a name`)
}

func TestDestinationsOwnSecretReplacesTheSharedOne(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("own\n"), 0o600))
	c := load(t, strings.Replace(several, "apiKeyFile: /no/such", "apiKeyFile: "+file, 1))
	outlet, err := c.Of("outlet")
	require.NoError(t, err)
	require.Equal(t, Secret("own"), outlet.Destination.APIKey)
	require.Equal(t, 2, outlet.Delivery.Workers)
	require.Empty(t, outlet.Neighbours)

	shared := strings.Replace(several, "  apiKey: s3cret\n", "  apiKeyFile: "+file+"\n", 1)
	c = load(t, strings.Replace(shared, "apiKeyFile: /no/such", "apiKey: mine", 1))
	outlet, err = c.Of("outlet")
	require.NoError(t, err)
	require.Equal(t, Secret("mine"), outlet.Destination.APIKey)
	us, err := c.Of("us")
	require.NoError(t, err)
	require.Equal(t, Secret("own"), us.Destination.APIKey)
}

func TestSeveralDestinationsProblems(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ old, new, want string }{
		"no name":                      {"name: us, ", "", "destinations[0].name: is missing"},
		"a name that is a path":        {"name: us", "name: ../us", `destinations[0].name: "../us" is not a name`},
		"a name twice":                 {"name: eu", "name: US", `destinations[1].name: "US" is the name of destinations[0] already`},
		"no program":                   {`campaignId: "1", `, "", "destinations[0].campaignId: is missing"},
		"a program that is a name":     {`campaignId: "1"`, `campaignId: Shop`, "impactsync.yaml:7:28: destinations[0].campaignId: must be digits"},
		"the same program twice":       {`campaignId: "2"`, `campaignId: "1"`, "destinations[1].campaignId: is the program of destinations[0], in the same account"},
		"one state for two":            {"path: /data/europe.db", "path: /data/./state-us.db", "destinations[1].state.path: is the state of destinations[0], too"},
		"an unknown source":            {"sources: [web]", "sources: [wbe]", `destinations[0].sources[0]: there is no source "wbe"`},
		"no source":                    {"sources: [web]", "sources: []", "destinations[0].sources: is empty"},
		"an unknown key":               {"defaultCurrency: EUR", "currency: EUR", `destinations[1].currency: unknown key "currency"`},
		"another quota of one account": {"defaultCurrency: EUR", "delivery: {conversionsPerHour: 100}", "impactsync.yaml:10:36: destinations[1].delivery.conversionsPerHour: is another number than that of destinations[0]"},
		"a problem of all":             {"pageUrl: https://www.example.com/", "pageUrl: example", "destination.pageUrl: is not a web address"},
		"a problem of all sources":     {"kind: events", "kind: event", "sources[0].kind:"},
		"one folder for two":           {"refunds: {wait: 24h}", "conversions: {file: {url: file:///out/}}", "destinations[1].conversions.file.url: is the folder of destinations[0], too"},
		"one table of told for two":    {"sources:\n", "sources:\n  - {name: dwh, kind: warehouse, dsn: \"postgres://h/d\", reader: profilesSync, schema: ps, diff: warehouse, toldSchema: told, audiences: {vip: {}}}\n", `destinations[2].sources: source "dwh" would keep what impact.com was told in toldSchema told, and so would source "dwh" of destinations[1]`},
		"too many":                     {several[strings.Index(several, "  - {name: us"):strings.Index(several, "sources:\n")], strings.Repeat("  - {name: a}\n", 101), "destinations: are more than 100"},
		"an empty list":                {several[strings.Index(several, "destinations:"):strings.Index(several, "sources:\n")], "destinations: []\n", "destinations: is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(several, tt.old, tt.new, 1)
			require.NotEqual(t, several, text)
			all := problems(t, text)
			require.ErrorContains(t, all, tt.want)
			require.Equal(t, 1, strings.Count(all.Error(), tt.want), "said once, not once for each destination")
		})
	}
}

func TestAStateIsNotLeftBehind(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state.db")
	text := strings.Replace(several, "/data/state.db", state, 1)
	load(t, text)
	require.NoError(t, os.WriteFile(state, nil, 0o600))
	require.ErrorContains(t, problems(t, text), "state.path: there is a state that no destination has, and new ones would send everybody again")
	load(t, strings.Replace(text, "/data/europe.db", state, 1))
}

func TestLookAtSeveralDestinations(t *testing.T) {
	t.Parallel()
	c, err := look(t, strings.Replace(several, `campaignId: "2"`, `campaignId: two`, 1))
	require.NoError(t, err)
	for name, want := range map[string]struct{ program, state string }{"us": {"1", "/data/state-us.db"}, "eu": {"", "/data/europe.db"}, "outlet": {"3", "/data/state-outlet.db"}} {
		one, err := c.Of(name)
		require.NoError(t, err, "a missing secret is no obstacle")
		require.Equal(t, want.program, one.Destination.CampaignID)
		require.Equal(t, want.state, one.State.Path)
	}
	_, err = look(t, strings.Replace(several, "name: eu", "name: us", 1))
	require.ErrorContains(t, err, "destinations[1].name")
}
