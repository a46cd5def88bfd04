package told_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/sqlengine/clickhouse"
	"github.com/impactsync/impactsync/sync/sqlengine/enginetest"
	"github.com/impactsync/impactsync/sync/told"
)

var clickhouseSchemas = []string{"CREATE DATABASE `to'l\"d`", "CREATE DATABASE lease", "CREATE DATABASE rows", "CREATE DATABASE killed", "CREATE DATABASE difference", "CREATE DATABASE world"}

const expireClickHouse = "INSERT INTO lease.told_meta (what, holder, value, lease_until, version) SELECT what, holder, value, toDateTime(1), version + 1000 FROM lease.told_meta WHERE what = 'lease'"

func openClickHouse(server *enginetest.ClickHouse) func(*testing.T) sqlengine.Engine {
	return func(t *testing.T) sqlengine.Engine {
		t.Helper()
		e, err := clickhouse.Open(sqlengine.Config{DSN: server.DSN, Timeout: time.Minute})
		require.NoError(t, err)
		return e
	}
}

func TestClickHouse(t *testing.T) {
	t.Parallel()
	server := enginetest.StartClickHouse(t)
	server.Exec(t, clickhouseSchemas...)
	conform(t, subject{
		exec: server.Exec, text: "Nullable(String)", worlds: []world{flat, worlds[2]}, open: openClickHouse(server),
		expire: expireClickHouse,
		make: func(t *testing.T, table, columns string) {
			server.Exec(t, "DROP TABLE IF EXISTS "+table, "CREATE TABLE "+table+" "+columns+" ENGINE = Memory")
		},
	})
}

// TestClickHouseCluster checks the same with tables that are on two servers, one half
// each, and then without one of them.
func TestClickHouseCluster(t *testing.T) {
	t.Parallel()
	pair := enginetest.StartClickHousePair(t)
	for _, server := range pair {
		server.Exec(t, clickhouseSchemas...)
	}
	distributed := func(t *testing.T, table, columns, engine, key string) {
		for _, server := range pair {
			server.Exec(t, "DROP TABLE IF EXISTS "+table+"_local", "CREATE TABLE "+table+"_local "+columns+" ENGINE = "+engine)
		}
		database, name, _ := strings.Cut(table, ".")
		pair[0].Exec(t, "DROP TABLE IF EXISTS "+table, "CREATE TABLE "+table+" "+columns+" ENGINE = Distributed(pair, "+database+", "+name+"_local, "+key+")")
	}
	for _, schema := range []string{"`to'l\"d`", "lease", "rows", "killed", "difference"} {
		distributed(t, schema+".told", "(trait String, kind String, id String, value String, told_at DateTime, anonymous_id String, email_sha1 String, gone UInt8, version UInt64)", "ReplacingMergeTree(version) ORDER BY (trait, kind, id)", "cityHash64(kind, id)")
	}
	s := subject{
		text: "Nullable(String)", worlds: []world{flat, worlds[2]}, open: openClickHouse(pair[0]),
		exec: func(t *testing.T, statements ...string) {
			e := openClickHouse(pair[0])(t)
			for _, one := range statements {
				require.NoError(t, e.(sqlengine.Writer).Write(t.Context(), sqlengine.Statement{Text: one}), "%s", one)
			}
			require.NoError(t, e.Close())
		},
		expire: expireClickHouse,
		make: func(t *testing.T, table, columns string) {
			distributed(t, table, columns, "MergeTree ORDER BY tuple()", "rand()")
		},
	}
	conform(t, s)
	t.Run("a server is gone", func(t *testing.T) { s.gone(t, pair) })
}

// until runs fn over and over, kills a server meanwhile, and returns fn's error.
func until(t *testing.T, server *enginetest.ClickHouse, fn func(turn int) error) (turn int, err error) {
	t.Helper()
	began, done := make(chan bool), make(chan error, 1)
	go func() {
		for ; ; turn++ {
			if turn == 2 {
				close(began)
			}
			if err := fn(turn); err != nil || turn == 10_000 {
				done <- err
				return
			}
		}
	}()
	select {
	case <-began:
		server.Kill(t)
		err = <-done
	case err = <-done:
	}
	return turn, err
}

// gone kills a server while rows are written and while a difference is taken.
func (s subject) gone(t *testing.T, pair [2]*enginetest.ClickHouse) {
	const people, batch = 20_000, 500
	table := s.leased(t, "difference")
	s.make(t, "world.big", "(id String)")
	s.exec(t, fmt.Sprintf("INSERT INTO world.big SELECT concat('u', toString(number + 100)) FROM system.numbers LIMIT %d", people))
	rows := func(turn int) (all []told.Row) {
		for i := range batch {
			all = append(all, user("big", fmt.Sprintf("u%d", (turn*batch+i)%people), "true"))
		}
		return all
	}
	write := func(turn int) error {
		return table.Write(context.WithoutCancel(t.Context()), fmt.Sprintf("batch %d", turn), these(rows(turn)...))
	}
	failed, err := until(t, pair[1], write)
	require.ErrorIs(t, err, sqlengine.ErrUnreachable)
	pair[1].Start(t)
	for turn := failed; turn < max(people/batch, failed+1); turn++ {
		require.NoError(t, write(turn), "the batch is repeated")
	}
	require.Len(t, all(t, table, "big"), people, "nothing is lost")

	wanted := told.Wanted{Statement: "SELECT id AS user_id FROM world.big", Columns: []string{"user_id"}, Roles: []told.Role{told.RoleUserID}}
	compare := func(int) error {
		d, err := table.Difference(context.WithoutCancel(t.Context()), "big", wanted)
		if err != nil {
			return err
		}
		for _, rowErr := range d.Told {
			err = errors.Join(err, rowErr)
		}
		want := told.Counts{Rows: people, Told: people, Members: people, Joins: 100, Exits: 100}
		if d.Counts != want {
			err = errors.Join(err, fmt.Errorf("%+v instead of %+v", d.Counts, want))
		}
		return errors.Join(err, d.Close())
	}
	require.NoError(t, compare(0))
	_, err = until(t, pair[1], compare)
	require.ErrorIs(t, err, sqlengine.ErrUnreachable)
	require.NotContains(t, err.Error(), "instead of", "half a list is no list")
	pair[1].Start(t)
	require.NoError(t, compare(0))
}
