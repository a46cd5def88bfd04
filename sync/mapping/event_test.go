package mapping

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/segment"
)

var update = flag.Bool("update", false, "write the golden files and docs/mapping.md anew")

var now = time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)

// everything switches on whatever can be.
func everything() Settings {
	return Settings{
		CampaignID: "23224", IOSAppID: "101", AndroidAppID: "102", PageURL: "https://www.shop.example/",
		EnablePageEvents: true, EnableScreenEvents: true, EnableIdentifyEvents: true,
	}
}

func newMapper(t testing.TB, s Settings) *Mapper {
	t.Helper()
	m, err := New(s)
	require.NoError(t, err)
	return m
}

func decode(t testing.TB, line string) *segment.Message {
	t.Helper()
	m, err := new(segment.Decoder).Decode([]byte(line))
	require.NoError(t, err)
	return m
}

func event(t testing.TB, s Settings, line string) (Request, error) {
	t.Helper()
	return newMapper(t, s).Event(decode(t, line), Person{Now: now})
}

// order maps an Order Completed with the given properties.
func order(t testing.TB, s Settings, properties string) (Request, error) {
	t.Helper()
	return event(t, s, `{"type":"track","event":"Order Completed","messageId":"m-1","userId":"u-1","timestamp":"2026-08-30T00:00:00Z","properties":`+properties+`}`)
}

func value(t testing.TB, r Request, name string) string {
	t.Helper()
	text, _ := r.Params.Get(name)
	return text
}

func refusal(t testing.TB, err error) *Refusal {
	t.Helper()
	var r *Refusal
	require.ErrorAs(t, err, &r)
	return r
}

// show writes a request as a person would read it.
func show(route Route, r Request, err error) string {
	var b strings.Builder
	if route.Kind == None {
		return "nothing: " + route.Reason + "\n"
	}
	if err != nil {
		return "refused: " + err.Error() + "\n"
	}
	fmt.Fprintf(&b, "%s\n", route.Kind)
	for _, p := range r.Params {
		fmt.Fprintf(&b, "  %s = %s\n", p.Name, p.Value)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "  note: %s %s\n", n.Word, n.Parameter)
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "go test ./sync/mapping -update writes it")
	require.Equal(t, string(want), got)
}

func sampleLines(t testing.TB) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/messages.ndjson")
	require.NoError(t, err)
	var lines []string
	for scanner := bufio.NewScanner(bytes.NewReader(text)); scanner.Scan(); {
		lines = append(lines, scanner.Text())
	}
	return lines
}

