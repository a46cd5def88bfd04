package rehearsal

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/sqlengine/enginetest"
)

// profilesSync are the tables of Profiles Sync in PostgreSQL.
type profilesSync struct{ *enginetest.Postgres }

func newPostgres(t *testing.T) engine {
	t.Helper()
	return profilesSync{enginetest.StartPostgres(t)}
}

const workMem = "?work_mem=256MB"

func (p profilesSync) source(diff string) string {
	return fmt.Sprintf("{name: dwh, kind: warehouse, dsn: %q, timeout: 3h, reader: profilesSync, schema: ps, diff: %s%s, audiences: {vip: {}}}", p.DSN+workMem, diff, map[string]string{"warehouse": ", toldSchema: impactsync"}[diff])
}

func (p profilesSync) create(t *testing.T, out int) {
	p.Exec(t, "CREATE EXTENSION pgcrypto", "CREATE SCHEMA impactsync", "CREATE SCHEMA ps", fmt.Sprint("CREATE TABLE ps.outside AS SELECT ", out, " AS out"),
		"CREATE TABLE ps.user_traits (canonical_segment_id text, name text, value text, seq bigint)", "CREATE TABLE ps.user_identifiers (canonical_segment_id text, type text, value text, seq bigint)")
}

func (p profilesSync) add(t *testing.T, from, to int) {
	people := fmt.Sprintf("FROM generate_series(%d, %d) n", from, to)
	p.Exec(t, "INSERT INTO ps.user_traits SELECT md5(n::text)::uuid::text, 'vip', (n % 200 <> (SELECT out FROM ps.outside))::text, n "+people,
		"INSERT INTO ps.user_identifiers SELECT md5(n::text)::uuid::text, 'user_id', 'user-' || n, n "+people,
		"INSERT INTO ps.user_identifiers SELECT md5(n::text)::uuid::text, 'email', 'user' || n || '@example.com', n "+people,
		"VACUUM ANALYZE ps.user_traits", "VACUUM ANALYZE ps.user_identifiers")
}

func (p profilesSync) tell(t *testing.T, from, to int) {
	p.Exec(t, "INSERT INTO impactsync.told (trait, kind, id, value, told_at, anonymous_id, email_sha1) SELECT 'vip', 'user_id', 'user-' || n, 'true', now(), '', encode(digest('user' || n || '@example.com', 'sha1'), 'hex') "+
		fmt.Sprintf("FROM generate_series(%d, %d) n WHERE n %% 200 <> (SELECT out FROM ps.outside)", from, to), "VACUUM ANALYZE impactsync.told")
}

func (p profilesSync) change(t *testing.T, out int) {
	p.Exec(t, fmt.Sprint("UPDATE ps.outside SET out = ", out),
		"UPDATE ps.user_traits SET value = (seq % 200 <> (SELECT out FROM ps.outside))::text WHERE value <> (seq % 200 <> (SELECT out FROM ps.outside))::text")
}

func (p profilesSync) settled(t *testing.T) (rows, members int) {
	return number(t, p.Value(t, "SELECT count(*) FROM impactsync.told WHERE trait = 'vip'")), number(t, p.Value(t, "SELECT count(*) FROM impactsync.told WHERE trait = 'vip' AND value = 'true'"))
}

func (p profilesSync) differing(t *testing.T, part int) int {
	return number(t, p.Value(t, fmt.Sprintf("SELECT count(*) FROM (SELECT i.value AS id, t.value FROM ps.user_traits t JOIN ps.user_identifiers i ON i.canonical_segment_id = t.canonical_segment_id AND i.type = 'user_id' WHERE t.seq %% 100 = %d) l LEFT JOIN impactsync.told t ON t.trait = 'vip' AND t.kind = 'user_id' AND t.id = l.id WHERE coalesce(t.value, 'false') <> l.value", part)))
}

func (p profilesSync) size(t *testing.T) int {
	return number(t, p.Value(t, "SELECT coalesce(pg_total_relation_size(to_regclass('impactsync.told')), 0)"))
}

// peer has psql read the list with the statement of diff: local.
func (p profilesSync) peer(t *testing.T) {
	const statement = `SELECT t.profile, t.value, i.kind, i.id FROM (SELECT t.canonical_segment_id AS profile, t.value AS value, t.seq AS seq FROM ps.user_traits t WHERE t.name = 'vip') t ` +
		`LEFT JOIN (SELECT i.canonical_segment_id AS owner, i.type AS kind, i.value AS id, i.seq AS seq FROM ps.user_identifiers i WHERE i.type IN ('user_id', 'anonymous_id', 'email')) i ON i.owner = t.profile ` +
		`ORDER BY t.profile, t.seq NULLS FIRST, i.seq, i.kind, i.id`
	psql, err := exec.LookPath("psql")
	if err != nil {
		return
	}
	began := time.Now()
	out, err := exec.CommandContext(t.Context(), "sh", "-c", psql+` -q '`+p.DSN+`' -c "SET work_mem = '256MB'" -c "\copy (`+statement+`) TO STDOUT" | wc -l`).CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf(`psql -c "\copy (STATEMENT) to stdout" | wc -l: %v, %s rows, load %s`, time.Since(began).Round(100*time.Millisecond), strings.TrimSpace(string(out)), load())
}

