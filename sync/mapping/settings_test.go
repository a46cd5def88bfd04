package mapping

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNewReportsEveryProblem(t *testing.T) {
	t.Parallel()
	_, err := New(Settings{
		CampaignID: "abc", EventTypeID: "x", EventTypeIDs: map[string]string{"A": "-1"}, IOSAppID: "1.5", AndroidAppID: "a",
		PageURL: "www.example.com", DefaultCurrency: "usd", ActionEventNames: []string{""},
		ClickIDNames: []string{"", "a=b"}, UndocumentedParameters: []string{"DeviceOs", "deviceOsVer", "UserAgent"},
		CustomParameterMapping: map[string]string{
			"CampaignId": "properties.x", "ItemSku": "properties.sku", "customerstatus": "properties.s", "Text": "properties.t",
			"OrderId": "properties.o", "Oid": "properties.o", "Note": "properties..x", "Text2": "properties", "Text3": "properties.p.9999",
		},
		CustomMappingForProducts: map[string]string{"Sku": "sku", "ItemSku1": "sku", "ItemText": "t", "ItemName": "", "Amount": "x"},
	})
	require.Error(t, err)
	golden(t, "problems.golden", err.Error()+"\n")
}

func TestEverySettingChangesTheFingerprint(t *testing.T) {
	t.Parallel()
	base := Settings{CampaignID: "1"}
	seen := map[string]bool{newMapper(t, base).Fingerprint(): true}
	for name, change := range map[string]func(*Settings){
		"campaignId":   func(s *Settings) { s.CampaignID = "2" },
		"eventTypeId":  func(s *Settings) { s.EventTypeID = "2" },
		"eventTypeIds": func(s *Settings) { s.EventTypeIDs = map[string]string{"A": "2"} },
		"iOsAppId":     func(s *Settings) { s.IOSAppID = "2" },
		"androidAppId": func(s *Settings) { s.AndroidAppID = "2" },
		"actions":      func(s *Settings) { s.ActionEventNames = []string{"A"} },
		"installs":     func(s *Settings) { s.InstallEventNames = []string{"A"} },
		"pageLoads":    func(s *Settings) { s.PageLoadEventNames = []string{"A"} },
		"pages":        func(s *Settings) { s.EnablePageEvents = true },
		"screens":      func(s *Settings) { s.EnableScreenEvents = true },
		"identifies":   func(s *Settings) { s.EnableIdentifyEvents = true },
		"custom":       func(s *Settings) { s.CustomParameterMapping = map[string]string{"Text1": "properties.a"} },
		"products":     func(s *Settings) { s.CustomMappingForProducts = map[string]string{"ItemSku": "a"} },
		"pageUrl":      func(s *Settings) { s.PageURL = "https://x.example/" },
		"items":        func(s *Settings) { s.UnusableItems = ItemsAmount },
		"discount":     func(s *Settings) { s.OrderDiscount = DiscountSend },
		"order ids":    func(s *Settings) { s.MissingOrderID = MissingRefuse },
		"sign":         func(s *Settings) { s.DecimalSign = SignPoint },
		"removed":      func(s *Settings) { s.CustomParameterMapping = map[string]string{"OrderDiscount": ""} },
		"currency":     func(s *Settings) { s.DefaultCurrency = "EUR" },
		"no currency":  func(s *Settings) { s.AccountCurrency = true },
		"clickIdNames": func(s *Settings) { s.ClickIDNames = []string{"cid"} },
		"undocumented": func(s *Settings) { s.UndocumentedParameters = []string{"DeviceOs"} },
	} {
		s := base
		change(&s)
		fingerprint := newMapper(t, s).Fingerprint()
		require.False(t, seen[fingerprint], name)
		seen[fingerprint] = true
	}
	explicit := base
	explicit.ActionEventNames = []string{"Order Completed"}
	require.Equal(t, newMapper(t, base).Fingerprint(), newMapper(t, explicit).Fingerprint())
}

