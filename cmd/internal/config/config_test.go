package config

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// good is a whole file but for what a test adds after it.
const good = `destination:
  accountSid: IR1
  apiKey: s3cret
  campaignId: "23224"
  pageUrl: https://www.example.com/
sources:
  - {name: web, kind: events, url: file:///logs/}
`

func env(name string) (string, bool) {
	v, ok := map[string]string{
		"SID": "IRenv", "TOKEN": "tok\n", "WORKERS": "7", "EVIL": "x\nsources: []\n# ${SID}", "BAD": "hunter2", "EMPTY": "",
	}[name]
	return v, ok
}

func load(t *testing.T, text string) *Config {
	t.Helper()
	c, err := read([]byte(text), "impactsync.yaml", "/etc/impactsync", env)
	require.NoError(t, err)
	return c
}

func problems(t *testing.T, text string) Problems {
	t.Helper()
	_, err := read([]byte(text), "impactsync.yaml", "/etc/impactsync", env)
	var p Problems
	require.ErrorAs(t, err, &p)
	return p
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	c := load(t, good)
	require.Equal(t, EventNames{}, c.Destination.ActionEventNames, "the mapping has the defaults")
	require.True(t, c.Destination.AppInstall)
	require.Equal(t, "https://trkapi.impact.com", c.Destination.TrackingURL)
	require.Equal(t, "https://api.impact.com", c.Destination.APIURL)
	require.Equal(t, Delivery{
		Workers: 16, Coalesce: true, RequestTimeout: 10 * time.Second, AttributionWait: 6 * time.Hour,
		PageLoadsPerSecond: 100, ConversionsPerHour: 900, Unknown: Unknown{PageLoads: "resend", Conversions: "resend"},
	}, c.Delivery)
	require.Equal(t, Guards{
		Guard: Guard{MaxExits: MaxExits{30, 100}, FirstSync: "pass"}, MaxSuppressions: MaxSuppressions{30, 100}, Reversals: MaxReversals{300, 20, 1000},
	}, c.Guard)
	require.Equal(t, 720*time.Hour, c.MaxEventAge)
	require.Equal(t, "/var/lib/impactsync/state.db", c.State.Path)
	require.Equal(t, "0 */2 * * *", c.Schedule)
	require.Equal(t, "UTC", c.TimeZone)
	require.Equal(t, "USD", c.DefaultCurrency)
	require.Equal(t, 1<<20, c.Sources[0].MaxLineBytes)
	require.True(t, c.Sources[0].HonourIntegrations)
}

func TestZeroIsNotAbsent(t *testing.T) {
	t.Parallel()
	require.Empty(t, load(t, good+"defaultCurrency: \"\"\n").DefaultCurrency, "the account's own counts")
	c := load(t, good+`delivery: {coalesce: false, attributionWait: 0s, pageLoadsPerSecond: 0, conversionsPerHour: 0}
guard: {maxExits: {percent: 0}, maxSuppressions: {atLeast: 0}}
`)
	require.Equal(t, MaxExits{Percent: 0, AtLeast: 100}, c.Guard.MaxExits)
	require.Equal(t, MaxSuppressions{Percent: 30, AtLeast: 0}, c.Guard.MaxSuppressions)
	d := c.Delivery
	require.Zero(t, d.AttributionWait)
	require.Zero(t, d.PageLoadsPerSecond)
	require.Zero(t, d.ConversionsPerHour)
	require.False(t, d.Coalesce)
}

func TestShareOfLookUps(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{"": 0.01, "conversions: {verify: off}\n": 0, "conversions: {verify: all}\n": 1, "conversions: {verify: 2.5%}\n": 0.025, "conversions: {verify: 0%}\n": 0} {
		require.InDelta(t, want, load(t, good+text).Conversions.VerifyShare(), 1e-9, text)
	}
}

