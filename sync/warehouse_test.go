package sync_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi/sandbox"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/mapping"
	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source/warehouse"
	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/sqlengine/enginetest"
	"github.com/impactsync/impactsync/sync/sqlengine/postgres"
)

// dwh is a warehouse as Segment fills it
// (https://segment.com/docs/connections/storage/warehouses/schema/).
type dwh struct {
	t      *testing.T
	server *enginetest.Postgres
	tables map[string][]map[string]any // rows by table
}

// add takes a message, as one row or, of a track call, as two.
func (d *dwh) add(line string) {
	d.t.Helper()
	var m map[string]any
	decoder := json.NewDecoder(strings.NewReader(line))
	decoder.UseNumber()
	require.NoError(d.t, decoder.Decode(&m))
	row := map[string]any{"uuid_ts": m["receivedAt"]}
	for key, column := range map[string]string{
		"messageId": "id", "userId": "user_id", "anonymousId": "anonymous_id", "timestamp": "timestamp", "originalTimestamp": "original_timestamp", "sentAt": "sent_at", "receivedAt": "received_at",
	} {
		row[column] = m[key]
	}
	flatten(row, "context_", m["context"])
	own := func(key string) map[string]any {
		with := maps.Clone(row)
		flatten(with, "", m[key])
		return with
	}
	switch m["type"] {
	case "page", "screen":
		with := own("properties")
		with["name"] = m["name"]
		d.put(m["type"].(string)+"s", with)
	case "identify":
		d.put("identifies", own("traits"))
	case "group":
		d.put("groups", own("traits"))
	case "track":
		row["event_text"], row["event"] = m["event"], segment.WarehouseName(m["event"].(string))
		d.put("tracks", row)
		d.put(row["event"].(string), own("properties"))
	}
}

func (d *dwh) put(table string, row map[string]any) { d.tables[table] = append(d.tables[table], row) }

// flatten puts an object's values into columns. An object that holds an array is a text.
func flatten(row map[string]any, prefix string, v any) {
	object, _ := v.(map[string]any)
	for key, value := range object {
		column := prefix + segment.WarehouseName(key)
		text, _ := json.Marshal(value)
		switch value.(type) {
		case map[string]any:
			if bytes.Contains(text, []byte("[")) {
				row[column] = string(text)
			} else {
				flatten(row, column+"_", value)
			}
		case []any:
			row[column] = string(text)
		default:
			if _, common := row[column]; !common {
				row[column] = value
			}
		}
	}
}

// typeOf returns the type of a column: that of its first value.
func typeOf(column string, rows []map[string]any) string {
	if column == "received_at" || column == "sent_at" || column == "timestamp" || column == "original_timestamp" || column == "uuid_ts" {
		return "timestamptz"
	}
	for _, row := range rows {
		switch v := row[column].(type) {
		case bool:
			return "boolean"
		case json.Number:
			if strings.ContainsAny(v.String(), ".eE") {
				return "double precision"
			}
			return "bigint"
		case string:
			return "text"
		}
	}
	return ""
}

// store makes the tables of a schema anew.
func (d *dwh) store(schema string) {
	d.t.Helper()
	d.server.Exec(d.t, "DROP SCHEMA IF EXISTS "+schema+" CASCADE", "CREATE SCHEMA "+schema)
	for table, rows := range d.tables {
		columns := map[string]string{}
		for _, row := range rows {
			for name := range row {
				if typ := typeOf(name, rows); typ != "" {
					columns[name] = typ
				}
			}
		}
		names := slices.Sorted(maps.Keys(columns))
		defined := make([]string, len(names))
		for i, name := range names {
			defined[i] = `"` + name + `" ` + columns[name]
		}
		full := schema + `."` + table + `"`
		d.server.Exec(d.t, "CREATE TABLE "+full+" ("+strings.Join(defined, ", ")+")")
		for _, row := range rows {
			values := make([]string, len(names))
			for i, name := range names {
				if values[i] = "NULL"; row[name] != nil {
					values[i] = "'" + strings.ReplaceAll(fmt.Sprint(row[name]), "'", "''") + "'"
				}
			}
			d.server.Exec(d.t, `INSERT INTO `+full+` VALUES (`+strings.Join(values, ", ")+`)`)
		}
	}
}