func TestEventTypes(t *testing.T) {
	t.Parallel()
	s := everything()
	r, err := order(t, s, `{"order_id":"o"}`)
	require.NoError(t, err)
	require.Equal(t, "/Order Completed", value(t, r, "EventTypeId")+"/"+value(t, r, "EventTypeCode"))
	s.EventTypeID = "55"
	r, _ = order(t, s, `{"order_id":"o"}`)
	require.Equal(t, "55/", value(t, r, "EventTypeId")+"/"+value(t, r, "EventTypeCode"))
	s.EventTypeIDs = map[string]string{"Order Completed": "66"}
	r, _ = order(t, s, `{"order_id":"o"}`)
	require.Equal(t, "66", value(t, r, "EventTypeId"))
}

func TestCustomMappingWinsAndTheRulesHoldAfterIt(t *testing.T) {
	t.Parallel()
	r, err := event(t, custom(), oddMessage)
	require.NoError(t, err)
	golden(t, "custom.golden", show(Route{Kind: Conversion}, r, nil))

	s := everything()
	s.CustomParameterMapping = map[string]string{"Amount": "properties.worth", "OrderPromoCode": "properties.code", "EventDate": "properties.at",
		"CustomerEmail": "properties.buyer", "Text1": "properties.buyer", "Currency": "properties.cur"}
	r, err = order(t, s, `{"order_id":"o","worth":12.345,"revenue":1,"coupon":"default","at":"2099-01-01","buyer":" Sam@X.example","cur":"chf"}`)
	require.NoError(t, err)
	require.Equal(t, "12.35", value(t, r, "Amount"))
	require.Equal(t, "CHF", value(t, r, "CurrencyCode"))
	require.Equal(t, "default", value(t, r, "OrderPromoCode"), "an absent source leaves the default")
	require.Equal(t, "2026-09-01T00:00:00Z", value(t, r, "EventDate"), "no future date")
	require.Len(t, value(t, r, "CustomerEmail"), 40)
	require.Equal(t, value(t, r, "CustomerEmail"), value(t, r, "Text1"), "no address in clear")

	r, err = order(t, s, `{"order_id":"o","worth":5,"products":[{"price":1}]}`)
	require.NoError(t, err)
	require.Empty(t, value(t, r, "Amount"), "not beside items")
	_, err = order(t, s, `{"order_id":"o","worth":"-5","revenue":1}`)
	require.Equal(t, `Amount is not usable: properties.worth "-5" is negative`, refusal(t, err).Reason, "another sum would book another worth")
}

func TestAppsAndTheirPages(t *testing.T) {
	t.Parallel()
	open := `{"type":"track","event":"Application Opened","anonymousId":"a","timestamp":"2026-08-30T00:00:00Z","context":{"os":{"name":"Android"}}}`
	r, err := event(t, everything(), open)
	require.NoError(t, err)
	require.Equal(t, "102/", value(t, r, "PropertyId")+"/"+value(t, r, "PageUrl"))
	s := everything()
	s.AndroidAppID = ""
	_, err = event(t, s, open)
	require.Contains(t, refusal(t, err).Reason, "androidAppId")
	_, err = event(t, s, `{"type":"page","anonymousId":"a","timestamp":"2026-08-30T00:00:00Z","properties":{"referrer":"https://x.example/"}}`)
	require.Equal(t, "no PageUrl", refusal(t, err).Reason)
	_, err = event(t, s, `{"type":"page","anonymousId":"a","timestamp":"2026-08-30T00:00:00Z","properties":{"url":"/relative"}}`)
	require.Contains(t, refusal(t, err).Reason, "absolute")
}

func TestIPs(t *testing.T) {
	t.Parallel()
	for ip, want := range map[string]string{
		"8.8.8.8": "8.8.8.8", "::ffff:8.8.8.8": "8.8.8.8", "2a00:1450:4001::1": "2a00:1450:4001::1",
		"10.1.2.3": "", "127.0.0.1": "", "169.254.1.1": "", "100.64.1.1": "", "::1": "", "fe80::1%eth0": "", "fd00::1": "", "no": "", "0.0.0.0": "",
	} {
		out, _ := publicIP(ip)
		require.Equal(t, want, out, ip)
	}
}
