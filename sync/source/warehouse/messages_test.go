package warehouse_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/mapping"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/warehouse"
	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/sqlengine/enginetest"
	"github.com/impactsync/impactsync/sync/sqlengine/postgres"
)

// shop is a source of messages on PostgreSQL.
type shop struct {
	t      *testing.T
	source *warehouse.Messages
	at     map[string]source.Position // where each table was left
	listed []string
}

func newShop(t *testing.T, server *enginetest.Postgres, schema string, settings mapping.Settings, change func(*warehouse.MessagesConfig)) *shop {
	t.Helper()
	e, err := postgres.Open(sqlengine.Config{DSN: server.DSN, Timeout: time.Minute})
	require.NoError(t, err)
	settings.CampaignID = "1"
	m, err := mapping.New(settings)
	require.NoError(t, err)
	r := m.Reads()
	cfg := warehouse.MessagesConfig{
		Name: "web", Engine: e, Schemas: []string{schema}, Overlap: time.Hour,
		Reads: warehouse.Reads{Types: r.Types, Events: r.Events, Refunds: r.Refunds, Paths: r.Paths, ClickURLs: r.ClickURLs, ClickIDs: r.ClickIDs},
	}
	if change != nil {
		change(&cfg)
	}
	return newShopOn(t, warehouse.NewMessages(cfg))
}

func newShopOn(t *testing.T, from *warehouse.Messages) *shop {
	t.Helper()
	s := &shop{t: t, source: from, at: map[string]source.Position{}}
	t.Cleanup(func() { require.NoError(t, s.source.Close()) })
	return s
}

// read reads all tables from where they were left: the messages, or what became of
// them, and the errors, by table.
func (s *shop) read() (read []string, failed map[string]error) {
	s.t.Helper()
	failed, s.listed = map[string]error{}, nil
	for in, err := range s.source.Inputs(s.t.Context(), nil) {
		if err != nil {
			return nil, map[string]error{"": err}
		}
		name := in.Objects[0].Name
		s.listed = append(s.listed, name)
		failed[name] = s.source.Read(s.t.Context(), in, s.at[name], func(b source.Batch) error {
			for _, r := range b.Records {
				read = append(read, told(r))
			}
			s.at[name] = b.Position
			return nil
		})
		if failed[name] == nil {
			delete(failed, name)
			require.True(s.t, s.at[name].Done)
		}
	}
	return read, failed
}

func told(r source.Record) string {
	switch {
	case r.Rejected != "":
		return "rejected: " + r.Rejected
	case r.Skipped != "":
		return "skipped: " + r.Skipped
	}
	return string(r.Message.Root().AppendJSON(nil))
}

// ids returns the ids of messages.
func ids(read []string) (ids []string) {
	for _, m := range read {
		_, id, _ := strings.Cut(m, `"messageId":"`)
		id, _, _ = strings.Cut(id, `"`)
		ids = append(ids, id)
	}
	return ids
}

const common = `id text, user_id text, anonymous_id text, received_at timestamptz, "timestamp" timestamptz, original_timestamp timestamptz, uuid_ts timestamptz`

