package warehouse_test

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // for database/sql
	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/warehouse"
	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/sqlengine/enginetest"
	"github.com/impactsync/impactsync/sync/sqlengine/postgres"
)

// crowd fills Profiles Sync's tables with n members.
func crowd(t *testing.T, server *enginetest.Postgres, n string) {
	t.Helper()
	server.Exec(t, profilesTables("ps")...)
	server.Exec(t,
		`INSERT INTO ps.user_traits (canonical_segment_id, name, value, seq, uuid_ts) SELECT 'p' || n, 'vip', 'true', '1', '2026-01-02' FROM generate_series(1, `+n+`) n`,
		`INSERT INTO ps.user_identifiers (canonical_segment_id, type, value, seq, uuid_ts) SELECT 'p' || n, 'user_id', 'u' || n, '1', '2026-01-03' FROM generate_series(1, `+n+`) n`)
}

var vip = warehouse.Config{Reader: warehouse.ProfilesSync, Schemas: []string{"ps"}, Traits: []warehouse.Trait{{Key: "vip", Column: "vip"}}}

// TestServerDiesWhileReading kills the server between two batches.
func TestServerDiesWhileReading(t *testing.T) {
	t.Parallel()
	server := enginetest.StartPostgres(t)
	crowd(t, server, "200000")
	s := open(t, server, vip)
	ins, err := lists(t, s)
	require.NoError(t, err)
	done := false
	err = s.Read(t.Context(), ins["vip"], source.Position{}, func(b source.Batch) error {
		server.Kill(t)
		done = done || b.Position.Done
		return nil
	})
	require.ErrorIs(t, err, sqlengine.ErrUnreachable)
	require.False(t, done)
	_, err = lists(t, s)
	require.ErrorIs(t, err, sqlengine.ErrUnreachable)
	server.Start(t)
	_, err = lists(t, s)
	require.NoError(t, err)
}

// locked reads while another holds a table for itself.
func locked(t *testing.T, server *enginetest.Postgres) {
	crowd(t, server, "10")
	db, err := sql.Open("pgx", server.DSN)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "LOCK TABLE ps.user_traits IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)
	e, err := postgres.Open(sqlengine.Config{DSN: server.DSN, Timeout: 300 * time.Millisecond})
	require.NoError(t, err)
	cfg := vip
	cfg.Name, cfg.Engine = "dwh", e
	s, err := warehouse.New(cfg)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	_, err = lists(t, s)
	require.ErrorContains(t, err, `source "dwh": ps.user_traits: `)
	require.Condition(t, func() bool {
		return strings.Contains(err.Error(), "somebody else has locked the table") || strings.Contains(err.Error(), "took too long")
	}, "%v", err)
	require.NoError(t, tx.Rollback())
	_, err = lists(t, s)
	require.NoError(t, err)
}

// versions recognises lists that did not change, and those that did.
func versions(t *testing.T, server *enginetest.Postgres) {
	crowd(t, server, "10")
	s := open(t, server, vip)
	version := func() source.Object {
		ins, err := lists(t, s)
		require.NoError(t, err)
		return ins["vip"].Objects[0]
	}
	first := version()
	require.Equal(t, first, version())
	require.Equal(t, time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC), first.ModTime.UTC())
	server.Exec(t, `UPDATE ps.user_identifiers SET canonical_segment_id = 'p2', uuid_ts = '2026-01-04' WHERE canonical_segment_id = 'p1'`)
	second := version()
	require.NotEqual(t, first.ETag, second.ETag)
	server.Exec(t, `DELETE FROM ps.user_traits WHERE canonical_segment_id = 'p1'`)
	require.NotEqual(t, second.ETag, version().ETag)
	server.Exec(t, `ALTER TABLE ps.user_traits DROP COLUMN uuid_ts`)
	unknown := version()
	require.NotEqual(t, unknown.ETag, version().ETag) // always read
}

// absent tells a trait that nobody has from a table that is empty.
func absent(t *testing.T, server *enginetest.Postgres) {
	crowd(t, server, "10")
	cfg := vip
	cfg.Traits = []warehouse.Trait{{Key: "vp", Column: "vp"}, {Key: "gone", Column: "gone", OnMissing: "exit"}}
	s := open(t, server, cfg)
	ins, err := lists(t, s)
	require.NoError(t, err)
	require.Empty(t, ins["gone"].Objects)
	require.ErrorContains(t, s.Check(t.Context(), ins["vp"]), `nobody in ps.user_traits has a trait "vp"; there is vip: nothing is changed`)
	server.Exec(t, `TRUNCATE ps.user_traits`)
	_, err = lists(t, s)
	require.ErrorContains(t, err, "ps.user_traits is empty: nothing is changed")
	server.Exec(t, `ALTER TABLE ps.user_traits DROP COLUMN seq`)
	_, err = lists(t, s)
	require.ErrorContains(t, err, "ps.user_traits has no column seq")
	server.Exec(t, `DROP TABLE ps.user_identifiers`)
	_, err = lists(t, s)
	require.ErrorContains(t, err, `schema "ps" has neither user_traits with user_identifiers nor profile_traits with external_id_mapping, but profile_merges, user_traits`)
}
