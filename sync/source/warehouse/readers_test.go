package warehouse_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source/warehouse"
	"github.com/impactsync/impactsync/sync/sqlengine/enginetest"
)

func profileTraits(t *testing.T, server *enginetest.Postgres) {
	server.Exec(t, `CREATE SCHEMA ps`,
		`CREATE TABLE ps.profile_traits (canonical_segment_id text, "VIP" boolean, _3_views numeric, merged_to text, uuid_ts timestamptz)`,
		`CREATE TABLE ps.external_id_mapping (canonical_segment_id text, external_id_type text, external_id_value text, external_id_hash text, timestamp timestamptz)`,
		`INSERT INTO ps.profile_traits VALUES ('p1', true, 3, ''), ('p2', false, NULL, NULL), ('p3', true, 5.50, 'p1'), ('p4', NULL, 7, NULL), ('p5', true, 0, NULL)`,
		`INSERT INTO ps.external_id_mapping VALUES ('p1', 'user_id', 'u1'), ('p1', 'user_id', 'u3'), ('p2', 'user_id', 'u2'), ('p4', 'user_id', 'u4'), ('p5', 'anonymous_id', 'a5')`)
	s := open(t, server, warehouse.Config{Reader: warehouse.ProfilesSync, Schemas: []string{"ps"}, Traits: []warehouse.Trait{
		{Key: "vip"}, {Key: "3_views", Class: segment.ClassComputed}, {Key: "vipp"},
	}})
	requireMembers(t, s, "vip", " a5  true", "u1   true", "u3   true")
	requireMembers(t, s, "3_views", " a5  0", "u1   3", "u3   3", "u4   7")
	_, _, err := members(t, s, "vipp")
	require.ErrorContains(t, err, "no such column vipp (of the trait vipp) in ps.profile_traits; the nearest are VIP, _3_views: nothing")
}

func engage(t *testing.T, server *enginetest.Postgres) {
	long := strings.Repeat("very_long_name_", 5) // longer than PostgreSQL's names
	server.Exec(t, `CREATE SCHEMA engage_default`, `CREATE SCHEMA engage_ads`,
		`CREATE TABLE engage_default.users (id text, email text, vip boolean, `+long+` boolean, ltv double precision, j_o_first_opened boolean, received_at timestamptz)`,
		`INSERT INTO engage_default.users VALUES ('u1', 'ann@example.com', true, true, 450, true, now()), ('u2', NULL, false, NULL, 1234567.5, NULL, now()), ('u3', NULL, NULL, NULL, NULL, NULL, now())`,
		`CREATE TABLE engage_default.identifies (id text, user_id text, anonymous_id text, email text, vip boolean, visitors boolean, "timestamp" timestamptz, received_at timestamptz)`,
		`INSERT INTO engage_default.identifies (id, user_id, anonymous_id, vip, visitors, "timestamp", received_at) VALUES
			('1', 'u1', NULL, true, NULL, '2026-01-01', '2026-01-01'), ('2', 'u1', 'a1', NULL, false, '2026-01-03', '2026-01-03'), ('3', 'u1', NULL, NULL, true, '2026-01-02', '2026-01-04'),
			('4', NULL, 'a1', NULL, true, '2026-01-01', '2026-01-01'), ('5', NULL, 'a2', NULL, true, '2026-01-01', '2026-01-01'),
			('6', 'u4', 'a4', NULL, false, '2026-01-01', '2026-01-01'), ('7', 'u4', 'a5', NULL, true, '2026-01-01', '2026-01-01')`,
		`CREATE TABLE engage_ads.users (id bigint, vip text, received_at timestamptz)`,
		`INSERT INTO engage_ads.users VALUES (77, 'true', now()), (78, NULL, now())`, `CREATE TABLE engage_ads.identifies (id text)`)
	both := []string{"engage_default", "engage_ads"}
	s := open(t, server, warehouse.Config{Reader: warehouse.Engage, Schemas: both, Traits: []warehouse.Trait{
		{Key: "vip"}, {Key: long}, {Key: "ltv", Class: segment.ClassComputed}, {Key: "j_o_first__opened"}, {Key: "visitors"}, {Key: "vp"},
	}})
	requireMembers(t, s, "vip", "77   true", "u1  85e2 true")
	requireMembers(t, s, long, "u1  85e2 true")
	requireMembers(t, s, "ltv", "u1  85e2 450", "u2   1234567.5")
	requireMembers(t, s, "j_o_first__opened", "u1  85e2 true")
	requireMembers(t, s, "visitors", " a2  true", "u4 a5  true") // users lacks the column
	_, _, err := members(t, s, "vp")
	require.ErrorContains(t, err, "no such column vp (of the trait vp) in engage_default.users or engage_ads.users or engage_default.identifies or engage_ads.identifies; the nearest are vip,")

	changes := open(t, server, warehouse.Config{Reader: warehouse.Engage, Schemas: both, From: warehouse.FromIdentifies, Traits: []warehouse.Trait{{Key: "vip"}}})
	requireMembers(t, changes, "vip", "u1   true")
	_, err = lists(t, open(t, server, warehouse.Config{Reader: warehouse.Engage, Traits: []warehouse.Trait{{Key: "vip"}}}))
	require.ErrorContains(t, err, "this user sees engage_ads, engage_default")
}