func TestAudiencesKeepTheirOrderAndTakeTheGuard(t *testing.T) {
	t.Parallel()
	c := load(t, good+`  - name: exports
    kind: audiences
    url: file://./audiences/
    audiences:
      "z-*.csv": {name: Order Completed Last 30days, list: full, guard: {maxExits: {percent: 5}, maxJoins: {percent: 200, atLeast: 100}, firstSync: hold}}
      "a-*.csv": {key: vip, parts: true}
guard:
  maxExits: {atLeast: 7}
  maxJoins: {percent: 50, atLeast: 9}
  keys: {gold: {maxExits: {percent: 3}}}
`)
	s := c.Sources[1]
	require.Equal(t, "file:///etc/impactsync/audiences/", s.URL)
	require.Equal(t, []Audience{
		{Pattern: "z-*.csv", Name: "Order Completed Last 30days", List: "full", OnMissing: "keep", Guard: Guard{MaxExits{5, 7}, &MaxJoins{200, 100}, "hold"}},
		{Pattern: "a-*.csv", Key: "vip", Parts: true, OnMissing: "keep", Guard: Guard{MaxExits{30, 7}, &MaxJoins{50, 9}, "pass"}},
	}, s.Audiences)
	require.Equal(t, map[string]Guard{"gold": {MaxExits{3, 7}, &MaxJoins{50, 9}, "pass"}}, c.Guard.Keys)
}

// The general guard may stand before or after those that start from it.
func TestSingleGuardsStartFromTheGeneralOne(t *testing.T) {
	t.Parallel()
	const general = "guard: {keys: {gold: {maxJoins: {percent: 3}}, silver: }, maxJoins: {percent: 50, atLeast: 9}, firstSync: hold}\n"
	const lists = "  - {name: exports, kind: audiences, url: file:///x, audiences: {a: {guard: {maxJoins: {atLeast: 1}}}, b: , c: {guard: {firstSync: pass}}}}\n"
	for _, text := range []string{good + lists + general, general + good + lists} {
		c := load(t, text)
		exits := MaxExits{30, 100}
		require.Equal(t, map[string]Guard{"gold": {exits, &MaxJoins{3, 9}, "hold"}, "silver": {exits, &MaxJoins{50, 9}, "hold"}}, c.Guard.Keys)
		var guards []Guard
		for _, a := range c.Sources[1].Audiences {
			guards = append(guards, a.Guard)
		}
		require.Equal(t, []Guard{{exits, &MaxJoins{50, 1}, "hold"}, {exits, &MaxJoins{50, 9}, "hold"}, {exits, &MaxJoins{50, 9}, "pass"}}, guards)
		require.Equal(t, &MaxJoins{50, 9}, c.Guard.MaxJoins, "the general one is as it was")
	}
}

// An empty text means the default, wherever it comes from; defaultCurrency alone may
// be empty, though not by an empty variable.
func TestEmptyTexts(t *testing.T) {
	t.Parallel()
	c := load(t, good+"timeZone: \"\"\nschedule: ${EMPTY}\ndefaultCurrency: ${EMPTY}\nprivacy: {segmentURL: \"\"}\n")
	require.Equal(t, "UTC", c.TimeZone)
	require.Equal(t, "0 */2 * * *", c.Schedule)
	require.Equal(t, "USD", c.DefaultCurrency)
	require.Equal(t, "https://api.segmentapis.com", c.Privacy.SegmentURL)
	require.Empty(t, load(t, good+"defaultCurrency: \"\"\n").DefaultCurrency)
	require.Contains(t, problems(t, strings.Replace(good, "kind: events", `kind: ""`, 1)).Error(), "is not one of events, audiences")
}

func TestAFirstSyncHeldByNothingIsAWarning(t *testing.T) {
	t.Parallel()
	require.Equal(t, `impactsync.yaml:8:20: guard.firstSync: holds nothing by itself (set guard.maxJoins or guard.conversions, too)`,
		load(t, good+"guard: {firstSync: hold}\n").Warnings[0].String())
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	c := load(t, strings.NewReplacer("IR1", "${SID}-$${SID}-${EVIL}", "s3cret", "${TOKEN}").Replace(good)+
		"delivery: {workers: \"${WORKERS}\"}\n")
	require.Equal(t, "IRenv-${SID}-x\nsources: []\n# ${SID}", c.Destination.AccountSID)
	require.Equal(t, Secret("tok"), c.Destination.APIKey)
	require.Equal(t, 7, c.Delivery.Workers)
	require.Len(t, c.Sources, 1, "a value must not bring in YAML")
}

