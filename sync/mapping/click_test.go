package mapping

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// clicks are bodies of messages and the click id that each carries.
var clicks = map[string]string{
	// Where it stands.
	`"properties":{"url":"https://x.example/?a=1&im_ref=Qii~WX%3A1+z#irclickid=no"}`:                         "Qii~WX:1 z",
	`"context":{"page":{"search":"?clickid=c&irclickid=b"}}`:                                                 "b",
	`"context":{"page":{"search":"im_ref=without"}}`:                                                         "without",
	`"properties":{"search":"?im_ref=s"}`:                                                                    "s",
	`"context":{"page":{"url":"https://x.example/#im_ref=A"}}`:                                               "A",
	`"context":{"page":{"url":"https://x.example/#/shop/1?im_ref=A&b=c"}}`:                                   "A",
	`"context":{"page":{"url":"https://x.example/?q=1#!/shop?x=y&irclickid=A"}}`:                             "A",
	`"context":{"page":{"url":"https://x.example/?q=1?im_ref=A"}}`:                                           "A",
	`"context":{"page":{"url":"https://x.example/?q=1&amp;im_ref=A&amp;r=2"}}`:                               "A",
	`"properties":{"url":"shop://product/1?im_ref=A"}`:                                                       "A",
	`"context":{"referrer":{"url":"https://x.example/?im_ref=A"}}`:                                           "A",
	`"context":{"referrer":{"link":"https://x.example/?im_ref=A"}}`:                                          "A",
	`"context":{"page":{"url":"https://x.example/cart","referrer":"https://x.example/?im_ref=A"}}`:           "A",
	`"properties":{"referrer":"https://x.example/#irclickid=A"}`:                                             "A",
	`"context":{"referrer":{"type":"impactRadius","id":"ref"},"page":{"url":"https://x.example/?im_ref=q"}}`: "ref",
	`"context":{"referrer":{"type":"IMPACTRADIUS","id":77123}}`:                                              "77123",
	`"context":{"referrer":{"type":" impactradius ","id":"ref"}}`:                                            "ref",
	`"context":{"referrer":{"type":"dataxu","id":"ref"}}`:                                                    "",
	`"properties":{"url":"https://x.example/im_ref=no"}`:                                                     "",
	`"properties":{"url":"https://x.example/im_ref=no?a=b"}`:                                                 "",
	// Its name.
	`"properties":{"url":"https://x.example/?xim_ref=no&im_refs=no&im_ref"}`: "",
	`"properties":{"url":"https://x.example/?IM_REF=A"}`:                     "A",
	`"properties":{"url":"https://x.example/?IrClickId=A"}`:                  "A",
	`"properties":{"url":"https://x.example/?ClickID=A"}`:                    "A",
	`"properties":{"url":"https://x.example/?im%5Fref=A"}`:                   "A",
	// Which of several.
	`"context":{"page":{"url":"https://x.example/?clickid=other","search":"?irclickid=B"},"referrer":{"url":"https://x.example/?im_ref=A"}}`: "A",
	`"context":{"page":{"url":"https://x.example/?clickid=other&irclickid=A"}}`:                                                              "A",
	`"context":{"page":{"url":"https://x.example/?irclickid=B#im_ref=A"}}`:                                                                   "A",
	`"context":{"page":{"url":"https://x.example/?im_ref=A","referrer":"https://x.example/?im_ref=before"}}`:                                 "A",
	`"context":{"page":{"url":"https://x.example/cart","referrer":"https://www.X.example/?ClickId=A"}}`:                                      "A",
	`"context":{"referrer":{"url":"https://x.example/#clickid=A"}}`:                                                                          "A",
	`"context":{"page":{"url":"https://x.example/","referrer":"https://network.example/?clickid=other&irclickid=A"}}`:                        "A",
	`"context":{"page":{"url":"https://x.example/","referrer":"https://network.example/?clickid=other"}}`:                                    "",
	// Placeholders take nobody's place.
	`"context":{"referrer":{"type":"impactRadius","id":"undefined"},"page":{"url":"https://x.example/?im_ref=A"}}`: "A",
	`"context":{"page":{"url":"https://x.example/?im_ref={clickid}&irclickid=A"}}`:                                 "A",
	`"context":{"page":{"url":"https://x.example/?im_ref=&im_ref=A"}}`:                                             "A",
	`"context":{"page":{"url":"https://x.example/?im_ref=%clickid%","search":"?im_ref=A"}}`:                        "A",
	`"properties":{"url":"https://x.example/?im_ref=%22undefined%22"}`:                                             "",
	`"properties":{"url":"https://x.example/?im_ref=''"}`:                                                          "",
	`"properties":{"url":"https://x.example/?im_ref=%7Bclickid%7D"}`:                                               "",
	`"properties":{"url":"https://x.example/?im_ref=%257Bclickid%257D"}`:                                           "",
	`"properties":{"url":"https://x.example/?im_ref=$CLICK_ID"}`:                                                   "",
	`"properties":{"url":"https://x.example/?im_ref={{click.id}}"}`:                                                "",
	`"properties":{"url":"https://x.example/?im_ref=%%CLICK_ID%%"}`:                                                "",
	`"properties":{"url":"https://x.example/?im_ref=NULL&irclickid=None&clickid=0"}`:                               "",
	`"properties":{"url":"https://x.example/?im_ref=im_ref"}`:                                                      "",
	`"properties":{"url":"https://x.example/?irclickid=impacttest"}`:                                               "impacttest",
	// What it may be.
	`"properties":{"url":"https://x.example/?im_ref=Qii%257EWX%253A1"}`:                                    "Qii~WX:1",
	`"properties":{"url":"https://x.example/?im_ref=a%2Bb"}`:                                               "a+b",
	`"properties":{"url":"https://x.example/?im_ref=%20A%0A"}`:                                             "A",
	`"properties":{"url":"https://x.example/?im_ref=a%00b"}`:                                               "",
	`"properties":{"url":"https://x.example/?im_ref=a%FFb"}`:                                               "",
	`"properties":{"url":"https://x.example/?im_ref=a\ud83d"}`:                                             "",
	`"properties":{"url":"https://x.example/?im_ref=a%40b.example"}`:                                       "",
	`"properties":{"url":"https://x.example/?im_ref=` + strings.Repeat("x", 64) + `"}`:                     strings.Repeat("x", 64),
	`"properties":{"url":"https://x.example/?im_ref=` + strings.Repeat("x", 65) + `"}`:                     "",
	`"properties":{"url":"https://x.example/?im_ref=` + strings.Repeat("x", 65) + `&im_ref=A"}`:            "A",
	`"properties":{"url":"https://x.example/?p=` + strings.Repeat("x", maxValue-35) + `&im_ref=ABCDEFGH"}`: "",
}