func query(t *testing.T, server *enginetest.Postgres) {
	server.Exec(t, `CREATE TABLE people (customer bigint, mail text, seen text, spent numeric, score float8)`,
		`INSERT INTO people VALUES (1, 'ann@example.com', 'a1', 12.50, 1.5), (2, NULL, NULL, NULL, 2), (NULL, NULL, NULL, 3, 3), (1, 'ann@example.com', 'a1', 12.50, 1.5)`)
	s := open(t, server, warehouse.Config{Reader: warehouse.Query, Traits: []warehouse.Trait{
		{Key: "vip", Column: "value", Query: `SELECT customer AS user_id, mail AS email, seen AS "Anonymous_ID" FROM people WHERE customer IS NOT NULL;`},
		{Key: "some", Column: "value", Query: `WITH x AS (SELECT customer AS user_id, spent IS NOT NULL AS value FROM people) SELECT * FROM x`},
		{Key: "ltv", Column: "spent", Class: segment.ClassComputed, IDs: [3]string{"customer", "seen", "mail"}, Query: `SELECT * FROM people WHERE customer IS NOT NULL`},
		{Key: "none", Column: "value", Query: `SELECT customer FROM people`},
		{Key: "lost", Column: "value", Query: `SELECT score AS user_id FROM people`},
		{Key: "twice", Column: "value", Query: `SELECT customer AS user_id, seen AS user_id FROM people`},
		{Key: "valueless", Column: "value", Class: segment.ClassComputed, Query: `SELECT customer AS user_id FROM people`},
		{Key: "wrong", Column: "value", Query: `SELECT n AS user_id, 'gold' AS value FROM generate_series(1, 200) n`},
		{Key: "writes", Column: "value", Query: `WITH x AS (DELETE FROM people RETURNING customer) SELECT customer AS user_id FROM x`},
	}})
	requireMembers(t, s, "vip", "1 a1 85e2 true", "1 a1 85e2 true", "2   true")
	got, rejected, err := members(t, s, "some")
	require.NoError(t, err)
	require.Equal(t, []string{"1   true", "1   true"}, got)
	require.Equal(t, []string{"3 no usable user id, anonymous id or e-mail address"}, rejected)
	requireMembers(t, s, "ltv", "1 a1 85e2 12.50", "1 a1 85e2 12.50", "2   cleared")
	for key, want := range map[string]string{
		"none":      "no such column user_id, anonymous_id, email, and the columns are customer: name one of them so with AS",
		"lost":      "column user_id: ids as floating-point numbers",
		"twice":     "two columns user_id",
		"valueless": "no such column value with the trait's value",
		"wrong":     `none of the first values can be used: "gold" is neither true nor false: set value: computed`,
		"writes":    "read-only transaction",
	} {
		_, _, err := members(t, s, key)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, `source "dwh": `)
	}
}

func TestCheckStatement(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"SELECT 1", " -- who\nselect 1;\n", "/* a;b */ WITH x AS (SELECT ';' AS \"a;b\") SELECT * FROM x ; ", "(SELECT 1)"} {
		if text[0] == '(' {
			require.Error(t, warehouse.CheckStatement(text), "%s", text)
			continue
		}
		require.NoError(t, warehouse.CheckStatement(text), "%s", text)
	}
	for _, text := range []string{"", "-- nothing", "DELETE FROM x", "SELECT 1; SELECT 2", "selecting", "SET x = 1; SELECT 1", "$$ SELECT $$"} {
		require.Error(t, warehouse.CheckStatement(text), "%s", text)
	}
}