// TestProblems holds one line of a file and the whole line of the problem.
func TestProblems(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"unknown key": {"delivery:\n  worker: 3",
			`impactsync.yaml:9:3: delivery.worker: unknown key "worker" (did you mean workers?)`},
		"unknown key, other case": {"timezone: UTC",
			`impactsync.yaml:8:1: timezone: unknown key "timezone" (did you mean timeZone?)`},
		"key in the wrong place": {"requestTimeout: 3s",
			`impactsync.yaml:8:1: requestTimeout: unknown key "requestTimeout" (it belongs under delivery)`},
		"wrong type": {"delivery: {workers: many}",
			`impactsync.yaml:8:21: delivery.workers: want a whole number, not a text`},
		"quoted number": {`delivery: {workers: "3"}`,
			`impactsync.yaml:8:21: delivery.workers: want a whole number, not a text`},
		"fraction": {`delivery: {workers: 1.5}`,
			`impactsync.yaml:8:21: delivery.workers: want a whole number, not "1.5"`},
		"out of range": {"delivery: {workers: 1025}",
			`impactsync.yaml:8:21: delivery.workers: must be between 1 and 1024, is "1025"`},
		"zero workers": {"delivery: {workers: 0}",
			`impactsync.yaml:8:21: delivery.workers: must be between 1 and 1024, is "0"`},
		"percent": {"guard: {maxExits: {percent: 130}}",
			`impactsync.yaml:8:29: guard.maxExits.percent: must be between 0 and 100, is "130"`},
		"boolean word": {"delivery: {coalesce: yes}",
			`impactsync.yaml:8:22: delivery.coalesce: want true or false, not a text`},
		"duration": {"maxEventAge: 30 days",
			`impactsync.yaml:8:14: maxEventAge: want a duration, not "30 days" (durations are written like 10s, 6h, 720h or 45d)`},
		"bare duration": {"maxEventAge: 30",
			`impactsync.yaml:8:14: maxEventAge: want a duration, not "30" (durations are written like 10s, 6h, 720h or 45d)`},
		"word": {"delivery: {unknown: {pageLoads: retry}}",
			`impactsync.yaml:8:33: delivery.unknown.pageLoads: "retry" is not one of resend, drop, hold`},
		"list for a mapping": {"delivery: [1]",
			`impactsync.yaml:8:11: delivery: want a mapping (key: value), not a list`},
		"twice": {"timeZone: UTC\ntimeZone: UTC",
			`impactsync.yaml:9:1: timeZone: the key appears twice (keep one of them)`},
		"unset variable": {"timeZone: ${NOPE}",
			`impactsync.yaml:8:11: timeZone: the environment variable NOPE is not set (set it, or write $${ for a plain ${)`},
		"open variable": {"timeZone: ${NOPE",
			`impactsync.yaml:8:11: timeZone: ${ without a closing } (set it, or write $${ for a plain ${)`},
		"value of a variable": {"delivery: {workers: \"${BAD}\"}",
			`impactsync.yaml:8:21: delivery.workers: want a whole number, not "${BAD}"`},
		"anchor": {"delivery: &d {workers: 3}",
			`impactsync.yaml:8:11: delivery: want a mapping (key: value), not this (anchors, aliases and tags are not supported: write the value out)`},
		"schedule of a time zone alone": {`schedule: "CRON_TZ=UTC"`,
			`impactsync.yaml:8:11: schedule: "CRON_TZ=UTC" cannot be followed: it has a time zone and no times (five fields such as "0 */2 * * *", or @every 2h)`},
		"schedule without a pause": {`schedule: "@every 0s"`,
			`impactsync.yaml:8:11: schedule: "@every 0s" cannot be followed: @every needs 1s or more (five fields such as "0 */2 * * *", or @every 2h)`},
		"schedule that never comes": {`schedule: "0 0 30 2 *"`,
			`impactsync.yaml:8:11: schedule: "0 0 30 2 *" cannot be followed: such a date does not come within five years (five fields such as "0 */2 * * *", or @every 2h)`},
		"schedule": {`schedule: "0 25 * * *"`,
			`impactsync.yaml:8:11: schedule: "0 25 * * *" is not a cron schedule (five fields such as "0 */2 * * *", or @every 2h)`},
		"time zone": {`timeZone: Mars/Base`,
			`impactsync.yaml:8:11: timeZone: no such time zone (an IANA name such as Europe/Berlin)`},
		"share": {"conversions: {verify: 5}",
			`impactsync.yaml:8:23: conversions.verify: "5" is not a share (off, all, or a share of 0% to 100%, such as 1%)`},
		"emptied by the environment": {`state: {path: "${EMPTY}"}`,
			`impactsync.yaml:8:15: state.path: is empty: the environment has no value for ${EMPTY} (give it one, or remove the key for the default)`},
		"currency": {`defaultCurrency: usd`,
			`impactsync.yaml:8:18: defaultCurrency: must be three capital letters (an ISO 4217 code such as USD)`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, problems(t, good+tt.text+"\n").Error())
		})
	}
}