func clickMessages() (lines []string) {
	for body := range clicks {
		lines = append(lines, `{"type":"page","anonymousId":"a","timestamp":"2026-08-30T00:00:00Z",`+body+`}`)
	}
	return lines
}

func TestClickIDs(t *testing.T) {
	t.Parallel()
	m := newMapper(t, everything())
	for body, want := range clicks {
		msg := decode(t, `{"type":"page",`+body+`}`)
		require.Equal(t, want, m.Prepare(msg).ClickID, body)
	}
}

func TestPlaceholdersAreNoClickIDs(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"@clickid@", "!!CLICK!!", ":clickid", "(clickid)", "click_id", "YOUR_CLICK_ID", "your-irclickid", "<%= click %>", "{{clickid", "clickid}",
		"{click_id}xx", "$CLICK_ID_1", "\u201cundefined\u201d", "null\u200b", "undefined/", "None;", "((null))",
	} {
		require.Empty(t, clickText(text), text)
	}
	for _, text := range []string{"click-1", "nullA", "0-1", "Qii~WX:1", "ok", "3:clickid:2"} {
		require.Equal(t, text, clickText(text))
	}
}

func TestNamesOfClickIDs(t *testing.T) {
	t.Parallel()
	s := everything()
	s.ClickIDNames = []string{"Cid", "im_ref", "clickid"}
	m := newMapper(t, s)
	for url, want := range map[string]string{
		"?cid=A": "A", "#CID=A": "A", "?cid=B&im_ref=A": "A", "?cid=B&irclickid=A": "A", "?clickid=B&cid=A": "A", "?cid=null&clickid=A": "A",
	} {
		p := m.Prepare(decode(t, `{"type":"page","context":{"page":{"referrer":"https://x.example/`+url+`"}}}`))
		require.Equal(t, want, p.ClickID, url)
		require.True(t, p.ClickSure, "the settings say that clickid is impact.com's")
	}
	p := newMapper(t, everything()).Prepare(decode(t, `{"type":"page","properties":{"url":"https://x.example/?clickid=A"}}`))
	require.Equal(t, "A", p.ClickID)
	require.False(t, p.ClickSure)
}

