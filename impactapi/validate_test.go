package impactapi

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	sha1Hex   = "0123456789abcdef0123456789abcdef01234567"
	sha256Hex = sha1Hex + "0123456789abcdef01234567"
)

// refusal is one change to a valid request and the field that must be named;
// blank for none.
type refusal struct {
	name        string
	param, with string
	field       string
}

func (r refusal) check(t *testing.T, base Params, validate func(Params) error) {
	t.Helper()
	set(&base, r.param, r.with)
	err := validate(base)
	if r.field == "" {
		require.NoError(t, err)
		return
	}
	var invalid *ValidationError
	require.ErrorAs(t, err, &invalid)
	var fields []string
	for _, f := range invalid.Fields {
		fields = append(fields, f.Field)
	}
	require.Contains(t, fields, r.field, "%v", err)
	require.False(t, Doubtful(err))
	require.False(t, Retryable(err))
}

func TestNewPageLoad(t *testing.T) {
	t.Parallel()
	require.NoError(t, validatePageLoad(validPageLoad()))
	for _, r := range []refusal{
		{"no campaign", "CampaignId", "", "CampaignId"},
		{"campaign in words", "CampaignId", "shop", "CampaignId"},
		{"no date", "EventDate", "", "EventDate"},
		{"now is not a time", "EventDate", "NOW", "EventDate"},
		{"time without a zone", "EventDate", "2026-11-01T12:00:00", "EventDate"},
		{"fraction of a second", "EventDate", "2026-11-01T12:00:00.123456789-08:00", ""},
		{"no page", "PageUrl", "", "PageUrl"},
		{"page without a scheme", "PageUrl", "www.example.com/", "PageUrl"},
		{"page of an app", "PageUrl", "app://view?sharedid=abcd", ""},
		{"page of two thousand characters", "PageUrl", "https://example.com/" + strings.Repeat("x", 2000), ""},
		{"page with a blank", "PageUrl", "https://example.com/a b", "PageUrl"},
		{"page with an address in it", "PageUrl", "https://example.com/?email=jane%40example.com", "PageUrl"},
		{"page with an @ that is no address", "PageUrl", "https://example.com/@jane/12@", ""},
		{"no identifier", "CustomProfileId", "", "CustomProfileId"},
		{"long profile id", "CustomProfileId", strings.Repeat("x", 71), "CustomProfileId"},
		{"profile id of 70 characters and more bytes", "CustomProfileId", strings.Repeat("ü", 70), ""},
		{"address as id", "CustomerId", "jane@example.com", "CustomerId"},
		{"address as e-mail", "CustomerEmail", "jane@example.com", "CustomerEmail"},
		{"SHA-1", "CustomerEmail", sha1Hex, ""},
		{"SHA-256", "CustomerEmail", sha256Hex, "CustomerEmail"},
		{"address of an intranet", "IpAddress", "10.0.0.1", ""},
		{"no address of a machine", "IpAddress", "localhost", "IpAddress"},
		{"consent in words", "TrackingConsent", "yes", "TrackingConsent"},
		{"trait", "vip", "true", ""},
		{"trait of 256 characters", "vip", strings.Repeat("x", 256), "vip"},
		{"trait that is not UTF-8", "vip", "\xff", "vip"},
		{"trait with an address", "friend", "bob@example.org", "friend"},
	} {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.check(t, validPageLoad(), validatePageLoad)
		})
	}

	t.Run("an app that was opened directly has no page", func(t *testing.T) {
		t.Parallel()
		p := validPageLoad()
		set(&p, "PageUrl", "")
		set(&p, "PropertyId", "1234")
		require.NoError(t, validatePageLoad(p))
	})
}

