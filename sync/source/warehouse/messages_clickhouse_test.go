package warehouse_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/mapping"
	"github.com/impactsync/impactsync/sync/source/warehouse"
	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/sqlengine/clickhouse"
	"github.com/impactsync/impactsync/sync/sqlengine/enginetest"
)

func TestMessagesOfClickHouse(t *testing.T) {
	t.Parallel()
	server := enginetest.StartClickHouse(t)
	const common = "id Nullable(String), user_id Nullable(String), anonymous_id Nullable(String), received_at DateTime, timestamp Nullable(DateTime)"
	server.Exec(t, "CREATE DATABASE web",
		"CREATE TABLE web.tracks ("+common+", event String, event_text String, context_page_url Nullable(String)) ENGINE = Memory",
		"CREATE TABLE web.order_completed ("+common+", event_text String, order_id String, revenue Float64, products Nullable(String)) ENGINE = Memory",
		"INSERT INTO web.tracks VALUES ('m1', 'u1', 'a1', now(), now(), 'seen', 'Seen', NULL), ('m2', 'u2', NULL, now(), now(), 'seen', 'Seen', 'https://x.example/')",
		`INSERT INTO web.order_completed VALUES ('m3', 'u1', NULL, now(), toDateTime('2026-01-02 03:04:05', 'UTC'), 'Order Completed', '007', 22.5, '[{"sku":"it\'s"}]'), (NULL, 'u1', NULL, now(), NULL, 'Order Completed', '8', 1, NULL)`)
	e, err := clickhouse.Open(sqlengine.Config{DSN: server.DSN, Timeout: time.Minute})
	require.NoError(t, err)
	m, err := mapping.New(mapping.Settings{CampaignID: "1"})
	require.NoError(t, err)
	r := m.Reads()
	s := newShopOn(t, warehouse.NewMessages(warehouse.MessagesConfig{
		Name: "web", Engine: e, Schemas: []string{"web"}, Overlap: time.Hour, Newest: true, MaxAge: time.Hour,
		Reads: warehouse.Reads{Types: r.Types, Events: r.Events, Paths: r.Paths, ClickURLs: r.ClickURLs, ClickIDs: r.ClickIDs},
	}))
	read, failed := s.read()
	require.Empty(t, failed)
	require.Len(t, read, 3)
	require.Equal(t, "m1", ids(read)[0])
	require.Contains(t, read, "rejected: NULL instead of a message's id")
	for _, want := range []string{`"timestamp":"2026-01-02T03:04:05Z"`, `"revenue":22.5`, `"order_id":"007"`, `"products":[{"sku":"it's"}]`} {
		require.Contains(t, read[1]+read[2], want)
	}
}