func TestMessages(t *testing.T) {
	t.Parallel()
	server := enginetest.StartPostgres(t)

	t.Run("go on where they were left, and late rows are found", func(t *testing.T) {
		server.Exec(t, `CREATE SCHEMA late`, `CREATE TABLE late.pages (`+common+`, url text)`,
			`INSERT INTO late.pages SELECT 'm' || n, NULL, 'a', now() - make_interval(hours => 50 - n), now() - make_interval(hours => 50 - n), NULL, now() - interval '40 hours', 'https://x.example/' FROM generate_series(1, 4) n`)
		s := newShop(t, server, "late", mapping.Settings{EnablePageEvents: true}, nil)
		read, failed := s.read()
		require.Empty(t, failed)
		require.Equal(t, []string{"m1", "m2", "m3", "m4"}, ids(read))
		read, _ = s.read()
		require.Equal(t, []string{"m3", "m4"}, ids(read), "those within the overlap")
		server.Exec(t, `INSERT INTO late.pages VALUES ('m5', NULL, 'a', now() - interval '49 hours', NULL, NULL, now(), 'https://x.example/')`)
		read, _ = s.read()
		require.Equal(t, []string{"m5", "m3", "m4"}, ids(read), "one that came into the warehouse late")
		server.Exec(t, `INSERT INTO late.pages VALUES ('m6', NULL, 'a', now() + interval '9 days', NULL, NULL, now(), 'https://x.example/')`)
		_, _ = s.read()
		server.Exec(t, `INSERT INTO late.pages VALUES ('m7', NULL, 'a', now(), NULL, NULL, NULL, 'https://x.example/')`)
		read, _ = s.read()
		require.Contains(t, ids(read), "m7", "a row of the future hides none")
	})

	t.Run("are rebuilt from the columns that are read", func(t *testing.T) {
		server.Exec(t, `CREATE SCHEMA built`, `CREATE TABLE built.order_completed (`+common+`, event text, event_text text,
			order_id text, revenue double precision, total numeric(24,4), products text, gift boolean, context_user_agent text, context_device_ad_tracking_enabled boolean, nobody_reads_this text, a_b_c text, placed_at timestamptz, context_app text, _user_id text)`,
			`INSERT INTO built.order_completed VALUES ('m1', 'u1', NULL, '2026-01-02 03:04:05.678901+00', '2026-01-02 03:04:05+00', NULL, NULL, 'order_completed', NULL,
			'007', 22.5, 12345678901234567.1000, '[{"sku":"s"}]', true, 'Moz"illa', false, 'x', 'abc', '2026-01-01 00:00:00+01', '{"name":"Shop","list":[1]}', 'mine')`)
		s := newShop(t, server, "built", mapping.Settings{CustomParameterMapping: map[string]string{
			"CustomText1": "properties.aB.c", "CustomText2": "properties.placedAt", "CustomText3": "properties.userId", "CustomText4": "context.timezone",
		}}, nil)
		read, failed := s.read()
		require.Contains(t, failed["built.tracks"].Error(), "built.tracks: there is no such table, but there are tables of events")
		delete(failed, "built.tracks")
		require.Empty(t, failed)
		require.Len(t, read, 1)
		require.JSONEq(t, `{"type":"track","messageId":"m1","userId":"u1","event":"Order Completed","timestamp":"2026-01-02T03:04:05Z","receivedAt":"2026-01-02T03:04:05.678901Z",
			"context":{"userAgent":"Moz\"illa","device":{"adTrackingEnabled":false},"app":{"name":"Shop","list":[1]}},
			"properties":{"order_id":"007","orderId":"007","revenue":22.5,"total":12345678901234567.1000,"products":[{"sku":"s"}],"aB":{"c":"abc"},"placedAt":"2025-12-31T23:00:00Z","userId":"mine"}}`, read[0])
		require.Contains(t, read[0], "12345678901234567.1000", "digit by digit")
		require.NotContains(t, read[0], "nobody")
	})

	t.Run("are left where nothing needs them", func(t *testing.T) {
		server.Exec(t, `CREATE SCHEMA few`, `CREATE TABLE few.tracks (`+common+`, event text, event_text text, context_page_url text)`,
			`INSERT INTO few.tracks VALUES ('m1', 'u1', NULL, now(), now(), NULL, NULL, 'seen', 'Seen', 'https://x.example/'),
			('m2', 'u1', 'a1', now(), now(), NULL, NULL, 'seen', 'Seen', NULL), ('m3', NULL, 'a1', now(), now(), NULL, NULL, 'seen', 'Seen', 'https://x.example/?im_ref=1'),
			('m4', 'u1', 'a1', now(), now(), NULL, NULL, 'order_completed', 'Order Completed', NULL), ('m5', 'u1', 'a1', now() - interval '9 days', now(), NULL, NULL, 'seen', 'Seen', NULL)`,
			`CREATE TABLE few.order_completed (`+common+`)`, `INSERT INTO few.order_completed VALUES ('m4', 'u1', 'a1', now(), now())`,
			`CREATE TABLE few.users (id text)`, `CREATE TABLE few.seen (`+common+`)`)
		s := newShop(t, server, "few", mapping.Settings{}, func(c *warehouse.MessagesConfig) { c.MaxAge = 48 * time.Hour })
		read, failed := s.read()
		require.Empty(t, failed)
		require.Equal(t, []string{"few.tracks", "few.order_completed"}, s.listed)
		require.Equal(t, []string{"m2", "m3", "m4"}, ids(read))
	})

	t.Run("about refunds are read with all that they say, however old", func(t *testing.T) {
		server.Exec(t, `CREATE SCHEMA refunds`, `CREATE TABLE refunds.order_refunded (`+common+`, order_id text, partial_amount numeric, context_ip text)`,
			`INSERT INTO refunds.order_refunded VALUES ('m1', 'u1', NULL, now() - interval '1 year', NULL, NULL, NULL, 'o1', 2.50, '8.8.8.8')`, `CREATE TABLE refunds.tracks (`+common+`)`)
		s := newShop(t, server, "refunds", mapping.Settings{Refunds: &mapping.RefundSettings{}}, func(c *warehouse.MessagesConfig) { c.MaxAge = 48 * time.Hour })
		read, failed := s.read()
		require.Empty(t, failed)
		require.Len(t, read, 1)
		require.Contains(t, read[0], `"partial_amount":2.50`)
	})

	t.Run("carry what people consented to", func(t *testing.T) {
		server.Exec(t, `CREATE SCHEMA consent`, `CREATE TABLE consent.pages (`+common+`, context_consent_category_preferences_ad_storage boolean, context_consent_category_preferences_other boolean)`,
			`INSERT INTO consent.pages VALUES ('m1', 'u1', NULL, now(), now(), NULL, NULL, true, false), ('m2', 'u1', NULL, now(), now(), NULL, NULL, NULL, true), ('m3', 'u1', NULL, now(), now(), NULL, NULL, NULL, NULL)`)
		s := newShop(t, server, "consent", mapping.Settings{EnablePageEvents: true}, func(c *warehouse.MessagesConfig) { c.Reads.Consent = []string{"adStorage"} })
		given := map[string]bool{}
		for in, err := range s.source.Inputs(t.Context(), nil) {
			require.NoError(t, err)
			require.NoError(t, s.source.Read(t.Context(), in, source.Position{}, func(b source.Batch) error {
				for _, r := range b.Records {
					given[r.Message.MessageID] = r.Message.ConsentGiven([]string{"adStorage"})
				}
				return nil
			}))
		}
		require.Equal(t, map[string]bool{"m1": true, "m2": false, "m3": true}, given)
	})
}