// source returns the warehouse as a source of messages.
func (d *dwh) source(w *world, schema string) impactsync.Feed {
	d.t.Helper()
	e, err := postgres.Open(sqlengine.Config{DSN: d.server.DSN, Timeout: time.Minute})
	require.NoError(d.t, err)
	m, err := mapping.New(w.mapping)
	require.NoError(d.t, err)
	r := m.Reads()
	s := warehouse.NewMessages(warehouse.MessagesConfig{
		Name: "web", Engine: e, Schemas: []string{schema}, Overlap: time.Hour, MaxAge: 720 * time.Hour,
		Reads: warehouse.Reads{Types: r.Types, Events: r.Events, Refunds: r.Refunds, Paths: r.Paths, ClickURLs: r.ClickURLs, ClickIDs: r.ClickIDs},
	})
	d.t.Cleanup(func() { require.NoError(d.t, s.Close()) })
	return impactsync.Feed{Source: s}
}

// messagesOfAShop are messages of every kind, without their times.
var messagesOfAShop = []string{
	`{"type":"page","messageId":"m1","anonymousId":"a1","name":"Home","properties":{"path":"/","url":"https://shop.example/?irclickid=abc","title":"O'Home"},"context":{"ip":"8.8.8.8","userAgent":"Mozilla/5.0 \"x\"","page":{"path":"/","url":"https://shop.example/?irclickid=abc","search":"?irclickid=abc","referrer":"https://blog.example/"},"campaign":{"name":"c"}}}`,
	`{"type":"identify","messageId":"m2","anonymousId":"a1","userId":"u1","traits":{"email":"ann@example.com","plan":"gold","address":{"city":"Bonn","postalCode":"53111"}},"context":{"page":{"url":"https://shop.example/login"}}}`,
	`{"type":"track","event":"Order Completed","messageId":"m3","userId":"u1","properties":{"order_id":"o1","revenue":22.5,"subtotal":22.5,"tax":1.1,"currency":"EUR","coupon":"TEN","products":[{"sku":"s1","name":"Sock [red]","price":10,"quantity":2},{"sku":"s2","price":"2.50","quantity":1}]},"context":{"traits":{"email":"ann@example.com","address":{"city":"Bonn","postalCode":"53111","country":"DE"}}}}`,
	`{"type":"track","event":"Order Completed","messageId":"m4","userId":"u3","properties":{"orderId":"o2","total":"39.95","shipping":"5.00","currency":"USD","gift":true},"context":{"device":{"adTrackingEnabled":true}}}`,
	`{"type":"track","event":"Product Viewed","messageId":"m5","anonymousId":"a2","userId":"u2","properties":{"sku":"s1"},"context":{"page":{"url":"https://shop.example/p?im_ref=zzz"}}}`,
	`{"type":"track","event":"Product Viewed","messageId":"m6","anonymousId":"a9","properties":{"sku":"s9"},"context":{"page":{"url":"https://shop.example/p"}}}`,
	`{"type":"track","event":"Order Completed","messageId":"m7","userId":"u2","properties":{"order_id":"o3","products":"[{\"sku\":\"s3\",\"price\":7,\"quantity\":3}]","currency":"USD","cart":{"total":21,"lines":[1,2]}},"context":{}}`,
	`{"type":"track","event":"Application Opened","messageId":"m8","anonymousId":"d1","properties":{"version":"1"},"context":{"os":{"name":"iOS"},"app":{"name":"Shop","namespace":"com.shop","version":"2.0"},"device":{"id":"IFV-1","advertisingId":"IFA-1","manufacturer":"Apple","model":"iPhone7,2"},"userAgent":"Shop/2"}}`,
	`{"type":"screen","messageId":"m9","anonymousId":"d1","userId":"u4","name":"Cart","properties":{"variation":"blue"},"context":{"os":{"name":"iOS"},"device":{"id":"IFV-1"}}}`,
	`{"type":"group","messageId":"m10","anonymousId":"a5","userId":"u5","groupId":"g1","traits":{"name":"Initech"},"context":{}}`,
	`{"type":"page","messageId":"m11","anonymousId":"a5","properties":{"url":"https://shop.example/?irclickid=five"},"context":{"page":{"url":"https://shop.example/?irclickid=five"}}}`,
	`{"type":"track","event":"ORDER COMPLETED","messageId":"m12","userId":"u5","properties":{"order_id":"o5","value":"1200.5","currency":"USD"},"context":{}}`,
	`{"type":"track","event":"Order Completed","messageId":"m3","userId":"u1","properties":{"order_id":"o1","revenue":22.5,"currency":"EUR"},"context":{}}`,
	`{"type":"track","event":"Order Completed","messageId":"m13","userId":"u6","properties":{"order_id":"o6","products":"[507f1, 505bd]","currency":"USD"},"context":{}}`,
}

