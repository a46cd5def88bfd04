package warehouse

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/sqlengine"
)

// TestStatementsOfMessages keeps what each engine is sent in a second run: of tables whose
// messages are sent, of one about refunds, and of tracks, where only what is said about
// people and clicks is read.
func TestStatementsOfMessages(t *testing.T) {
	t.Parallel()
	const common = "id,user_id,anonymous_id,received_at timestamp,timestamp timestamp,uuid_ts timestamp"
	tables := map[string][]sqlengine.Column{
		"tracks":          columnsOf(common, "event", "event_text", "context_page_url"),
		"order_completed": columnsOf(common, "event_text", "order_id", "revenue double precision", "gift boolean", "products", "context_page_url", "context_consent_category_preferences_ads boolean", "nobody_reads_this"),
		"order_refunded":  columnsOf(common, "order_id", "partial_amount numeric"),
		"pages":           columnsOf(common, "url", "_user_id"),
	}
	for name, dialect := range dialects {
		e := &scripted{dialect: dialect, tables: map[sqlengine.Table][]sqlengine.Column{}}
		for table, columns := range tables {
			e.tables[sqlengine.Table{Schema: "prod_web", Name: table}] = columns
		}
		s := NewMessages(MessagesConfig{Engine: e, Schemas: []string{"prod_web"}, Overlap: time.Hour, MaxAge: 720 * time.Hour, Reads: Reads{
			Types: []string{"page"}, Events: []string{"Order Completed", "Never Happened"}, Refunds: []string{"Order Refunded"}, Consent: []string{"ads"},
			Paths:     [][]string{{"properties", "order_id"}, {"properties", "revenue"}, {"properties", "gift"}, {"properties", "products", "0", "sku"}, {"properties", "url"}, {"properties", "userId"}},
			ClickURLs: [][]string{{"context", "page", "url"}},
		}})
		now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
		s.now = func() time.Time { return now }
		c := s.catalogue()
		found, err := s.findIn(t.Context(), c, "prod_web")
		require.NoError(t, err)
		var got string
		for _, m := range found {
			require.NoError(t, m.err)
			table, err := c.open(t.Context(), m.Table, "m")
			require.NoError(t, err)
			l, err := s.layout(&table, m)
			require.NoError(t, err)
			statement, _ := s.statement(l, m, source.Position{Line: now.Add(-2 * time.Hour).UnixMicro(), Hash: stamp(now.Add(-time.Hour))})
			got += statement + ";\n"
		}
		keep(t, "testdata/"+name+"/events.sql", got)
	}
}

func columnsOf(common string, more ...string) []sqlengine.Column {
	return append(texts(strings.Split(common, ",")...), texts(more...)...)
}