func TestMessagesOfBadTables(t *testing.T) {
	t.Parallel()
	server := enginetest.StartPostgres(t)
	rows := `('m1', 'u1', 'a1', now(), now(), NULL, NULL)`
	server.Exec(t, `CREATE SCHEMA bad`, `CREATE TABLE bad.pages (`+common+`)`, `INSERT INTO bad.pages VALUES `+rows+`, (NULL, 'u1', 'a1', now(), now(), NULL, NULL)`,
		`CREATE TABLE bad.identifies (id text, user_id text, received_at text)`, `CREATE TABLE bad.screens (id text, user_id double precision, received_at timestamptz)`, `CREATE TABLE bad.groups (id text)`,
		`CREATE TABLE bad.tracks (`+common+`, event text, context_personas_computation_class text)`, `INSERT INTO bad.tracks VALUES ('m2', 'u1', 'a1', now(), now(), NULL, NULL, 'order_completed', NULL), ('m3', 'u1', 'a1', now(), now(), NULL, NULL, 'audience_entered', 'audience')`)
	s := newShop(t, server, "bad", mapping.Settings{EnablePageEvents: true}, nil)
	read, failed := s.read()
	require.Equal(t, []string{"m1", "", "m2", ""}, ids(read))
	require.Contains(t, read, "rejected: NULL instead of a message's id")
	require.Contains(t, read, "skipped: trait_not_included")
	for table, want := range map[string]string{
		"bad.identifies":      "column received_at is of the type text and not a timestamp",
		"bad.screens":         "column user_id is of the type double precision, which may have lost digits",
		"bad.groups":          "bad.groups has no column received_at",
		"bad.order_completed": `there is no such table, but bad.tracks has events "Order Completed"`,
	} {
		require.ErrorContains(t, failed[table], want)
		delete(failed, table)
	}
	require.Empty(t, failed, "the others go on")

	server.Exec(t, `DROP TABLE bad.pages`, `ALTER TABLE bad.tracks ADD COLUMN context_user_agent text, ALTER COLUMN id TYPE varchar(99)`, `INSERT INTO bad.tracks (id, user_id, anonymous_id, received_at, event, context_user_agent) VALUES ('m4', 'u1', 'a1', now(), 'x', 'new')`)
	read, failed = s.read()
	require.Contains(t, ids(read), "m4")
	require.ErrorContains(t, failed["bad.pages"], "bad.pages: there is no such table, and page calls are to be sent")

	_, failed = newShop(t, server, "nowhere", mapping.Settings{}, nil).read()
	require.ErrorContains(t, failed[""], `there is no schema "nowhere"`)
	server.Exec(t, `CREATE SCHEMA empty`, `CREATE TABLE empty.other (id text)`)
	_, failed = newShop(t, server, "empty", mapping.Settings{}, nil).read()
	require.ErrorContains(t, failed[""], "no table of Segment's messages is there, such as tracks or pages: there is other")
}

func TestMessagesAreStreamed(t *testing.T) {
	if testing.Short() {
		t.Skip("it is long")
	}
	server := enginetest.StartPostgres(t)
	const rows = 200_000
	server.Exec(t, `CREATE SCHEMA many`, `CREATE TABLE many.pages (`+common+`, url text, context_user_agent text, context_page_url text, context_ip text)`,
		fmt.Sprintf(`INSERT INTO many.pages SELECT 'm' || n, NULL, 'a' || n, now() - make_interval(secs => n), now() - make_interval(secs => n), now() - make_interval(secs => n), now(), 'https://x.example/' || n, repeat('Mozilla ', 12), 'https://x.example/' || n, '8.8.8.8' FROM generate_series(1, %d) n`, rows))
	s := newShop(t, server, "many", mapping.Settings{EnablePageEvents: true}, nil)
	began, n, most := time.Now(), 0, 0
	for in, err := range s.source.Inputs(t.Context(), nil) {
		require.NoError(t, err)
		last := int64(0)
		require.NoError(t, s.source.Read(t.Context(), in, source.Position{}, func(b source.Batch) error {
			n, most = n+len(b.Records), max(most, len(b.Records))
			require.GreaterOrEqual(t, b.Position.Line, last)
			last = b.Position.Line
			return nil
		}))
	}
	require.Equal(t, rows, n)
	require.LessOrEqual(t, most, 200)
	t.Logf("%.0f rows a second", rows/time.Since(began).Seconds())
}