// stamped returns messages with times, a minute apart.
func stamped(messages []string, first time.Time) []string {
	out := make([]string, len(messages))
	for i, m := range messages {
		at := first.Add(time.Duration(i) * time.Minute).Format("2006-01-02T15:04:05.000Z")
		out[i] = strings.TrimSuffix(m, "}") + fmt.Sprintf(`,"timestamp":%[1]q,"originalTimestamp":%[1]q,"sentAt":%[1]q,"receivedAt":%[1]q}`, at)
	}
	return out
}

// forms returns all calls, in an order of their own.
func forms(s *sandbox.Sandbox) []string {
	var all []string
	for _, c := range s.Calls() {
		line := c.Path
		for _, p := range c.Form {
			line += "\n " + p.Name + "=" + p.Value
		}
		all = append(all, line)
	}
	slices.Sort(all)
	return all
}

func shopOf(t *testing.T) *world {
	t.Helper()
	w := setup(t, sandbox.Config{})
	w.mapping.EnableScreenEvents, w.mapping.IOSAppID, w.mapping.EventTypeID = true, "777", "4242"
	w.mapping.CustomParameterMapping = map[string]string{"CustomText1": "properties.cart.total"}
	return w
}

func TestMessagesOfAWarehouse(t *testing.T) {
	t.Parallel()
	server := enginetest.StartPostgres(t)
	lines := stamped(messagesOfAShop, time.Now().UTC().Truncate(time.Millisecond).Add(-48*time.Hour))

	raw := shopOf(t)
	raw.log("log.json", lines...)
	raw.change = func(c *impactsync.Config) { c.Feeds[0].Lists = false }
	first, err := raw.run(impactsync.Options{})
	require.NoError(t, err)

	d := &dwh{t: t, server: server, tables: map[string][]map[string]any{}}
	for _, line := range lines {
		d.add(line)
	}
	d.store("web")
	other := shopOf(t)
	other.change = func(c *impactsync.Config) { c.Feeds = []impactsync.Feed{d.source(other, "web")} }
	second, err := other.run(impactsync.Options{})
	require.NoError(t, err)
	require.Equal(t, impactsync.ExitRefused, second.ExitCode, "%+v", second)
	require.Empty(t, second.Stale)
	require.Greater(t, len(forms(raw.sandbox)), 8)
	require.Equal(t, forms(raw.sandbox), forms(other.sandbox))
	require.Equal(t, first.Conversions, second.Conversions)

	t.Run("nothing is sent again", func(t *testing.T) {
		before := len(other.sandbox.Calls())
		_, err := other.run(impactsync.Options{})
		require.NoError(t, err)
		require.Empty(t, other.told(before))
	})
	t.Run("raw logs know the same messages", func(t *testing.T) {
		before := len(raw.sandbox.Calls())
		raw.change = func(c *impactsync.Config) { c.Feeds = []impactsync.Feed{d.source(raw, "web")} }
		_, err := raw.run(impactsync.Options{})
		require.NoError(t, err)
		require.Empty(t, raw.told(before))
	})
}
