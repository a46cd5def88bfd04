package warehouse_test

import (
	"database/sql"
	"slices"
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

// lessThanThere reads lists of which a part cannot be seen, or was emptied. It must not
// look as if people left.
func lessThanThere(t *testing.T, server *enginetest.Postgres) {
	crowd(t, server, "10")
	server.Exec(t, `CREATE SCHEMA engage_a`, `CREATE SCHEMA engage_b`, `CREATE TABLE engage_a.users (id text, email text, vip boolean, received_at timestamptz)`,
		`INSERT INTO engage_a.users VALUES ('u1', NULL, true, now())`, `CREATE TABLE engage_b.users AS TABLE engage_a.users`,
		`CREATE TABLE ps.profile_traits (canonical_segment_id text, vip boolean, merged_to text)`, `CREATE TABLE ps.external_id_mapping (canonical_segment_id text, external_id_type text, external_id_value text)`)
	reader := strings.Replace(server.DSN, "postgres@", "less@", 1)
	server.Exec(t, `CREATE ROLE less LOGIN`, `GRANT USAGE ON SCHEMA ps, engage_a, engage_b TO less`, `GRANT SELECT ON ALL TABLES IN SCHEMA ps, engage_a, engage_b TO less`)
	engage := warehouse.Config{Reader: warehouse.Engage, Schemas: []string{"engage_a", "engage_b"}, Traits: []warehouse.Trait{{Key: "vip", Column: "vip"}}}
	check := func(cfg warehouse.Config, want string) {
		t.Helper()
		cfg.Traits = slices.Clone(cfg.Traits)
		s := open(t, &enginetest.Postgres{DSN: reader}, cfg)
		_, _, err := members(t, s, "vip")
		if want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, want)
		}
	}
	check(vip, "")
	check(engage, "")
	for _, c := range []struct {
		cfg            warehouse.Config
		broken, mended string
		want           string
	}{
		{vip, `REVOKE SELECT ON ps.profile_merges FROM less`, `GRANT SELECT ON ps.profile_merges TO less`, "ps.profile_merges: the database refuses the right"},
		{vip, `REVOKE SELECT ON ps.user_traits FROM less`, `GRANT SELECT ON ps.user_traits TO less`, "ps.user_traits: the database refuses the right"},
		{engage, `REVOKE SELECT ON engage_b.users FROM less`, `GRANT SELECT ON engage_b.users TO less`, "engage_b.users: the database refuses the right"},
		{engage, `ALTER TABLE engage_b.users RENAME TO x`, `ALTER TABLE engage_b.x RENAME TO users`, "no such table users in engage_b, but in other schemas"},
		{engage, `DELETE FROM engage_b.users`, `INSERT INTO engage_b.users VALUES ('u2', NULL, true, now())`, "engage_b.users is empty: nothing is changed"},
		{engage, `ALTER TABLE engage_b.users ALTER id TYPE double precision USING 1.5`, `ALTER TABLE engage_b.users ALTER id TYPE text`, "engage_b.users: column id is of the type double precision, which may have lost digits"},
		{engage, `UPDATE engage_b.users SET vip = NULL`, `UPDATE engage_b.users SET vip = true`, ""}, // nobody of one schema was a member
		{engage, `UPDATE engage_a.users SET vip = NULL; UPDATE engage_b.users SET vip = NULL`, `UPDATE engage_b.users SET vip = true`, `nobody in engage_a.users or engage_b.users has a trait "vip"`},
		{vip, `DELETE FROM ps.user_identifiers`, `DROP TABLE ps.user_identifiers`, "ps.user_identifiers is empty: nothing is changed"},
		{vip, `DELETE FROM ps.profile_traits`, `INSERT INTO ps.profile_traits VALUES ('p1', NULL, NULL)`, "ps.profile_traits is empty: nothing is changed"},
		{vip, ``, `UPDATE ps.profile_traits SET vip = true`, `nobody in ps.profile_traits has a trait "vip"`},
		{vip, ``, `INSERT INTO ps.external_id_mapping VALUES ('p1', 'user_id', 'u1')`, "ps.external_id_mapping is empty: nothing is changed"},
		{vip, ``, ``, ""},
	} {
		server.Exec(t, c.broken)
		check(c.cfg, c.want)
		server.Exec(t, c.mended)
	}
}
