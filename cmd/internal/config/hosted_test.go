package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func fromSegment(t *testing.T, text string) (Hosted, *Config) {
	t.Helper()
	h, err := FromSegment(strings.NewReader(text), "")
	require.NoError(t, err)
	c, err := h.Check()
	require.NoError(t, err, "%s", h.YAML)
	return h, c
}

// The same settings, as each of Segment's tools shows them.
func TestHostedSettingsAreFoundInEachForm(t *testing.T) {
	t.Parallel()
	const settings = `{"accountSid": "IR1", "CAMPAIGNID": 7, "enablePageEvents": true, "actionEventNames": ["Paid", "true", "a: b"], "customParameterMapping": {"Text1": "$.traits.vip"}}`
	const list = `[{"name": "x/config/accountSid", "value": "IR1"}, {"name": "campaignId", "value": "7"}, {"name": "enablePageEvents", "value": "true"},
		{"name": "actionEventNames", "value": ["Paid", "true", "a: b"]}, {"name": "customParameterMapping", "value": [{"from": "Text1", "to": "traits.vip"}]}]`
	for name, text := range map[string]string{
		"the settings alone":       settings,
		"with a byte order mark":   "\ufeff" + settings,
		"a destination":            `{"id": "d", "settings": ` + settings + `}`,
		"an envelope":              `{"data": {"destinations": [{"settings": ` + settings + `}]}}`,
		"settings as a text":       fmt.Sprintf(`{"settings": %q}`, settings),
		"a mapping as a text":      `{"accountSid": "IR1", "campaignId": "7", "enablePageEvents": "true", "actionEventNames": "[\"Paid\", \"true\", \"a: b\"]", "customParameterMapping": "{\"Text1\": \"traits.vip\"}"}`,
		"a list of names":          `{"config": ` + list + `}`,
		"among other destinations": `[{"settings": {"apiKey": "x"}}, {"metadata": {"slug": "amplitude"}, "settings": ` + settings + `}, {"metadata": {"slug": "impact-partnership-cloud"}, "settings": ` + settings + `}]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, c := fromSegment(t, text)
			d := c.Destination
			require.Equal(t, "IR1", d.AccountSID)
			require.Equal(t, "7", d.CampaignID)
			require.True(t, d.EnablePageEvents)
			require.Equal(t, []string{"Paid", "true", "a: b"}, d.ActionEventNames.Names)
			require.Equal(t, map[string]string{"Text1": "traits.vip"}, d.CustomParameterMapping)
			require.Equal(t, []string{"vip"}, h.Traits)
		})
	}
}

func TestHostedTokensAndHiddenValues(t *testing.T) {
	t.Parallel()
	h, c := fromSegment(t, `{"accountSid": "••••1234", "campaignId": "****12", "apiKey": "tok-SECRET", "eventTypeId": "12"}`)
	require.NotContains(t, string(h.YAML), "SECRET")
	require.Equal(t, "1", c.Destination.AccountSID, "from the environment")
	require.Equal(t, "1", c.Destination.CampaignID)
	require.Equal(t, "12", c.Destination.EventTypeID)
	require.Contains(t, h.Notes, "accountSid is hidden in the file from Segment: it was left out")
	require.Contains(t, h.Notes, "campaignId is hidden in the file from Segment: it was left out")
	require.Contains(t, h.Notes, "campaignId is not set: set IMPACT_CAMPAIGN_ID, or write the program's id into the file")
}

func TestHostedReservedTraitsAreNoAudiences(t *testing.T) {
	t.Parallel()
	h, _ := fromSegment(t, `{"campaignId": "7", "customParameterMapping": {"A": "traits.email", "B": "context.traits.gold", "C": "properties.vip", "D": "traits.a.b", "E": "traits.gold", "F": ""}}`)
	require.Equal(t, []string{"gold"}, h.Traits)
	require.Contains(t, h.Notes, "customParameterMapping: a line without a parameter or without a path was left out")
}

func TestHostedWithoutASetting(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{`:                  "not JSON",
		`{}`:                 "no settings of Impact Partnership Cloud",
		`{"apiKey": "x"}`:    "no settings of Impact Partnership Cloud", // may be any destination's
		`[{"name": "a"}, 1]`: "no settings of Impact Partnership Cloud",
		`[{"campaignId": 1, "accountSid": "IR1"}, {"campaignId": 2}]`: "2 destinations of Impact Partnership Cloud",
	} {
		_, err := FromSegment(strings.NewReader(text), "")
		require.ErrorContains(t, err, want, text)
	}
	_, err := FromSegment(strings.NewReader(`{"id": "d1", "settings": {"campaignId": 1}}`), "d2")
	require.ErrorContains(t, err, `no destination "d2"`)
	_, err = FromSegment(strings.NewReader(strings.Repeat(" ", 2<<20)), "")
	require.ErrorContains(t, err, "too large")
}
