package warehouse_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/warehouse"
	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/sqlengine/enginetest"
	"github.com/impactsync/impactsync/sync/sqlengine/postgres"
)

func TestPostgres(t *testing.T) {
	t.Parallel()
	server := enginetest.StartPostgres(t)
	for name, test := range map[string]func(*testing.T, *enginetest.Postgres){
		"UserTraits":              userTraits,
		"ReadStopsWithTheContext": readStopsWithTheContext,
		"ProfileTraits":           profileTraits,
		"Engage":                  engage,
		"Query":                   query,
		"DBT":                     dbt,
		"Locked":                  locked,
		"Versions":                versions,
		"Absent":                  absent,
		"LessThanThere":           lessThanThere,
	} {
		t.Run(name, func(t *testing.T) { test(t, server.Database(t)) })
	}
}

// open returns a source of PostgreSQL.
func open(t *testing.T, server *enginetest.Postgres, cfg warehouse.Config) *warehouse.Source {
	t.Helper()
	e, err := postgres.Open(sqlengine.Config{DSN: server.DSN, Timeout: time.Minute})
	require.NoError(t, err)
	cfg.Name, cfg.Engine = "dwh", e
	for i := range cfg.Traits {
		one := &cfg.Traits[i]
		one.Name, one.Column, one.Class = one.Key, cmp.Or(one.Column, one.Key), cmp.Or(one.Class, segment.ClassAudience)
	}
	s, err := warehouse.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// lists returns the inputs of a source, by key.
func lists(t *testing.T, s source.Source) (map[string]source.Input, error) {
	t.Helper()
	found := map[string]source.Input{}
	for in, err := range s.Inputs(t.Context(), func(o source.Object, _ int64, reason string) { t.Errorf("%s: %s", o.Name, reason) }) {
		if err != nil {
			return nil, err
		}
		found[in.Key] = in
	}
	return found, nil
}

// members returns the members of a list, sorted, each as user, anonymous id, the
// beginning of the address's hash, and value; and why rows were rejected.
func members(t *testing.T, s source.Source, key string) (all, rejected []string, err error) {
	t.Helper()
	ins, err := lists(t, s)
	if err != nil {
		return nil, nil, err
	}
	err = s.Read(t.Context(), ins[key], source.Position{}, func(b source.Batch) error {
		for _, r := range b.Records {
			rejected = append(rejected, fmt.Sprintf("%d %s", r.Line, r.Rejected))
		}
		for _, m := range b.Members {
			value := m.Value
			if m.Cleared {
				value = "cleared"
			}
			all = append(all, strings.Join([]string{m.UserID, m.AnonymousID, m.EmailSHA1[:min(4, len(m.EmailSHA1))], value}, " "))
		}
		return nil
	})
	slices.Sort(all)
	return all, rejected, err
}

func requireMembers(t *testing.T, s source.Source, key string, want ...string) {
	t.Helper()
	got, rejected, err := members(t, s, key)
	require.NoError(t, err)
	require.Empty(t, rejected)
	require.Equal(t, want, got)
}

func profilesTables(schema string) []string {
	return []string{
		"CREATE SCHEMA " + schema,
		"CREATE TABLE " + schema + ".user_traits (canonical_segment_id text, name text, value text, seq text, received_at timestamptz, uuid_ts timestamptz, timestamp timestamptz)",
		"CREATE TABLE " + schema + ".user_identifiers (canonical_segment_id text, type text, value text, seq text, received_at timestamptz, uuid_ts timestamptz, timestamp timestamptz)",
		"CREATE TABLE " + schema + ".profile_merges (canonical_segment_id text, segment_id text, seq text, received_at timestamptz, uuid_ts timestamptz, timestamp timestamptz)",
	}
}

func userTraits(t *testing.T, server *enginetest.Postgres) {
	server.Exec(t, profilesTables("ps")...)
	server.Exec(t,
		`INSERT INTO ps.user_traits (canonical_segment_id, name, value, seq, timestamp) VALUES
			('p1', 'vip', 'true', '02', NULL), ('p1', 'vip', 'false', '01', now()),
			('p2', 'vip', 'false', '02', NULL), ('p2', 'vip', 'true', '01', now()),
			('p3', 'vip', 'true', '01', NULL), ('p4', 'vip', NULL, '01', NULL), ('p5', 'vip', 'true', '01', NULL), ('p6', 'vip', 'true', '01', NULL),
			('p1', 'ltv', '12.50', '01', NULL), ('p2', 'ltv', NULL, '01', NULL)`,
		`INSERT INTO ps.user_identifiers (canonical_segment_id, type, value, seq) VALUES
			('p1', 'user_id', 'u1', '01'), ('p1', 'anonymous_id', 'a-old', '01'), ('p1', 'anonymous_id', 'a-new', '02'), ('p1', 'email', 'ann@example.com', '03'), ('p1', 'ga_client_id', 'g', '01'),
			('p1', 'anonymous_id', 'a-new', '02'),
			('p2', 'user_id', 'u2', '01'),
			('p3', 'anonymous_id', 'a3', '01'), ('p3', 'anonymous_id', 'a4', '02'),
			('p5', 'user_id', 'u5', '01'), ('p5', 'user_id', 'u6', '02'), ('p6', 'user_id', 'u7', '01')`,
		`INSERT INTO ps.profile_merges (canonical_segment_id, segment_id) VALUES ('p1', 'p1'), ('p5', 'p6')`)
	s := open(t, server, warehouse.Config{Reader: warehouse.ProfilesSync, Schemas: []string{"ps"}, Traits: []warehouse.Trait{
		{Key: "vip"}, {Key: "ltv", Class: segment.ClassComputed},
	}})
	requireMembers(t, s, "vip", " a3  true", " a4  true", "u1 a-new 85e2 true", "u5   true", "u6   true")
	requireMembers(t, s, "ltv", "u1 a-new 85e2 12.50", "u2   cleared")
	ins, err := lists(t, s)
	require.NoError(t, err)
	require.Equal(t, "ps.user_traits/vip", ins["vip"].Objects[0].Name)
	require.Equal(t, source.ShapeList, ins["vip"].Shape)
}

func readStopsWithTheContext(t *testing.T, server *enginetest.Postgres) {
	server.Exec(t, profilesTables("ps")...)
	server.Exec(t,
		`INSERT INTO ps.user_traits (canonical_segment_id, name, value, seq) SELECT 'p' || n, 'vip', 'true', '1' FROM generate_series(1, 5000) n`,
		`INSERT INTO ps.user_identifiers (canonical_segment_id, type, value, seq) SELECT 'p' || n, 'user_id', 'u' || n, '1' FROM generate_series(1, 5000) n`)
	s := open(t, server, warehouse.Config{Reader: warehouse.ProfilesSync, Schemas: []string{"ps"}, Traits: []warehouse.Trait{{Key: "vip"}}})
	ins, err := lists(t, s)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	err = s.Read(ctx, ins["vip"], source.Position{}, func(source.Batch) error {
		cancel()
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
}