// cluster is two ClickHouse servers, each with half of the list and of told.
type cluster [2]*enginetest.ClickHouse

func newClickHouse(t *testing.T) engine {
	t.Helper()
	return cluster(enginetest.StartClickHousePair(t))
}

func (c cluster) source(diff string) string {
	return fmt.Sprintf("{name: dwh, kind: warehouse, dsn: %q, timeout: 3h, reader: query, diff: %s%s, audiences: {vip: {query: %q}}}", c[0].DSN, diff, map[string]string{"warehouse": ", toldSchema: impactsync"}[diff],
		"SELECT user_id, email FROM shop.people WHERE n % 200 != (SELECT max(out) FROM shop.outside)")
}

func (c cluster) create(t *testing.T, out int) {
	const told = "(trait String, kind String, id String, value String, told_at DateTime, anonymous_id String, email_sha1 String, gone UInt8, version UInt64)"
	for _, server := range c {
		server.Exec(t, "CREATE DATABASE impactsync", "CREATE DATABASE shop",
			"CREATE TABLE shop.people_local (n UInt64, user_id String, email String) ENGINE = MergeTree ORDER BY user_id",
			"CREATE TABLE impactsync.told_local "+told+" ENGINE = ReplacingMergeTree(version) ORDER BY (trait, kind, id)")
	}
	c[0].Exec(t, "CREATE TABLE shop.outside (out UInt64) ENGINE = Log",
		"CREATE TABLE shop.people (n UInt64, user_id String, email String) ENGINE = Distributed(pair, shop, people_local, rand())",
		"CREATE TABLE impactsync.told "+told+" ENGINE = Distributed(pair, impactsync, told_local, cityHash64(kind, id))")
	c.change(t, out)
}

// numbers has a row n for each of some people.
func numbers(from, to int) string {
	return fmt.Sprintf("(SELECT number + %d AS n, concat('user-', toString(n)) AS id, concat('user', toString(n), '@example.com') AS email FROM system.numbers LIMIT %d)", from, to-from+1)
}

func (c cluster) add(t *testing.T, from, to int) {
	for i, server := range c {
		server.Exec(t, fmt.Sprintf("INSERT INTO shop.people_local SELECT n, id, email FROM %s WHERE n %% 2 = %d", numbers(from, to), i))
	}
}

func (c cluster) tell(t *testing.T, from, to int) {
	out := c[0].Value(t, "SELECT max(out) FROM shop.outside")
	for i, server := range c {
		server.Exec(t, "INSERT INTO impactsync.told_local SELECT 'vip', 'user_id', id, 'true', now(), '', lower(hex(SHA1(email))), 0, 1 FROM "+numbers(from, to)+fmt.Sprintf(" WHERE n %% 200 != %s AND cityHash64('user_id', id) %% 2 = %d", out, i))
	}
}

func (c cluster) change(t *testing.T, out int) {
	c[0].Exec(t, fmt.Sprintf("INSERT INTO shop.outside VALUES (%d)", out))
}

// newest is the value of each key among some people, from a table.
func newest(table string, parts, part int) string {
	return fmt.Sprintf("SELECT id, argMax(value, version) AS v, argMax(gone, version) AS g FROM %s WHERE trait = 'vip' AND kind = 'user_id' AND toUInt64(substring(id, 6)) %% %d = %d GROUP BY id", table, parts, part)
}

func (c cluster) settled(t *testing.T) (rows, members int) {
	const parts = 5 // each of which has to be kept in memory
	for _, server := range c {
		for part := range parts { // a key is on one server
			both := strings.Fields(server.Value(t, "SELECT count(), sum(v = 'true') FROM ("+newest("impactsync.told_local", parts, part)+") WHERE g = 0"))
			require.Len(t, both, 2)
			rows, members = rows+number(t, both[0]), members+number(t, both[1])
		}
	}
	return rows, members
}

func (c cluster) differing(t *testing.T, part int) int {
	listed := fmt.Sprintf("SELECT toUInt8(1) AS row, user_id AS id, '' AS v FROM shop.people WHERE n %% 100 = %d AND n %% 200 != (SELECT max(out) FROM shop.outside)", part)
	query := "SELECT id, max(row = 0 AND v = 'true') AS told, max(row = 1) AS listed FROM (SELECT toUInt8(0) AS row, id, v FROM (" + newest("impactsync.told", 100, part) + ") WHERE g = 0 UNION ALL " + listed + ") GROUP BY id"
	return number(t, c[0].Value(t, "SELECT count() FROM ("+query+") WHERE told != listed"))
}

func (c cluster) size(t *testing.T) (n int) {
	for _, server := range c {
		n += number(t, server.Value(t, "SELECT sum(bytes) FROM system.parts WHERE active AND database = 'impactsync' AND table = 'told_local'"))
	}
	return n
}

func (c cluster) peer(*testing.T) {}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}