func TestMappedClickIDs(t *testing.T) {
	t.Parallel()
	s := everything()
	s.CustomParameterMapping = map[string]string{"ClickId": "properties.irclickid"}
	m := newMapper(t, s)
	for text, want := range map[string]string{
		`"PROP"`: "PROP", `12345`: "12345", `"Qii%7EWX%3A1"`: "Qii~WX:1",
		`""`: "url", `null`: "url", `"undefined"`: "url", `"{clickid}"`: "url", `"%CLICKID%"`: "url", `{}`: "url",
		`"` + strings.Repeat("x", 65) + `"`: "url",
	} {
		msg := decode(t, `{"type":"track","event":"Order Completed","timestamp":"2026-08-30T00:00:00Z","context":{"page":{"url":"https://x.example/?im_ref=url"}},"properties":{"order_id":"o","irclickid":`+text+`}}`)
		p := m.Prepare(msg)
		require.Equal(t, want, p.ClickID, text)
		require.True(t, p.ClickSure)
		r, err := m.Event(msg, Person{Now: now, ClickID: "last", ClickSure: true})
		require.NoError(t, err)
		require.Equal(t, want, value(t, r, "ClickId"), text)
	}
}

func TestWhichClickAConversionCarries(t *testing.T) {
	t.Parallel()
	m := newMapper(t, everything())
	for _, c := range []struct{ url, last, want string }{
		{"", "last", "last"},
		{"?im_ref=own", "last", "own"},
		{"?clickid=own", "", "own"},
		{"?clickid=other", "last", "last"},
		{"?clickid=own", "undefined", "own"},
		{"?im_ref=undefined", "last", "last"},
		{"", "{clickid}", ""},
	} {
		msg := decode(t, `{"type":"track","event":"Order Completed","userId":"u","timestamp":"2026-08-30T00:00:00Z","context":{"page":{"url":"https://x.example/`+c.url+`"}},"properties":{"order_id":"o"}}`)
		r, err := m.Event(msg, Person{Now: now, ClickID: c.last, ClickSure: true})
		require.NoError(t, err)
		require.Equal(t, c.want, value(t, r, "ClickId"), c)
	}
	r, err := order(t, everything(), `{"order_id":"o","url":"https://x.example/?clickid=own"}`)
	require.NoError(t, err)
	require.Equal(t, "own", value(t, r, "ClickId"))
	msg := decode(t, `{"type":"track","event":"Order Completed","userId":"u","timestamp":"2026-08-30T00:00:00Z","properties":{"order_id":"o","url":"https://x.example/?clickid=newer"}}`)
	r, err = m.Event(msg, Person{Now: now, ClickID: "older"})
	require.NoError(t, err)
	require.Equal(t, "newer", value(t, r, "ClickId"), "of an account whose parameter is clickid")
	r, err = m.Event(decode(t, segmentOrder), Person{Now: now, ClickID: "last"})
	require.NoError(t, err)
	require.Equal(t, "last", value(t, r, "ClickId"))
}

func TestGuests(t *testing.T) {
	t.Parallel()
	for fields, reason := range map[string]string{
		`"context":{"page":{"url":"https://x.example/?im_ref=A"}},"properties":{"order_id":"o"}`:        "",
		`"userId":"guest","anonymousId":"undefined","properties":{"order_id":"o","coupon":"PARTNER10"}`: "",
		`"properties":{"order_id":"o"}`: "no identifier",
		`"properties":{"order_id":"o","url":"https://x.example/?im_ref=` + strings.Repeat("x", 65) + `"}`: "no identifier: the ones there are too long",
		`"properties":{"order_id":"o","coupon":"undefined"}`:                                              "no identifier",
	} {
		_, err := event(t, everything(), `{"type":"track","event":"Order Completed","timestamp":"2026-08-30T00:00:00Z",`+fields+`}`)
		if reason == "" {
			require.NoError(t, err, fields)
			continue
		}
		require.Equal(t, &Refusal{Class: "identifier", Reason: reason}, refusal(t, err), fields)
	}
	_, err := event(t, everything(), `{"type":"page","timestamp":"2026-08-30T00:00:00Z","context":{"page":{"url":"https://x.example/?im_ref=A"}}}`)
	require.NoError(t, err, "a click id is an identifier of a page load")
}
