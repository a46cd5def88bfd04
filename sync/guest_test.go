package sync_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi/sandbox"
	impactsync "github.com/impactsync/impactsync/sync"
)

func ago(hours int) string {
	return time.Now().Add(-time.Duration(hours) * time.Hour).UTC().Format(time.RFC3339)
}

// conversions are the orders sent, each with its click id.
func (w *world) conversions() map[string]string {
	orders := map[string]string{}
	for _, c := range w.sandbox.Calls() {
		if order, ok := c.Form.Get("OrderId"); ok {
			orders[order], _ = c.Form.Get("ClickId")
		}
	}
	return orders
}

func TestOrdersOfGuests(t *testing.T) {
	t.Parallel()
	w := setup(t, sandbox.Config{})
	w.change = func(c *impactsync.Config) { c.AttributionWait = 6 * time.Hour }
	guest := func(id, at, url, coupon string) string {
		return fmt.Sprintf(`{"type":"track","event":"Order Completed","messageId":"m-%[1]s","userId":"guest","timestamp":%[2]q,"context":{"page":{"url":%[3]q}},"properties":{"order_id":%[1]q,"coupon":%[4]q}}`, id, at, url, coupon)
	}
	w.log("a.ndjson",
		`{"type":"page","messageId":"p1","timestamp":"`+ago(5)+`","context":{"page":{"url":"https://shop.example/?im_ref=G1"}}}`,
		`{"type":"page","messageId":"p2","timestamp":"`+ago(5)+`","context":{"page":{"url":"https://shop.example/"}}}`,
		guest("g1", ago(4), "https://shop.example/?im_ref=G1", ""),
		guest("g2", ago(3), "https://shop.example/", "PARTNER10"),
		guest("g3", ago(2), "https://shop.example/?clickid={clickid}", "null"),
	)
	db := w.open()
	defer db.Close()
	r, err := w.engine(db).Run(context.Background(), impactsync.Options{})
	require.NoError(t, err)
	require.Equal(t, 3, r.ExitCode, "g3 and the page without a click belong to nobody")
	require.EqualValues(t, 3, r.Counts["delivered"])
	require.EqualValues(t, 2, r.Counts["rejected"])
	require.Equal(t, map[string]string{"g1": "G1", "g2": ""}, w.conversions())
	problems, err := db.Check(context.Background())
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestMappedClickIsThePersonsFromThenOn(t *testing.T) {
	t.Parallel()
	w := setup(t, sandbox.Config{})
	w.mapping.CustomParameterMapping = map[string]string{"ClickId": "properties.cid"}
	page := func(id, at, cid string) string {
		return fmt.Sprintf(`{"type":"page","messageId":%q,"anonymousId":"a1","timestamp":%q,"context":{"page":{"url":"https://shop.example/"}},"properties":{"cid":%q}}`, id, at, cid)
	}
	w.log("a.ndjson", page("p1", ago(5), "PROP"), page("p2", ago(4), "undefined"), page("p3", ago(3), "%clickid%"),
		`{"type":"track","event":"Order Completed","messageId":"o1","anonymousId":"a1","userId":"u1","timestamp":"`+ago(2)+`","properties":{"order_id":"o1"}}`,
		`{"type":"track","event":"Order Completed","messageId":"o2","anonymousId":"a1","userId":"u1","timestamp":"`+ago(2)+`","properties":{"order_id":"o2","cid":"NULL","url":"https://shop.example/?clickid=other"}}`)
	_, err := w.run(impactsync.Options{})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"o1": "PROP", "o2": "PROP"}, w.conversions())
	e, err := w.open().Explain(context.Background(), "u1")
	require.NoError(t, err)
	require.Equal(t, "PROP", e.ClickID)
}

func TestAnotherNetworksClickPaysNobody(t *testing.T) {
	t.Parallel()
	w := setup(t, sandbox.Config{})
	page := func(id, at, query string) string {
		return fmt.Sprintf(`{"type":"page","messageId":%q,"userId":"u1","timestamp":%q,"context":{"page":{"url":"https://shop.example/%s"}}}`, id, at, query)
	}
	w.log("a.ndjson", page("p1", ago(5), "#/sale?im_ref=OURS"), page("p2", ago(4), "?clickid=other"), page("p3", ago(3), "?im_ref=&irclickid=null"),
		`{"type":"track","event":"Order Completed","messageId":"o1","userId":"u1","timestamp":"`+ago(2)+`","properties":{"order_id":"o1"}}`)
	_, err := w.run(impactsync.Options{})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"o1": "OURS"}, w.conversions())
}
