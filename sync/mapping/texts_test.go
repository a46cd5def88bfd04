package mapping

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/money"
	"github.com/impactsync/impactsync/sync/segment"
)

func TestTextsLeaveClean(t *testing.T) {
	t.Parallel()
	s := everything()
	s.CustomParameterMapping = map[string]string{"Text1": "properties.note", "CustomClickId": "properties.other"}
	m := newMapper(t, s)
	msg := decode(t, `{"type":"track","event":"Order Completed","userId":"u-1","anonymousId":"a\ud83d","timestamp":"2026-08-30T00:00:00Z",
		"context":{"userAgent":"A\u0085B","traits":{"status":"New\ud83d","address":{"city":"S\u0000\u009bo"}}},
		"properties":{"order_id":"A-1\udc00","note":"\ud83d\ude00 \ude00","other":"a\u0081b","coupon":"TEN\ud83d","products":[{"sku":"1\ud83d","name":"Shirt\n\u0007","brand":"\uD83D","price":1}]}}`)
	for range 2 {
		r, err := m.Event(msg, Person{Now: now})
		require.NoError(t, err)
		require.Equal(t, "u-1", value(t, r, "CustomerId"))
		require.Empty(t, value(t, r, "CustomProfileId")+value(t, r, "CustomClickId"), "an id that could not be read is none")
		for name, want := range map[string]string{
			"UserAgent": "A B", "CustomerStatus": "New", "CustomerCity": "S  o", "OrderId": "A-1", "Text1": "😀", "OrderPromoCode": "TEN", "ItemSku1": "1", "ItemName1": "Shirt",
		} {
			require.Equal(t, want, value(t, r, name), name)
		}
		for _, p := range r.Params {
			require.NotContains(t, p.Value, `\u`, p.Name)
			require.Equal(t, segment.CleanText(p.Value), p.Value, p.Name)
		}
		msg = decode(t, string(m.reduce(nil, msg))) // and so it does of what was kept
	}
	update, err := m.Trait(TraitUpdate{Identity: segment.Identity{UserID: "u"}, At: now, Now: now, Values: []TraitValue{{"city", "a\x00\u0085\ufffdb"}}})
	require.NoError(t, err)
	require.Equal(t, "a   b", value(t, update, "city"))
	page, err := event(t, everything(), `{"type":"page","anonymousId":"a","timestamp":"2026-08-30T00:00:00Z","properties":{"url":"https://x.example/a\u0085b c\ud83d"}}`)
	require.NoError(t, err)
	require.Equal(t, "https://x.example/a%20b%20c", value(t, page, "PageUrl"))
	require.Error(t, CheckTraitKey("a\u0085"))
}

func TestTextsAreCutBetweenCharacters(t *testing.T) {
	t.Parallel()
	for _, text := range []string{strings.Repeat("😀", 300), "x" + strings.Repeat("é", 5000), strings.Repeat("東", 4000)} {
		quoted, _ := json.Marshal(text)
		r, err := order(t, everything(), `{"order_id":"o","products":[{"price":1,"name":`+string(quoted)+`}]}`)
		require.NoError(t, err)
		name := value(t, r, "ItemName1")
		require.True(t, utf8.ValidString(name))
		require.Equal(t, 255, utf8.RuneCountInString(name))
		require.True(t, strings.HasPrefix(text, name))
	}
}

func TestEventNamesWithACommaGoWithoutIt(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Order, Completed": "Order Completed", "Order,Completed": "OrderCompleted", "a, b, c": "a b, c", // as impact.com's function: the first alone
	} {
		s := everything()
		s.ActionEventNames = []string{name}
		m := newMapper(t, s)
		msg := decode(t, `{"type":"track","event":"`+name+`","userId":"u","timestamp":"2026-08-30T00:00:00Z","properties":{"order_id":"o"}}`)
		r, err := m.Event(msg, Person{Now: now})
		require.NoError(t, err)
		require.Equal(t, want, value(t, r, "EventTypeCode"))
		require.Equal(t, want, m.Prepare(msg).EventType, "one order under the name that impact.com sees")
	}
}

func TestTheAccountsOwnCurrency(t *testing.T) {
	t.Parallel()
	s := everything()
	s.AccountCurrency = true
	for properties, want := range map[string]string{
		`{"order_id":"o","revenue":5}`:                               "",
		`{"order_id":"o","revenue":5,"currency":""}`:                 "",
		`{"order_id":"o","revenue":5,"currency":"eur"}`:              "EUR",
		`{"order_id":"o","products":[{"price":2,"quantity":2}]}`:     "",
		`{"order_id":"o","products":[{"price":2}],"currency":"GBP"}`: "GBP",
	} {
		r, err := order(t, s, properties)
		require.NoError(t, err, properties)
		require.Equal(t, want, value(t, r, "CurrencyCode"), properties)
	}
	p := newMapper(t, s).Prepare(decode(t, `{"type":"track","event":"Order Completed","properties":{"order_id":"o","revenue":5}}`))
	require.Equal(t, 5*money.Unit, p.Amount)
	require.NotEmpty(t, p.Currency, "the guard counts it all the same")
}

func TestUndocumentedParameters(t *testing.T) {
	t.Parallel()
	const context = `"userId":"u","timestamp":"2026-08-30T00:00:00Z","context":{"app":{"name":"Shop"},"device":{"type":"ios","adTrackingEnabled":true},"os":{"name":"iOS","version":"18.1"},
		"locale":"de-AT","network":{"carrier":"A1"},"location":{"latitude":48.2,"longitude":"east"}}`
	conversion := `{"type":"track","event":"Order Completed",` + context + `,"properties":{"order_id":"o"}}`
	page := `{"type":"track","event":"Application Opened",` + context + `}`
	s := everything()
	for _, line := range []string{conversion, page} {
		r, err := event(t, s, line)
		require.NoError(t, err)
		for _, name := range Undocumented() {
			if name != "AppName" || line == conversion {
				require.Empty(t, value(t, r, name), "off by default")
			}
		}
	}
	require.NotContains(t, string(newMapper(t, s).reduce(nil, decode(t, conversion))), "48.2", "what is not sent is not kept")

	s.UndocumentedParameters, s.Version = Undocumented(), "v1"
	for _, line := range []string{conversion, page} {
		r, err := event(t, s, line)
		require.NoError(t, err)
		for name, want := range map[string]string{
			"AppName": "Shop", "AppleAdTrack": "true", "DeviceCarrier": "A1", "DeviceLocale": "de-AT", "DeviceOs": "ios", "DeviceOsVer": "18.1",
			"IntegrationSource": "impactsync", "IntegrationVersion": "v1", "Latitude": "48.2", "Longitude": "", "MobileApp": "true",
		} {
			require.Equal(t, want, value(t, r, name), name)
		}
	}
	s.UndocumentedParameters = []string{"Latitude"}
	s.CustomParameterMapping = map[string]string{"DeviceOs": "context.os.name"}
	r, err := event(t, s, conversion)
	require.NoError(t, err)
	require.Equal(t, "48.2 iOS ", value(t, r, "Latitude")+" "+value(t, r, "DeviceOs")+" "+value(t, r, "DeviceOsVer"))
}
