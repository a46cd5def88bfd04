package mapping

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/segment"
)

// custom reads from every odd corner, for the laws of Reduce.
func custom() Settings {
	s := everything()
	s.CustomParameterMapping = map[string]string{
		"CustomerStatus": "properties.customer_status", "Text1": "traits.vip", "Text2": "userId", "Text3": "messageId",
		"Text4": "properties.email", "Text5": "properties.products.1.name", "Text6": "properties.1.a.b", "Note": "context.note",
		"Date1": "properties.when", "Text7": "timestamp.foo", "Text8": "receivedAt", "Text9": "timestamp", "Text10": "originalTimestamp", "Text11": "sentAt", "Numeric1": "properties.n", "EventDate": "properties.completed_at", "LocationName": "zeta.x", "ClickId": "properties.cid",
	}
	s.ClickIDNames = []string{"cid"}
	s.UndocumentedParameters = Undocumented()
	s.CustomMappingForProducts = map[string]string{"ItemMpn": "ids.0.mpn", "ItemSku": "product_id"}
	return s
}

func requireSameRequest(t *testing.T, m *Mapper, d *segment.Decoder, line []byte) {
	t.Helper()
	msg, err := d.Decode(line)
	if err != nil {
		return
	}
	defer msg.Release()
	reduced := m.reduce(nil, msg)
	again, err := d.Decode(reduced)
	require.NoError(t, err, "%s", reduced)
	defer again.Release()
	if msg.IsEngage() {
		return
	}
	require.Equal(t, m.Route(msg), m.Route(again))
	traits := func(key string) (string, bool) { return "state:" + key, key == "vip" }
	want, wantErr := m.Event(msg, Person{Now: now, Traits: traits})
	got, gotErr := m.Event(again, Person{Now: now, Traits: traits})
	require.Equal(t, wantErr, gotErr, "%s", reduced)
	require.Equal(t, want.Kind, got.Kind, "%s", reduced)
	require.Equal(t, want.Params, got.Params, "%s", reduced)
	require.Equal(t, want.Notes, got.Notes, "%s", reduced)
	require.Equal(t, string(reduced), string(m.reduce(nil, again)), "reducing again changes nothing")
	require.Equal(t, m.Prepare(msg), m.Prepare(again), "%s", reduced)
	var all any
	require.NoError(t, json.Unmarshal(reduced, &all))
	requireNoEmail(t, all)
	for _, p := range got.Params {
		require.False(t, impactapi.ContainsEmail(p.Value), "%s", p.Name)
	}
}

// requireNoEmail looks at each text by itself: over several, quotes make an address of
// what is none ("anonymousId":"@b.e").
func requireNoEmail(t *testing.T, v any) {
	t.Helper()
	switch v := v.(type) {
	case string:
		require.False(t, segment.HoldsEmail(v), "%q", v)
	case []any:
		for _, one := range v {
			requireNoEmail(t, one)
		}
	case map[string]any:
		for key, one := range v {
			requireNoEmail(t, key)
			requireNoEmail(t, one)
		}
	}
}

func TestReducedMessageGivesTheSameRequest(t *testing.T) {
	t.Parallel()
	var d segment.Decoder
	for _, m := range []*Mapper{newMapper(t, everything()), newMapper(t, custom())} {
		for _, line := range append(append(sampleLines(t), segmentOrder, oddMessage), clickMessages()...) {
			requireSameRequest(t, m, &d, []byte(line))
		}
		for _, times := range oddTimes {
			requireSameRequest(t, m, &d, []byte(strings.Replace(oddMessage, `"timestamp":"2026-08-30T00:00:00Z"`, times, 1)))
		}
	}
}

var oddTimes = []string{
	`"timestamp":"1970-01-01T00:00:00Z","receivedAt":"2026-08-30T00:00:00Z"`,
	`"timestamp":1787788800,"receivedAt":"soon"`,
	`"timestamp":{"foo":"a part"},"sentAt":"2026-08-20T00:00:00Z"`,
	`"timestamp":"2026-08-30T10:00:00Z","originalTimestamp":"2026-08-30T10:00:00Z","sentAt":"2026-08-30T11:00:00Z","receivedAt":"2026-08-20T00:00:00Z"`,
	`"timestamp":"2026-08-25","originalTimestamp":"2026-08-25","sentAt":"2026-08-30T11:00:00Z","receivedAt":"2026-08-28T00:00:00Z"`,
}

// oddMessage has something at every path that custom reads.
const oddMessage = `{"type":"track","event":"Order Completed","userId":12,"anonymousId":"a@b.example","timestamp":"2026-08-30T00:00:00Z",
 "zeta":{"x":"shared"},"traits":{"vip":false,"email":"c@d.example"},
 "context":{"note":"ask c@d.example \n please","ip":"10.0.0.1","page":{"url":"https://x.example/?e=a%40b.example&im_ref=Z"}},
 "properties":{"1":{"a":{"b":"deep"}},"email":"c@d.example","customer_status":"Existing","when":"2026-01-01","n":"-1.005",
 "completed_at":"2026-08-29T00:00:00Z","order_id":"o","revenue":1,"currency":"gbp","products":[{"price":1,"ids":[{"mpn":"m"}]},{"name":"second"}]}}`

func TestReduceKeepsNoMoreThanItMust(t *testing.T) {
	t.Parallel()
	msg := decode(t, `{"type":"page","userId":"sam@x.example","anonymousId":"a","writeKey":"secret","context":{"ip":"8.8.8.8","library":{"name":"x"},
		"traits":{"email":"sam@x.example","phone":"555"}},"properties":{"url":"https://x.example/?email=sam%40x.example&x=1","title":"Secret"},"timestamp":"2026-08-30T00:00:00Z"}`)
	reduced := string(newMapper(t, everything()).reduce(nil, msg))
	for _, gone := range []string{"sam", "secret", "Secret", "555", "library"} {
		require.NotContains(t, reduced, gone)
	}
	require.Contains(t, reduced, "https://x.example/?email=&x=1")
}

func TestReduceBoundsProductsAndTexts(t *testing.T) {
	t.Parallel()
	var d segment.Decoder
	m := newMapper(t, everything())
	line := `{"type":"track","event":"Order Completed","userId":"u","messageId":"m","timestamp":"2026-08-30T00:00:00Z","context":{"userAgent":"` + strings.Repeat("ü", 9000) +
		`"},"properties":{"order_id":"o","products":[` + strings.Repeat(`{"price":1,"junk":"`+strings.Repeat("j", 100)+`"},`, 999) + `{"price":1}]}}`
	requireSameRequest(t, m, &d, []byte(line))
	msg := decode(t, line)
	require.Less(t, len(m.reduce(nil, msg)), 20_000)
	_, err := m.Event(msg, Person{Now: now})
	require.Equal(t, "more than 500 products", refusal(t, err).Reason)
}

func FuzzReduce(f *testing.F) {
	for _, line := range append(append(sampleLines(f), segmentOrder, oddMessage), clickMessages()...) {
		f.Add([]byte(line))
	}
	plain, odd := newMapper(f, everything()), newMapper(f, custom())
	var d segment.Decoder
	f.Fuzz(func(t *testing.T, line []byte) {
		requireSameRequest(t, plain, &d, line)
		requireSameRequest(t, odd, &d, line)
	})
}