func TestNewConversion(t *testing.T) {
	t.Parallel()
	require.NoError(t, validateConversion(validConversion()))
	for _, r := range []refusal{
		{"no order", "OrderId", "", "OrderId"},
		{"long order", "OrderId", strings.Repeat("x", 65), "OrderId"},
		{"no event type", "EventTypeCode", "", "EventTypeId"},
		{"event type in words", "EventTypeId", "sale", "EventTypeId"},
		{"no attribution key", "CustomerId", "", "ClickId"},
		{"money in the account's currency", "Amount", "1.00", ""},
		{"currency in lower case", "CurrencyCode", "usd", "CurrencyCode"},
		{"amount with three places", "Amount", "1.005", "Amount"},
		{"amount with an exponent", "Amount", "1e3", "Amount"},
		{"negative amount", "Amount", "-1", "Amount"},
		{"amount that is no number", "Amount", "NaN", "Amount"},
		{"amount with an open end", "Amount", "1.", "Amount"},
		{"number below zero", "Numeric1", "-1.5", ""},
		{"date of one's own", "Date1", "2026-01-01", "Date1"},
		{"text of one's own", "Text50", strings.Repeat("x", 65), "Text50"},
		{"SHA-256", "CustomerEmail", sha256Hex, ""},
		{"half a hash", "CustomerEmail", sha1Hex[:39], "CustomerEmail"},
		{"sub id without a partner", "SubId1", "x", "MediaId"},
		{"unknown parameter", "OurOwn", "x", ""},
		{"unknown parameter, too long", "OurOwn", strings.Repeat("x", 256), "OurOwn"},
		{"country in words", "CountryCode", "USA", "CountryCode"},
	} {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.check(t, validConversion(), validateConversion)
		})
	}
	require.NoError(t, validateConversion(append(validConversion(), Param{"CurrencyCode", "KWD"}, Param{"Amount", "4.505"})), "it has three places")
	for _, r := range []refusal{
		{"price and quantity", "ItemQuantity1", "2", ""},
		{"three places in a currency of two", "ItemPrice1", "4.505", "ItemPrice1"},
		{"places in a currency that has none", "CurrencyCode", "JPY", "ItemPrice1"},
		{"price without quantity", "ItemSku2", "x", "ItemQuantity1"},
		{"price and subtotal", "ItemSubTotal1", "9", "ItemPrice1"},
		{"items and an order total", "Amount", "9", "Amount"},
		{"half an item", "ItemQuantity1", "0.5", "ItemQuantity1"},
	} {
		t.Run("items: "+r.name, func(t *testing.T) {
			t.Parallel()
			p := append(validConversion(), Param{"CurrencyCode", "EUR"}, Param{"ItemPrice1", "4.50"})
			if r.name == "items and an order total" || r.name == "price and subtotal" {
				p.Add("ItemQuantity1", "2")
			}
			r.check(t, p, validateConversion)
		})
	}

	t.Run("one order total", func(t *testing.T) {
		t.Parallel()
		p := append(validConversion(), Param{"CurrencyCode", "EUR"}, Param{"OrderSubTotalPostDiscount", "4.50"})
		require.NoError(t, validateConversion(p))
		require.ErrorContains(t, validateConversion(append(p, Param{"Amount", "4.50"})), "OrderSubTotalPostDiscount: must not be sent with Amount")
	})

	t.Run("every problem is named, and no value", func(t *testing.T) {
		t.Parallel()
		err := validateConversion(Params{{"CustomerId", "jane@example.com"}, {"Amount", "much"}})
		for _, want := range []string{"CampaignId", "EventDate", "OrderId", "EventTypeId", "CustomerId", "Amount"} {
			require.ErrorContains(t, err, want)
		}
		require.NotContains(t, err.Error(), "jane")
	})
}

func TestContainsEmail(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"jane@example.com", "mailto:jane.doe+x@mail.example.co.uk", "?e=jane%40example.com&x=1", "?e=jane%2540example.com",
		"jörg@exämple.de", "a@@b@example.com", "o'neil@example.com", `"a b"@example.com`,
		"user\uff20example.com", "user\ufe6bexample\uff0ecom", "User@example\u3002com", "user%EF%BC%A0example%2Ecom", "user%40example%252Ecom",
		"user&#64;example.com", "user&#x40;example.com", "user&commat;example.com", "user&amp;#64;example&period;com",
		"x@localhost", "x%2540localhost", "x@[192.0.2.1]", "x@[IPv6:2001:db8::1]",
		"x@LocalHost", "x@localhost_8080", "x@a.\u00e9", "\xff@b.com", "%40x@b.com", `x"a b"@example.com`, "a.@mail.example.com.1",
	} {
		require.True(t, ContainsEmail(s), s)
		for _, text := range []string{s, "write to " + s + " now"} {
			redacted := redactEmails(text)
			require.False(t, ContainsEmail(redacted), redacted)
			require.Contains(t, redacted, "[address]")
			require.NotContains(t, strings.ToLower(redacted), "user", "nothing of it stays")
			require.NotContains(t, redacted, "a b", "nothing of it stays")
		}
	}
	for _, s := range []string{
		"", "@", "jane@", "@example.com", "me@home", "x@localhosts", "/@jane/posts", "react@18.2.0", "10 @ 2.50", "a@b", "%40", "x%40y",
		"@handle", "a & b", "fish&chips", "x@[not an address]", "x@[192.0.2.1", "50\uff05", "\u3002", "rock&#39;n&#39;roll", "a&amp;b%2Ec",
	} {
		require.False(t, ContainsEmail(s), s)
		require.Equal(t, s, redactEmails(s), "what holds none stays as it is")
	}
}