func TestProblemsOfTheDestination(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ old, new, want string }{
		"no account":       {"  accountSid: IR1\n", "", "impactsync.yaml:2:3: destination.accountSid: is missing"},
		"no token":         {"  apiKey: s3cret\n", "", "destination.apiKey: is missing"},
		"no campaign":      {"  campaignId: \"23224\"\n", "", "destination.campaignId: is missing"},
		"campaign by name": {`"23224"`, `shop`, "impactsync.yaml:4:15: destination.campaignId: must be digits"},
		"no page": {"  pageUrl: https://www.example.com/\n", "  enablePageEvents: false\n",
			""},
		"plain http":    {"  pageUrl", "  apiURL: http://api.impact.com\n  pageUrl", "impactsync.yaml:5:11: destination.apiURL: must be https"},
		"loopback http": {"  pageUrl", "  apiURL: http://127.0.0.1:8090\n  pageUrl", ""},
		"emptied base":  {"  pageUrl", "  trackingURL: ${EMPTY}\n  pageUrl", "destination.trackingURL: is empty: the environment has no value for ${EMPTY}"},
		"no address":    {"  pageUrl", "  apiURL: api.impact.com\n  pageUrl", "destination.apiURL: is not an http address"},
		"page without a host": {"https://www.example.com/", "/home",
			"impactsync.yaml:5:12: destination.pageUrl: is not a web address"},
		"emptied token": {"s3cret", "${EMPTY}", "impactsync.yaml:3:11: destination.apiKey: is empty: the environment has no value for ${EMPTY}"},
		"secret in ${}": {"s3cret", "${a1-b2/c3}", "destination.apiKey: what stands in ${...} is not a variable name"},
		"event type":    {"  pageUrl", "  eventTypeId: Sale\n  pageUrl", "destination.eventTypeId: must be digits"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(good, tt.old, tt.new, 1)
			require.NotEqual(t, good, text)
			if tt.want == "" {
				load(t, text)
				return
			}
			require.Contains(t, problems(t, text).Error(), tt.want)
		})
	}
}

