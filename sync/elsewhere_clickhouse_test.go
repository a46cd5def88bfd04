package sync_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi/sandbox"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source/warehouse"
	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/sqlengine/clickhouse"
	"github.com/impactsync/impactsync/sync/sqlengine/enginetest"
	settled "github.com/impactsync/impactsync/sync/told"
)

// newClickHousePair starts two servers, each with half of the list shop.vip and half of
// the table of what impact.com was told.
func newClickHousePair(t *testing.T) [2]*enginetest.ClickHouse {
	t.Helper()
	pair := enginetest.StartClickHousePair(t)
	for _, server := range pair {
		server.Exec(t, "CREATE DATABASE impactsync", "CREATE DATABASE shop",
			"CREATE TABLE shop.vip_local (day UInt8, user_id String) ENGINE = MergeTree ORDER BY user_id",
			"CREATE TABLE impactsync.told_local (trait String, kind String, id String, value String, told_at DateTime, anonymous_id String, email_sha1 String, gone UInt8, version UInt64) ENGINE = ReplacingMergeTree(version) ORDER BY (trait, kind, id)")
	}
	pair[0].Exec(t, "CREATE TABLE shop.today (day UInt8) ENGINE = Log",
		"CREATE TABLE shop.vip (day UInt8, user_id String) ENGINE = Distributed(pair, shop, vip_local, cityHash64(user_id))",
		"CREATE TABLE impactsync.told (trait String, kind String, id String, value String, told_at DateTime, anonymous_id String, email_sha1 String, gone UInt8, version UInt64) ENGINE = Distributed(pair, impactsync, told_local, cityHash64(kind, id))")
	return pair
}

// TestElsewhereOnClickHouse makes passes over a list that a cluster of two servers
// compares. One of them is killed before what was delivered is written back, and before
// the lists are compared.
func TestElsewhereOnClickHouse(t *testing.T) {
	t.Parallel()
	pair := newClickHousePair(t)
	open := func() sqlengine.Engine {
		e, err := clickhouse.Open(sqlengine.Config{DSN: pair[0].DSN, Timeout: time.Minute})
		require.NoError(t, err)
		return e
	}
	// members makes u[from] to u[to-1] the members of a day, and it today.
	members := func(day, from, to int) {
		w := open().(sqlengine.Writer)
		defer func() { require.NoError(t, w.(sqlengine.Engine).Close()) }()
		for _, s := range []string{
			fmt.Sprintf("INSERT INTO shop.vip SELECT %d, concat('u', toString(number + %d)) FROM system.numbers LIMIT %d", day, from, to-from),
			fmt.Sprintf("INSERT INTO shop.today VALUES (%d)", day),
		} {
			require.NoError(t, w.Write(t.Context(), sqlengine.Statement{Text: s}))
		}
	}

	w := setup(t, sandbox.Config{})
	table, err := settled.New(open(), "impactsync")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, table.Close()) })
	src, err := warehouse.New(warehouse.Config{
		Name: "dwh", Engine: open(), Reader: warehouse.Query, Placeholders: segment.NewPlaceholders(nil, nil),
		Traits: []warehouse.Trait{{Key: "vip", Name: "vip", Class: segment.ClassAudience, Query: "SELECT user_id FROM shop.vip WHERE day = (SELECT max(day) FROM shop.today)"}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, src.Close()) })
	killAt := ""
	w.change = func(c *impactsync.Config) {
		c.Feeds = append(c.Feeds, impactsync.Feed{Source: src, Lists: true, Told: &impactsync.Place{Name: "impactsync", Table: table}})
		c.Point = func(name string) {
			if name == killAt {
				killAt = ""
				pair[1].Kill(t)
			}
		}
	}
	pass := func() error {
		db := w.open()
		defer func() { require.NoError(t, db.Close()) }()
		_, err := w.engine(db).Run(t.Context(), impactsync.Options{})
		if err == nil {
			problems, err := db.Check(t.Context())
			require.NoError(t, err)
			require.Empty(t, problems)
		}
		return err
	}
	// calls returns how often people were told true and false since it was last asked.
	seen := 0
	calls := func() (joins, exits int) {
		all := w.sandbox.Calls()
		for _, c := range all[seen:] {
			switch v, _ := c.Form.Get("vip"); v {
			case "true":
				joins++
			case "false":
				exits++
			}
		}
		seen = len(all)
		return joins, exits
	}
	told := func() string {
		return pair[0].Value(t, "SELECT concat(toString(sum(v = 'true')), ' true, ', toString(sum(v = 'false')), ' false') FROM (SELECT id, argMax(value, version) AS v, argMax(gone, version) AS g FROM impactsync.told GROUP BY trait, kind, id) WHERE g = 0")
	}
	members(1, 100, 300)
	require.NoError(t, pass())
	joins, exits := calls()
	require.Equal(t, []int{200, 0}, []int{joins, exits})
	require.Equal(t, "200 true, 0 false", told())

	members(2, 110, 320)
	killAt = "before rows are written" // what was delivered stays here
	require.Error(t, pass())
	pair[1].Start(t)
	require.NoError(t, pass())
	joins, exits = calls()
	require.Equal(t, []int{20, 10}, []int{joins, exits}, "nothing twice")
	require.Equal(t, "210 true, 10 false", told())

	members(3, 111, 321)
	pair[1].Kill(t)
	require.Error(t, pass(), "the lists cannot be compared")
	joins, exits = calls()
	require.Zero(t, joins+exits)
	pair[1].Start(t)
	require.NoError(t, pass())
	require.NoError(t, pass(), "nothing is new")
	joins, exits = calls()
	require.Equal(t, []int{1, 1}, []int{joins, exits})
	require.Equal(t, "210 true, 11 false", told())
}
