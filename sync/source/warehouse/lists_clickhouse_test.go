package warehouse_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/warehouse"
	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/sqlengine/clickhouse"
	"github.com/impactsync/impactsync/sync/sqlengine/enginetest"
)

func TestListsOfClickHouse(t *testing.T) {
	t.Parallel()
	server := enginetest.StartClickHouse(t)
	openIt := func(cfg warehouse.Config) *warehouse.Source {
		e, err := clickhouse.Open(sqlengine.Config{DSN: server.DSN, Timeout: time.Minute})
		require.NoError(t, err)
		cfg.Name, cfg.Engine = "dwh", e
		s, err := warehouse.New(cfg)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	server.Exec(t, "CREATE DATABASE ps",
		"CREATE TABLE ps.user_traits (canonical_segment_id String, name String, value Nullable(String), seq String, uuid_ts DateTime) ENGINE = Memory",
		"CREATE TABLE ps.user_identifiers (canonical_segment_id String, type String, value String, seq String, uuid_ts DateTime) ENGINE = Memory",
		"CREATE TABLE ps.profile_merges (canonical_segment_id String, segment_id String, seq String, uuid_ts DateTime) ENGINE = Memory",
		"INSERT INTO ps.user_traits VALUES ('p1', 'vip', 'false', '1', now()), ('p1', 'vip', 'true', '2', now()), ('p2', 'vip', 'true', '1', now()), ('p3', 'vip', 'false', '1', now()), ('p4', 'vip', NULL, '1', now())",
		"INSERT INTO ps.user_identifiers VALUES ('p1', 'user_id', 'u1', '1', now()), ('p1', 'anonymous_id', 'a-old', '1', now()), ('p1', 'anonymous_id', 'a-new', '2', now()), ('p1', 'ga', 'x', '1', now()), ('p2', 'user_id', 'u2', '1', now()), ('p3', 'user_id', 'u3', '1', now())",
		"INSERT INTO ps.profile_merges VALUES ('p1', 'p1', '1', now()), ('p1', 'p2', '2', toDateTime('2026-01-02 03:04:05', 'UTC'))",
		"CREATE TABLE ps.models (customer Int64, score Float64, vip UInt8) ENGINE = Memory", "INSERT INTO ps.models VALUES (12345678901234567, 1e17, 1), (2, 2, 0)",
		"CREATE DATABASE engage_a", "CREATE DATABASE engage_b",
		"CREATE TABLE engage_a.users (id String, email Nullable(String), vip Nullable(UInt8), received_at DateTime) ENGINE = Memory", "CREATE TABLE engage_b.users (id String, vip Nullable(UInt8), received_at DateTime) ENGINE = Memory",
		"INSERT INTO engage_a.users VALUES ('u1', 'ann@example.com', 1, '2026-01-01 00:00:00'), ('u2', NULL, 1, '2026-01-01 00:00:00'), ('u3', NULL, NULL, now())", "INSERT INTO engage_b.users VALUES ('u2', 0, '2026-01-02 00:00:00'), ('u4', 1, now())",
		"CREATE TABLE engage_a.identifies (id String, user_id Nullable(String), anonymous_id Nullable(String), seen Nullable(UInt8), timestamp Nullable(DateTime), received_at DateTime) ENGINE = Memory", "CREATE TABLE engage_b.identifies (id String) ENGINE = Memory",
		"INSERT INTO engage_a.identifies VALUES ('1', 'u1', 'a1', 1, now(), now()), ('2', NULL, 'a1', 1, now(), now()), ('3', NULL, 'a2', 1, now(), now()), ('4', 'u2', NULL, 0, now(), now()), ('5', 'u2', NULL, 1, NULL, now())")

	profiles := openIt(warehouse.Config{Reader: warehouse.ProfilesSync, Schemas: []string{"ps"}, Traits: []warehouse.Trait{{Key: "vip", Column: "vip", Class: segment.ClassAudience}}})
	requireMembers(t, profiles, "vip", "u1 a-new  true")
	version := func() source.Object {
		ins, err := lists(t, profiles)
		require.NoError(t, err)
		return ins["vip"].Objects[0]
	}
	first := version()
	require.Equal(t, first, version(), "it did not change")
	server.Exec(t, "INSERT INTO ps.user_identifiers VALUES ('p3', 'user_id', 'u9', '1', now())")
	require.NotEqual(t, first.ETag, version().ETag)

	engage := openIt(warehouse.Config{Reader: warehouse.Engage, Schemas: []string{"engage_a", "engage_b"}, Traits: []warehouse.Trait{{Key: "vip", Column: "vip", Class: segment.ClassAudience}, {Key: "seen", Column: "seen", Class: segment.ClassAudience}}})
	requireMembers(t, engage, "vip", "u1  85e2 true", "u4   true")
	requireMembers(t, engage, "seen", " a2  true", "u1 a1  true")

	queries := openIt(warehouse.Config{Reader: warehouse.Query, Traits: []warehouse.Trait{
		{Key: "vip", Column: "value", Query: "SELECT customer AS user_id, vip AS value FROM ps.models", Class: segment.ClassAudience},
		{Key: "lost", Column: "value", Query: "SELECT score AS user_id FROM ps.models", Class: segment.ClassAudience},
	}})
	requireMembers(t, queries, "vip", "12345678901234567   true")
	_, _, err := members(t, queries, "lost")
	require.ErrorContains(t, err, "column user_id: ids as floating-point numbers")
}