func TestProblemsOfSources(t *testing.T) {
	t.Parallel()
	const lists = "  - name: exports\n    kind: audiences\n    url: file:///lists/\n    audiences:\n"
	for name, tt := range map[string]struct{ text, want string }{
		"same name":      {"  - {name: web, kind: events, url: file:///b/}", `sources[1].name: "web" is the name of sources[0] already`},
		"no kind":        {"  - {name: b, url: file:///b/}", "sources[1].kind: is missing"},
		"odd kind":       {"  - {name: b, kind: event, url: file:///b/}", `sources[1].kind: "event" is not one of events, audiences`},
		"no url":         {"  - {name: b, kind: events}", "sources[1].url: is missing"},
		"http url":       {"  - {name: b, kind: events, url: \"https://x/\"}", `sources[1].url: its scheme is not one of file://, s3://, gs:// or azblob://`},
		"relative file":  {"  - {name: b, kind: events, url: file://b/c}", "sources[1].url: names no folder"},
		"no bucket":      {"  - {name: b, kind: events, url: s3:///b}", "sources[1].url: names no bucket"},
		"bad glob":       {"  - {name: b, kind: events, url: file:///b, traits: {include: [\"[\"]}}", `sources[1].traits.include[0]: "[" is not a pattern`},
		"key of events":  {"  - {name: b, kind: audiences, url: file:///b, startAt: 2026-01-01T00:00:00Z}", "sources[1].startAt: does not go with kind: audiences"},
		"key of lists":   {"  - {name: b, kind: events, url: file:///b, audiences: {a.csv: {}}}", "sources[1].audiences: does not go with kind: events"},
		"one key, twice": {lists + "      a.csv: {name: Big Spender}\n      b.csv: {name: Big-Spender}", `the names "Big Spender" and "Big-Spender" give one trait key, "big_spender"`},
		"two lists":      {lists + "      a.csv: {key: vip, list: full}\n      b.csv: {key: vip, list: full}", `a second full list for the trait key "vip"`},
		"list, changes":  {lists + "      a.csv: {key: vip, list: full}\n      b.csv: {key: vip, list: changes}", `the trait key "vip" is fed by a list and by changes`},
		"parameter":      {lists + "      a.csv: {key: customer_ID}", `the trait key "customer_ID" is the name of an impact.com parameter`},
		"no key":         {lists + "      a.csv: {name: \"!!!\"}", `no trait key can be made of "!!!"`},
		"key with space": {lists + "      a.csv: {key: big spender}", `"big spender" is not a trait key`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, problems(t, good+tt.text+"\n").Error(), tt.want)
		})
	}
}

func TestTraitFedTwiceIsWarnedOf(t *testing.T) {
	t.Parallel()
	text := strings.Replace(good, "url: file:///logs/", `url: file:///logs/, traits: {include: ["v*"], exclude: [vipers]}`, 1) +
		"  - {name: exports, kind: audiences, url: file:///lists/, audiences: {vip.csv: {list: full, key: %s}}}\n"
	require.Contains(t, load(t, fmt.Sprintf(text, "vip")).Warnings[0].String(), "impactsync.yaml:8:80: sources[1].audiences[\"vip.csv\"]: the trait key \"vip\" may be fed")
	require.Empty(t, load(t, fmt.Sprintf(text, "vip, authority: list")).Warnings)
	require.Empty(t, load(t, fmt.Sprintf(text, "vipers")).Warnings)
}

// TestContract loads the file that the keys were agreed on with.
func TestContract(t *testing.T) {
	t.Parallel()
	data := strings.Replace(string(slurp(t, "testdata/contract.yaml")), "apiKeyFile:", "apiKey:", 1)
	c := load(t, strings.Replace(data, "${IMPACT_ACCOUNT_SID}", "${SID}", 1))
	require.Equal(t, map[string]string{"User Registered": "101"}, c.Destination.EventTypeIDs)
	require.Equal(t, []string{"vip", "order_*"}, c.Sources[0].Traits.Include)
	require.Equal(t, 26*time.Hour, c.Sources[0].MaxAge)
	require.Equal(t, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), c.Sources[0].StartAt)
	require.Equal(t, "membership", c.Sources[1].Audiences[0].Value)
}

func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	got := problems(t, "destination: {campaignId: x, apiKey: [a]}\nsources:\n  - name: a\n    kind: audiences\nworkers: 3\n")
	require.Len(t, got, 6, got.Error())
	require.Contains(t, got.Error(), "destination.pageUrl: is missing")
	require.Contains(t, got.Error(), "workers: unknown key")
}