const dbtManifest = `{"metadata": {"dbt_version": "1.9.0"}, "nodes": {
	"model.shop.vip": {"resource_type": "model", "name": "vip", "package_name": "shop", "schema": "marts", "alias": "vip_customers", "relation_name": "\"postgres\".\"marts\".\"vip_customers\"", "config": {"materialized": "table"}},
	"model.shop.steps": {"resource_type": "model", "name": "steps", "package_name": "shop", "schema": "marts", "alias": "steps", "relation_name": null, "config": {"materialized": "ephemeral"}},
	"model.shop.people": {"resource_type": "model", "name": "people", "package_name": "shop", "schema": "marts", "relation_name": "marts.people"},
	"model.other.people": {"resource_type": "model", "name": "people", "package_name": "other", "schema": "marts", "relation_name": "marts.people"},
	"model.shop.ltv.v1": {"resource_type": "model", "name": "ltv", "package_name": "shop", "schema": "marts", "alias": "ltv_v1", "relation_name": "marts.ltv_v1", "version": 1, "latest_version": 2},
	"model.shop.ltv.v2": {"resource_type": "model", "name": "ltv", "package_name": "shop", "schema": "marts", "alias": "ltv_v2", "relation_name": "marts.ltv_v2", "version": 2, "latest_version": 2},
	"test.shop.unique": {"resource_type": "test", "name": "vip_test", "package_name": "shop"}},
	"disabled": {"model.shop.off": [{"resource_type": "model", "name": "off", "package_name": "shop"}]}}`

func dbt(t *testing.T, server *enginetest.Postgres) {
	path := filepath.Join(t.TempDir(), "manifest.json")
	text := strings.Replace(dbtManifest, "postgres", server.DSN[strings.LastIndex(server.DSN, "/")+1:], 1)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	server.Exec(t, `CREATE SCHEMA marts`, `CREATE TABLE marts.vip_customers (user_id text, email text, notes text)`, `INSERT INTO marts.vip_customers VALUES ('u1', 'ann@example.com', 'x')`,
		`CREATE TABLE marts.ltv_v1 (user_id text, value numeric)`, `CREATE VIEW marts.ltv_v2 AS SELECT 'u2' AS user_id, 5 AS value`, `INSERT INTO marts.ltv_v1 VALUES ('u1', 4)`)
	s := open(t, server, warehouse.Config{Reader: warehouse.Query, Manifest: path, Traits: []warehouse.Trait{
		{Key: "vip", Column: "value", Ref: "vip"},
		{Key: "ltv", Column: "value", Class: segment.ClassComputed, Ref: "shop.ltv"},
		{Key: "ltv1", Column: "value", Class: segment.ClassComputed, Ref: "ltv.v1"},
		{Key: "notes", Column: "notice", Class: segment.ClassComputed, Ref: "model.shop.vip"},
	}})
	requireMembers(t, s, "vip", "u1  85e2 true")
	requireMembers(t, s, "ltv", "u2   5")
	requireMembers(t, s, "ltv1", "u1   4")
	_, _, err := members(t, s, "notes")
	require.ErrorContains(t, err, "marts.vip_customers: there is no such column notice with the trait's value")
	for ref, want := range map[string]string{
		"steps":  "is ephemeral, so there is nothing to read",
		"people": "is the name of several: write one of model.other.people, model.shop.people",
		"off":    "is disabled in the dbt project",
		"vipp":   `has no model "vipp"; the nearest are vip`,
	} {
		_, err := warehouse.New(warehouse.Config{Name: "dwh", Reader: warehouse.Query, Manifest: path, Traits: []warehouse.Trait{{Key: "k", Ref: ref}}})
		require.ErrorContains(t, err, want)
	}
	_, err = warehouse.New(warehouse.Config{Name: "dwh", Reader: warehouse.Query, Manifest: path + "x", Traits: []warehouse.Trait{{Key: "k", Ref: "vip"}}})
	require.ErrorIs(t, err, os.ErrNotExist)
}
