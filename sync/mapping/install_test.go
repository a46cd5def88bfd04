package mapping

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
)

func install(system string) string {
	context := `{"os":{"name":"` + system + `"},"device":{"id":"dev-1","advertisingId":"ad-1"}}`
	return `{"type":"track","event":"Application Installed","messageId":"m-9","anonymousId":"a-1","timestamp":"2026-08-30T00:00:00Z","context":` + context + `}`
}

func eventType(t *testing.T, r Request) string {
	t.Helper()
	return value(t, r, "EventTypeId") + "/" + value(t, r, "EventTypeCode") + "/" + value(t, r, "EventCode") + "/" + value(t, r, "PropertyId")
}

func TestInstallsHaveTheEventTypeOfTheirApp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Settings)
		system string
		want   string
	}{
		"iOS":                       {func(*Settings) {}, "iOS", "101//INSTALL/101"},
		"Android":                   {func(*Settings) {}, "Android", "102//INSTALL/102"},
		"iPadOS":                    {func(*Settings) {}, "iPadOS", "101//INSTALL/101"},
		"never the general one":     {func(s *Settings) { s.EventTypeID = "55" }, "iOS", "101//INSTALL/101"},
		"by name":                   {func(s *Settings) { s.EventTypeIDs = map[string]string{"application installed": "77"} }, "iOS", "77//INSTALL/101"},
		"by name, unknown platform": {func(s *Settings) { s.EventTypeIDs = map[string]string{"Application Installed": "77"} }, "Windows", "77//INSTALL/"},
		"by its name as a code":     {func(s *Settings) { s.IOSAppID = "" }, "iOS", "/Application Installed/INSTALL/"},
		"a code, unknown platform":  {func(*Settings) {}, "Windows", "/Application Installed/INSTALL/"},
		"a code of the mapping": {func(s *Settings) {
			s.EventTypeID, s.IOSAppID, s.CustomParameterMapping = "55", "", map[string]string{"EventTypeCode": "context.os.name"}
		}, "iOS", "/iOS/INSTALL/"},
	} {
		s := everything()
		c.change(&s)
		r, err := event(t, s, install(c.system))
		require.NoError(t, err, name)
		require.Equal(t, c.want, eventType(t, r), name)
	}
}

func TestAnInstallIsNoSale(t *testing.T) {
	t.Parallel()
	for system, c := range map[string]struct{ app, reason string }{
		"iOS":     {"", "iOsAppId is not set"},
		"Android": {"", "androidAppId is not set"},
		"Windows": {"101", "neither context.os.name nor context.device.type says iOS or Android"},
		"":        {"101", "neither context.os.name nor context.device.type says iOS or Android"},
		"ios":     {"12345678901", "iOsAppId has more than the 10 digits"},
	} {
		s := everything()
		s.EventTypeID, s.IOSAppID, s.AndroidAppID = "55", c.app, c.app
		_, err := event(t, s, install(system))
		r := refusal(t, err)
		require.Contains(t, r.Reason, c.reason, system)
		require.Contains(t, r.Reason, "eventTypeId is not for installs", system)
		require.Equal(t, "parameter", r.Class)
	}
	s := everything()
	s.EventTypeID, s.ActionEventNames = "55", []string{"Application Installed"}
	r, err := event(t, s, install("iOS"))
	require.NoError(t, err)
	require.Equal(t, "55///101", eventType(t, r), "an action, because the settings say so")
}

func TestAppInstallIsThePageLoadOfAnInstall(t *testing.T) {
	t.Parallel()
	m := newMapper(t, everything())
	r, err := m.AppInstall(decode(t, install("iOS")), Person{Now: now, ClickID: "of-the-person"})
	require.NoError(t, err)
	require.Equal(t, PageLoad, r.Kind)
	require.Equal(t, "23224 a-1 101 ad-1 dev-1", value(t, r, "CampaignId")+" "+value(t, r, "CustomProfileId")+" "+value(t, r, "PropertyId")+" "+value(t, r, "AppleIfa")+" "+value(t, r, "AppleIfv"))
	require.Empty(t, value(t, r, "ClickId")+value(t, r, "OrderId")+value(t, r, "EventCode"))

	_, err = m.AppInstall(decode(t, segmentOrder), Person{Now: now})
	require.Equal(t, "not an install", refusal(t, err).Reason)
	_, err = newMapper(t, Settings{CampaignID: "1"}).AppInstall(decode(t, install("iOS")), Person{Now: now})
	require.Contains(t, refusal(t, err).Reason, "no PageUrl", "neither an app nor a page")
}

func TestInstallClick(t *testing.T) {
	t.Parallel()
	m := newMapper(t, everything())
	for want, r := range map[string]impactapi.AppInstallResult{
		"c1":     {ClickID: " c1 ", LandingPage: "https://x.example/?irclickid=c2"},
		"c2":     {LandingPage: "https://x.example/?a=b&irclickid=c2#f"},
		"c:3~ -": {ClickID: "null", LandingPage: "https://x.example/?irclickid=c%3A3~%20-"},
		"":       {ClickID: "0", LandingPage: "https://x.example/"},
	} {
		require.Equal(t, want, m.InstallClick(&r))
	}
	for _, id := range []string{"", "null", "undefined", "sam@shop.example", string(make([]byte, 65))} {
		require.Empty(t, m.InstallClick(&impactapi.AppInstallResult{ClickID: id}), id)
	}
}