func TestNotYAML(t *testing.T) {
	t.Parallel()
	got := problems(t, "destination:\n  apiKey: \"s3cret\n")
	require.Contains(t, got.Error(), "this is not YAML")
	require.NotContains(t, got.Error(), "s3cret")
	require.Positive(t, got[0].Line)
	require.Equal(t, "impactsync.yaml:2:1: this is not YAML: there is a tab (indent with spaces)", problems(t, "destination:\n\tapiKey: a\n").Error())
	require.Equal(t, "impactsync.yaml:3:3: this is not YAML: a line without a key and its value (a space must follow the colon)",
		problems(t, strings.Replace(good, "apiKey: s3cret", "apiKey:s3cret", 1)).Error())
	require.Contains(t, problems(t, good+"state: {path: ${STATE}}\n").Error(), `(close the {; between { and }, "${NAME}" needs its quotes)`)
	require.Equal(t, "impactsync.yaml: this is UTF-16 (save it as UTF-8)", problems(t, "\xff\xfea\x00:\x00").Error())
	require.Contains(t, problems(t, "").Error(), "sources: is missing")
	require.Contains(t, problems(t, good+"---\na: 1\n").Error(), "a second document")
}

func TestWhatEditorsAndShellsAdd(t *testing.T) {
	t.Parallel()
	require.Empty(t, load(t, "\ufeff"+good).Warnings)
	require.Equal(t, "impactsync.yaml:3:11: destination.apiKey: is used as it stands, with its $ (write ${NAME} for an environment variable)",
		load(t, strings.Replace(good, "s3cret", "$TOKEN", 1)).Warnings[0].String())
}

func TestSecretsStayHidden(t *testing.T) {
	t.Parallel()
	c := load(t, good)
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("configuration", "all", c, "key", c.Destination.APIKey)
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("configuration", "all", c, "key", c.Destination.APIKey)
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v %#v", *c, *c), logged.String()} {
		require.Contains(t, text, "[redacted]")
		require.NotContains(t, text, "s3cret")
	}
	require.Equal(t, "s3cret", string(c.Destination.APIKey))
}

func TestSecretFromFile(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		content  string
		mode     os.FileMode
		problem  string
		warnings int
	}{
		"trimmed":            {"tok\n", 0o600, "", 0},
		"readable by others": {"tok", 0o644, "", 1},
		"empty":              {" \n", 0o600, "is empty", 0},
		"two lines":          {"a\nb\n", 0o600, "holds more than one line", 0},
		"huge":               {strings.Repeat("a", 70_000), 0o600, "holds more than one line", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "token"), []byte(tt.content), tt.mode))
			file := filepath.Join(dir, "c.yaml")
			require.NoError(t, os.WriteFile(file, []byte(strings.Replace(good, "apiKey: s3cret", "apiKeyFile: token", 1)), 0o600))
			c, err := Load(file, env)
			if tt.problem != "" {
				require.ErrorContains(t, err, tt.problem)
				return
			}
			require.NoError(t, err)
			require.Equal(t, Secret("tok"), c.Destination.APIKey)
			require.Len(t, c.Warnings, tt.warnings)
		})
	}
	require.Contains(t, problems(t, strings.Replace(good, "apiKey: s3cret", "apiKeyFile: /no/such", 1)).Error(), "no such file")
	require.Contains(t, problems(t, strings.Replace(good, "apiKey: s3cret", "apiKey: a\n  apiKeyFile: /b", 1)).Error(), "both set")
}

func TestEnvironmentStaysOutOfProblems(t *testing.T) {
	t.Parallel()
	got := problems(t, strings.Replace(good, "apiKey: s3cret", `apiKeyFile: "${BAD}"`, 1)+`  - name: "${BAD}"
    kind: "${BAD}"
    url: "${BAD}://x"
    traits: {include: ["[${BAD}"]}
  - name: "${BAD}"
    kind: audiences
    url: file:///x
    audiences:
      a: {key: "${BAD}", list: full}
      b: {name: "${BAD}", list: full}
      c: {key: "${BAD} ", list: "${BAD}"}
schedule: "${BAD}"
timeZone: "${BAD}"
maxEventAge: "${BAD}"
`).Error()
	require.NotContains(t, got, "hunter2")
	for _, want := range []string{
		`read the Auth Token from ${BAD}: no such file`, `"${BAD}" is the name of sources[1] already`, `"${BAD}" is not one of events, audiences`,
		`"[${BAD}" is not a pattern`, `a second full list for the trait key of the name "${BAD}"`, `"${BAD} " is not a trait key`, `"${BAD}" is not a cron schedule`,
	} {
		require.Contains(t, got, want)
	}
}