func TestSamples(t *testing.T) {
	t.Parallel()
	m := newMapper(t, everything())
	var got strings.Builder
	for _, line := range sampleLines(t) {
		var note struct {
			Note string `json:"_note"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &note))
		msg := decode(t, line)
		r, err := m.Event(msg, Person{Now: now})
		fmt.Fprintf(&got, "# %s\n%s\n", note.Note, show(m.Route(msg), r, err))
	}
	golden(t, "messages.golden", got.String())
}

// segmentOrder is the sample of Segment's page for this destination.
const segmentOrder = `{"type":"track","event":"Order Completed","messageId":"m-1","userId":"u-1","anonymousId":"a-1",
 "timestamp":"2026-08-30T12:00:00.250Z","properties":{"checkout_id":"fksdjfsdjfisjf9sdfjsd9f",
 "order_id":"50314b8e9bcf000000000000","affiliation":"Google Store","total":27.50,"subtotal":22.50,"revenue":25.00,
 "shipping":3,"tax":2,"discount":2.5,"coupon":"hasbros","currency":"USD","products":[
 {"product_id":"507f1f77bcf86cd799439011","sku":"45790-32","name":"Monopoly: 3rd Edition","price":19,"quantity":1,"category":"Games"},
 {"product_id":"505bd76785ebb509fc183733","sku":"46493-32","name":"Uno Card Game","price":3,"quantity":2,"category":"Games"}]}}`

func TestSegmentsSampleOrder(t *testing.T) {
	t.Parallel()
	m := newMapper(t, everything())
	msg := decode(t, segmentOrder)
	r, err := m.Event(msg, Person{Now: now, ClickID: "last-click"})
	require.NoError(t, err)
	golden(t, "segment_order.golden", show(m.Route(msg), r, err))
	p := m.Prepare(msg)
	require.Equal(t, "Order Completed 50314b8e9bcf000000000000", p.EventType+" "+p.OrderID)
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	off := newMapper(t, Settings{CampaignID: "1"})
	on := newMapper(t, everything())
	for line, want := range map[string][2]Route{
		`{"type":"page"}`:                                  {{Reason: "page_events_off"}, {Kind: PageLoad}},
		`{"type":"screen"}`:                                {{Reason: "screen_events_off"}, {Kind: PageLoad}},
		`{"type":"identify"}`:                              {{Reason: "identify_events_off"}, {Kind: PageLoad}},
		`{"type":"group"}`:                                 {{Reason: "group"}, {Reason: "group"}},
		`{"type":"alias"}`:                                 {{Reason: "alias"}, {Reason: "alias"}},
		`{"type":"delete"}`:                                {{Reason: "delete"}, {Reason: "delete"}},
		`{"type":"other"}`:                                 {{Reason: "unknown_type"}, {Reason: "unknown_type"}},
		`{"type":"track","event":"Order Completed"}`:       {{Kind: Conversion}, {Kind: Conversion}},
		`{"type":"track","event":"Application Installed"}`: {{Kind: Install}, {Kind: Install}},
		`{"type":"track","event":"Application Opened"}`:    {{Kind: PageLoad}, {Kind: PageLoad}},
		`{"type":"track","event":"order completed"}`:       {{Kind: Conversion}, {Kind: Conversion}},
		`{"type":"track","event":"Order Canceled"}`:        {{Reason: "unlisted_event"}, {Reason: "unlisted_event"}},
		`{"type":"identify","context":{"personas":{"computation_class":"trait"}}}`:                           {{Reason: "trait"}, {Reason: "trait"}},
		`{"type":"track","event":"Order Completed","context":{"personas":{"computation_class":"audience"}}}`: {{Reason: "trait"}, {Reason: "trait"}},
	} {
		require.Equal(t, want[0], off.Route(decode(t, line)), line)
		require.Equal(t, want[1], on.Route(decode(t, line)), line)
	}
}

func TestAmounts(t *testing.T) {
	t.Parallel()
	for properties, want := range map[string]string{
		`{"order_id":"o","revenue":"39.95"}`:                       "39.95 USD",
		`{"order_id":"o","revenue":39.955,"currency":"eur"}`:       "39.96 EUR",
		`{"order_id":"o","subtotal":"1","revenue":2}`:              "1.00 USD",
		`{"order_id":"o","total":1000000,"currency":"JPY"}`:        "1000000 JPY",
		`{"order_id":"o","total":27.5,"tax":2,"shipping":3}`:       "22.50 USD",
		`{"order_id":"o","value":1e3}`:                             "1000.00 USD",
		`{"order_id":"o","revenue":0}`:                             "0.00 USD",
		`{"order_id":"o","revenue":"","value":5,"currency":" "}`:   "5.00 USD",
		`{"order_id":"o","revenue":5,"products":[{"sku":"a"},{}]}`: "5.00 USD",
	} {
		r, err := order(t, everything(), properties)
		require.NoError(t, err, properties)
		require.Equal(t, want, value(t, r, "Amount")+" "+value(t, r, "CurrencyCode"), properties)
	}
	for _, revenue := range []string{`-1`, `"-0.01"`, `NaN`, `1e40`, `"1,000"`, `"5%"`, `"Infinity"`, `{"amount":5}`, `[5]`, `true`, `99999999999999999`} {
		_, err := order(t, everything(), `{"order_id":"o","revenue":`+revenue+`}`)
		require.Contains(t, refusal(t, err).Reason, "Amount", revenue)
	}
	_, err := order(t, everything(), `{"order_id":"o","revenue":1,"currency":"Euro"}`)
	require.Contains(t, refusal(t, err).Reason, "CurrencyCode")
}

func TestSixtyProducts(t *testing.T) {
	t.Parallel()
	list := strings.Repeat(`{"sku":"s","price":1.005,"quantity":"2"},`, 60)
	r, err := order(t, everything(), `{"order_id":"o","products":[`+strings.TrimSuffix(list, ",")+`]}`)
	require.NoError(t, err)
	for i := 1; i <= 60; i++ {
		require.Equal(t, "1.01", value(t, r, fmt.Sprintf("ItemPrice%d", i)))
		require.Equal(t, "2", value(t, r, fmt.Sprintf("ItemQuantity%d", i)))
	}
	require.Empty(t, value(t, r, "ItemSku61")+value(t, r, "Amount"))
}

func TestProducts(t *testing.T) {
	t.Parallel()
	s := everything()
	s.CustomMappingForProducts = map[string]string{"ItemSku": "product_id", "ItemText_2": "extra.color", "ItemSubTotal": "line_total"}
	r, err := order(t, s, `{"order_id":"o","revenue":9,"products":[
		{"product_id":7.0,"sku":"s","price":2,"name":"A\nB","extra":{"color":"red"}},
		{"sku":"t","price":3,"quantity":1.5},{"sku":"u","price":9,"quantity":3,"line_total":"8"},{"price":0.004,"quantity":1e3}]}`)
	require.NoError(t, err)
	golden(t, "products.golden", show(Route{Kind: Conversion}, r, nil))
}

func TestOrdersWithoutAnID(t *testing.T) {
	t.Parallel()
	r, err := order(t, everything(), `{"plan":"free"}`)
	require.NoError(t, err)
	require.Equal(t, "m-1", value(t, r, "OrderId"))
	refuses := everything()
	refuses.MissingOrderID = MissingRefuse
	for _, properties := range []string{`{"revenue":5}`, `{"order_id":"","total":"5"}`, `{"order_id":null,"products":[{"price":1}]}`, `{"orderId":"ir_an_64_ts","products":[{"total":1}]}`} {
		r, err := order(t, everything(), properties)
		require.NoError(t, err)
		require.Equal(t, "m-1", value(t, r, "OrderId"))
		require.Contains(t, r.Notes, Note{NoteOrderID, "OrderId"})
		_, err = order(t, refuses, properties)
		require.Equal(t, &Refusal{Class: "order", Reason: "order without order_id and with money"}, refusal(t, err))
		p := newMapper(t, refuses).Prepare(decode(t, `{"type":"track","event":"Order Completed","properties":`+properties+`}`))
		require.Empty(t, p.EventType+p.OrderID)
	}
	r, err = order(t, everything(), `{"order_id":"`+strings.Repeat("x", 65)+`"}`)
	require.NoError(t, err)
	require.Len(t, value(t, r, "OrderId"), 32)
}

func TestTimestamps(t *testing.T) {
	t.Parallel()
	for fields, want := range map[string]string{
		`"timestamp":"2026-08-30T02:00:00.5+02:00"`:                    "2026-08-30T00:00:00.5Z",
		`"timestamp":"2026-08-30T00:00:00"`:                            "2026-08-30T00:00:00Z",
		`"timestamp":"bad","originalTimestamp":"2026-08-29T00:00:00Z"`: "2026-08-29T00:00:00Z",
		`"receivedAt":"2026-08-28T00:00:00Z"`:                          "2026-08-28T00:00:00Z",
		`"timestamp":"2027-01-01T00:00:00Z"`:                           "2026-09-01T00:00:00Z",
	} {
		r, err := event(t, everything(), `{"type":"page","anonymousId":"a","properties":{"url":"https://x.example/"},`+fields+`}`)
		require.NoError(t, err)
		require.Equal(t, want, value(t, r, "EventDate"), fields)
	}
	s := everything()
	s.CustomParameterMapping = map[string]string{"EventDate": "properties.at", "Date1": "timestamp"}
	for at, want := range map[string]string{
		"2026-08-19T00:00:00Z": "2026-08-19T00:00:00Z",
		"2026-08-21T00:00:00Z": "2026-08-20T00:00:00Z", // after it was received
		"1970-01-01T00:00:00Z": "2026-08-18T00:00:00Z",
		"soon":                 "2026-08-18T00:00:00Z",
	} {
		r, err := event(t, s, `{"type":"track","event":"Order Completed","userId":"u","timestamp":"2026-08-22T00:00:00Z","originalTimestamp":"2026-08-22T00:00:00Z",
			"sentAt":"2026-08-24T00:00:00Z","receivedAt":"2026-08-20T00:00:00Z","properties":{"order_id":"o","at":"`+at+`"}}`)
		require.NoError(t, err)
		require.Equal(t, want, value(t, r, "EventDate"), at)
		require.Equal(t, "2026-08-18T00:00:00Z", value(t, r, "Date1"))
	}
	_, err := event(t, everything(), `{"type":"page","anonymousId":"a","properties":{"url":"https://x.example/"}}`)
	require.Equal(t, "time", refusal(t, err).Class)
}

func TestIdentifiers(t *testing.T) {
	t.Parallel()
	page := func(fields string) (Request, error) {
		return event(t, everything(), `{"type":"page","timestamp":"2026-08-30T00:00:00Z","properties":{"url":"https://x.example/"},`+fields+`}`)
	}
	for _, fields := range []string{`"userId":null`, `"userId":"sam@x.example"`, `"traits":{"email":"sam@x.example"}`, `"anonymousId":"` + strings.Repeat("a", 71) + `"`} {
		_, err := page(fields)
		require.Equal(t, "identifier", refusal(t, err).Class, fields)
	}
	r, err := page(`"userId":"u","anonymousId":"` + strings.Repeat("a", 71) + `"`)
	require.NoError(t, err)
	require.Empty(t, value(t, r, "CustomProfileId"))
	require.Contains(t, r.Notes, Note{NoteTooLong, "CustomProfileId"})
	sha256 := strings.Repeat("AB", 32)
	r, err = page(`"userId":"u","traits":{"email":"` + sha256 + `"}`)
	require.NoError(t, err)
	require.Empty(t, value(t, r, "CustomerEmail"), "page loads take SHA-1 only")
	r, err = order(t, everything(), `{"order_id":"o","email":"`+sha256+`"}`)
	require.NoError(t, err)
	require.Equal(t, strings.ToLower(sha256), value(t, r, "CustomerEmail"))
}

func TestWhatIsPreparedOutlivesTheMessage(t *testing.T) {
	t.Parallel()
	m := newMapper(t, everything())
	var d segment.Decoder
	msg, err := d.Decode([]byte(strings.Replace(segmentOrder, `"coupon":"hasbros"`, `"url":"https://x.example/?im_ref=click-1"`, 1)))
	require.NoError(t, err)
	p := m.Prepare(msg)
	msg.Release()
	for range 3 {
		other, err := d.Decode([]byte(strings.Repeat(" ", 100) + sampleLines(t)[0]))
		require.NoError(t, err)
		m.Prepare(other)
		other.Release()
	}
	require.Equal(t, []string{"Order Completed", "50314b8e9bcf000000000000", "USD", "click-1"}, []string{p.EventType, p.OrderID, p.Currency, p.ClickID})
	require.True(t, json.Valid(p.Payload))
}

func TestAttributableThoughRefused(t *testing.T) {
	t.Parallel()
	m := newMapper(t, everything())
	for properties, want := range map[string]bool{
		`"coupon":"SAVE"`: true, `"coupon":"undefined"`: false, `"url":"https://x.example/?im_ref=A"`: true, `"sku":"A"`: false,
	} {
		msg := decode(t, `{"type":"track","event":"Order Completed","timestamp":"2026-08-30T00:00:00Z","properties":{"order_id":"o","revenue":"abc",`+properties+`}}`)
		_, err := m.Event(msg, Person{Now: now})
		require.ErrorContains(t, err, `revenue "abc"`)
		p := m.Prepare(msg)
		require.Contains(t, p.Refusal.Reason, `revenue "abc"`)
		require.Equal(t, want, p.Identified, properties)
	}
}