func TestNoFile(t *testing.T) {
	t.Parallel()
	_, err := Load(filepath.Join(t.TempDir(), "impactsync.yaml"), env)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestPrivacy(t *testing.T) {
	t.Parallel()
	c := load(t, good)
	require.Equal(t, Privacy{Suppressed: "sendFalse", SegmentURL: "https://api.segmentapis.com"}, c.Privacy)

	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte("0123456789abcdef0123456789abcdef\n"), 0o600))
	c = load(t, good+"privacy: {hashKeyFile: "+file+", suppressed: nothing, suppressionList: file://./suppressed/, segmentToken: \"${TOKEN}\"}\n")
	require.Equal(t, Secret("0123456789abcdef0123456789abcdef"), c.Privacy.HashKey)
	require.Equal(t, Secret("tok"), c.Privacy.SegmentToken)
	require.Equal(t, "file:///etc/impactsync/suppressed/", c.Privacy.SuppressionList)
	require.NotContains(t, fmt.Sprintf("%+v", c), "0123456789abcdef")

	for text, want := range map[string]string{
		"{hashKey: short-hunter2}":                     "32 characters",
		"{hashKeyFile: /no/such}":                      "read the hash key",
		"{suppressed: hunter2x}":                       "not one of sendFalse, nothing",
		"{suppressionList: ftp://x/hunter2}":           "its scheme",
		"{segmentURL: http://hunter2.example}":         "must be https",
		"{segmentToken: hunter2, segmentTokenFile: x}": "both set",
	} {
		got := problems(t, good+"privacy: "+text+"\n").Error()
		require.Contains(t, got, want)
		if text != "{suppressed: hunter2x}" {
			require.NotContains(t, got, "hunter2")
		}
	}
}

func TestExamples(t *testing.T) {
	t.Parallel()
	anything := func(name string) (string, bool) {
		if name == "OUTLET_ACCOUNT_SID" { // another account than the others'
			return "2", true
		}
		return "1", true
	}
	for _, file := range examples(t) {
		data := string(slurp(t, file))
		for _, key := range []string{"apiKey", "hashKey", "segmentToken", "password", "token", "profileToken", "privateKey"} {
			data = strings.ReplaceAll(data, " "+key+"File:", " "+key+":") // no such file here
		}
		data = regexp.MustCompile(`(url|ping)File: \S+`).ReplaceAllString(data, "$1: https://hooks.example.com/1")
		folder, err := filepath.Abs(filepath.Dir(file))
		require.NoError(t, err)
		_, err = read([]byte(data), file, folder, anything)
		require.NoError(t, err, file)
	}
}

// FuzzRead holds Load to two laws: it never panics, and it never shows a secret.
func FuzzRead(f *testing.F) {
	f.Add(good)
	f.Add(several)
	f.Add(good + "destinations: [null, {name: ${BAD}, apiKey: ${BAD}, sources: [${BAD}]}, 3]\n")
	f.Add(good + "delivery: {workers: ${WORKERS}}\n")
	f.Add(strings.ReplaceAll(good, "s3cret", "${BAD}") + "schedule: ${BAD}\ntimeZone: ${BAD}\ndefaultCurrency: ${BAD}\n")
	f.Add(good + "  - {name: ${BAD}, kind: audiences, url: \"${BAD}://x\", audiences: {a: {name: \"${BAD}\"}, b: {key: \"${BAD}\", name: b}}}\n")
	f.Add("a: &a [*a]\n? {b: c}\n: |\n  d\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "File") || strings.Contains(text, "hunter2") {
			t.Skip()
		}
		c, err := read([]byte(text), "f.yaml", "/", env)
		if err != nil {
			require.NotContains(t, err.Error(), "hunter2")
			return
		}
		require.NotEmpty(t, c.Sources)
	})
}
