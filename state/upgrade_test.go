package state_test

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

// schemaFiles are the migrations up to a version. A released one is never
// edited, so they make that version's file exactly.
func schemaFiles(t *testing.T, upTo int) fstest.MapFS {
	t.Helper()
	names, err := fs.Glob(state.Schemas(), "migrations/*.sql")
	require.NoError(t, err)
	all := fstest.MapFS{}
	for _, name := range names[:min(upTo, len(names))] {
		data, err := fs.ReadFile(state.Schemas(), name)
		require.NoError(t, err)
		all[name] = &fstest.MapFile{Data: data}
	}
	return all
}

// TestSchema: a new file is as if all migrations had been applied to it, one by one.
// With -update it writes schema.sql.
func TestSchema(t *testing.T) {
	made := func() (objects []string) {
		o := options(filepath.Join(t.TempDir(), "state.db"))
		o.Create = true
		require.NoError(t, state.Make(t.Context(), o))
		db, err := sql.Open("sqlite3", o.Path)
		require.NoError(t, err)
		defer db.Close()
		each(t, db, `SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND name <> 'goose_db_version' ORDER BY type = 'view', type <> 'table', name`, func(row []any) {
			objects = append(objects, row[0].(string))
		})
		return objects
	}
	undo := state.SetSchemas(schemaFiles(t, math.MaxInt))
	migrated := made()
	undo()
	if *updateRecipes {
		text := "-- The newest schema, as the migrations make it. go test ./state -run TestSchema -update\n\n" + strings.Join(migrated, ";\n\n") + ";\n"
		require.NoError(t, os.WriteFile("schema.sql", []byte(text), 0o600))
		return
	}
	require.Equal(t, migrated, made(), "go test ./state -run TestSchema -update")
}

func versionOf(t *testing.T, name string) int {
	t.Helper()
	var n int
	_, err := fmt.Sscanf(filepath.Base(name), "%05d_", &n)
	require.NoError(t, err)
	return n
}

func options(path string) state.Options {
	return state.Options{Path: path, Binding: &binding, Now: func() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }}
}

// madeWith makes a state with the given migrations, and the rows that
// testdata/schema-NNNN.sql of that version has.
func madeWith(t *testing.T, version int, all fs.FS) string {
	t.Helper()
	defer state.SetSchemas(all)()
	o := options(filepath.Join(t.TempDir(), "state.db"))
	o.Create = true
	require.NoError(t, state.Make(context.Background(), o))
	rows, err := os.ReadFile(fmt.Sprintf("testdata/schema-%04d.sql", version))
	require.NoError(t, err, "each schema has a file of rows as its program wrote them")
	raw, err := sql.Open("sqlite3", o.Path)
	require.NoError(t, err)
	defer raw.Close()
	_, err = raw.ExecContext(context.Background(), string(rows))
	require.NoError(t, err)
	return o.Path
}

// TestUpgrade opens a state of every schema there ever was with the newest
// program, and works on. Not parallel: the migrations are the package's.
func TestUpgrade(t *testing.T) {
	names, err := fs.Glob(state.Schemas(), "migrations/*.sql")
	require.NoError(t, err)
	for i := range names {
		t.Run(names[i], func(t *testing.T) { worksOn(t, madeWith(t, versionOf(t, names[i]), schemaFiles(t, i+1))) })
	}
}

// worksOn is what the newest program does with a state of the fixtures: u1 was
// told and is a member, u2 is to be told, u3 has left, and a page load waits.
func worksOn(t *testing.T, path string) {
	t.Helper()
	ctx := context.Background()
	db, err := state.Open(ctx, options(path))
	require.NoError(t, err)
	defer db.Close()
	_, err = db.BeginRun(ctx, state.RunInfo{Kind: "run", Fingerprint: "f"})
	require.NoError(t, err)
	problems, err := db.Check(ctx)
	require.NoError(t, err)
	require.Empty(t, problems)
	claims, err := db.Turn(ctx, nil, everything)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"u2 vip=true", "u3 vip=false", "page"}, told(claims))
	var out []state.Outcome
	for _, c := range claims {
		out = append(out, state.Outcome{Claim: c, Result: state.Delivered})
	}
	_, err = db.Turn(ctx, out, state.Want{})
	require.NoError(t, err)
	require.NoError(t, db.EndRun(ctx, 0, ""))
	problems, err = db.Check(ctx)
	require.NoError(t, err)
	require.Empty(t, problems)
	s, err := db.Status(ctx, 10)
	require.NoError(t, err)
	require.Equal(t, state.Counts{}, s.Traits)
}

// TestEventKeysAreMoved upgrades a state whose latest keys stood in a table of
// their own. Not parallel: the migrations are the package's.
func TestEventKeysAreMoved(t *testing.T) {
	path := madeWith(t, 9, schemaFiles(t, 9))
	worksOn(t, path)
	raw, err := sql.Open("sqlite3", path)
	require.NoError(t, err)
	defer raw.Close()
	var keys string
	require.NoError(t, raw.QueryRowContext(context.Background(), `SELECT group_concat(hex(key), ' ') FROM (SELECT key FROM event_keys ORDER BY key)`).Scan(&keys))
	require.Equal(t, "000102030405060708090A0B0C0D0E0F 101112131415161718191A1B1C1D1E1F", keys)
}

// TestAmountsAreTenThousandths upgrades a state whose amounts were hundredths. Not
// parallel: the migrations are the package's.
func TestAmountsAreTenThousandths(t *testing.T) {
	path := madeWith(t, 15, schemaFiles(t, 15))
	raw, err := sql.Open("sqlite3", path)
	require.NoError(t, err)
	defer raw.Close()
	exec := func(query string) {
		_, err := raw.ExecContext(context.Background(), query)
		require.NoError(t, err)
	}
	exec(`UPDATE deliveries SET amount = 119950, currency = 'EUR' WHERE id = 2`)
	exec(`UPDATE deliveries SET amount = 9223372036854775807, currency = 'IDR' WHERE id = 1`)
	exec(`INSERT INTO guard_verdicts (scope, direction, unit, run, at, fresh, base, held) VALUES (-1, 'conversions', 'EUR', 1, 1, 150, 20, 0), (-1, 'conversions', '', 1, 1, 3, 2, 0)`)
	db, err := state.Open(context.Background(), options(path))
	require.NoError(t, err)
	require.NoError(t, db.Close())
	var text string
	require.NoError(t, raw.QueryRowContext(context.Background(), `SELECT group_concat(amount, ' ') || (SELECT ' ' || amount FROM orders)
		|| (SELECT group_concat(' ' || unit || fresh || '/' || base, '') FROM guard_verdicts) FROM (SELECT amount FROM deliveries ORDER BY id)`).Scan(&text))
	require.Equal(t, "9000000000000000000 11995000 1199.5 40/100 EUR15000/2000 3/2", text)
}

// TestNextSchema plays the release of one more migration. Not parallel.
func TestNextSchema(t *testing.T) {
	ctx := context.Background()
	names, err := fs.Glob(state.Schemas(), "migrations/*.sql")
	require.NoError(t, err)
	newest := versionOf(t, names[len(names)-1])
	path := madeWith(t, newest, state.Schemas())
	more := schemaFiles(t, len(names))
	more[fmt.Sprintf("migrations/%05d_next.sql", newest+1)] = &fstest.MapFile{Data: []byte("-- +goose Up\nALTER TABLE runs ADD COLUMN mood TEXT;\n")}
	upgraded := state.SetSchemas(more)

	// The newer program reads nothing of the older state, but it backs it up.
	reading := state.Options{Path: path, ReadOnly: true, Binding: &binding}
	_, err = state.Open(ctx, reading)
	require.ErrorIs(t, err, state.ErrOlder)
	require.ErrorIs(t, err, state.ErrUnusable, "exit 12")
	reading.Older = true
	db, err := state.Open(ctx, reading)
	require.NoError(t, err)
	backup := filepath.Join(t.TempDir(), "backup.db")
	require.NoError(t, db.Backup(ctx, backup))
	require.NoError(t, db.Close())

	worksOn(t, path)

	// The older program refuses what the newer one made, and leaves it alone.
	upgraded()
	for _, o := range []state.Options{options(path), reading} {
		_, err = state.Open(ctx, o)
		require.ErrorIs(t, err, state.ErrNewer)
	}

	// The backup made before the upgrade is the way back.
	_, err = state.Restore(ctx, path, backup, nil, time.Now())
	require.NoError(t, err)
	db, err = state.Open(ctx, options(path))
	require.NoError(t, err)
	problems, err := db.Check(ctx)
	require.NoError(t, err)
	require.Empty(t, problems)
	require.NoError(t, db.Close())
}

// TestShortValues looks at every kind of value through the views, before and
// after schema 3 stores them in another way. Not parallel: the migrations are
// the package's.
func TestShortValues(t *testing.T) {
	ctx := context.Background()
	path := madeWith(t, 1, schemaFiles(t, 1))
	raw, err := sql.Open("sqlite3", path)
	require.NoError(t, err)
	defer raw.Close()
	_, err = raw.ExecContext(ctx, `INSERT INTO traits (id, key, class, created_at) VALUES (2, 'points', 'computed', 1);
		INSERT INTO trait_values (trait_id, profile_id, status, wanted, wanted_at, delivered, delivered_at) VALUES
			(2, 5667766231036073996, 0, '1', 1, '1', 1795000000123456789), (2, 9168614106444597936, 0, '007', 1, '007', 2), (2, 2952098044459460902, 0, NULL, 1, NULL, NULL);
		INSERT INTO counters (scope, name, value) VALUES (2, 'settled', 3), (2, 'wanted', 2), (2, 'delivered', 2), (2, 'told', 2)`)
	require.NoError(t, err)
	seen := func() (text string) {
		err := raw.QueryRowContext(ctx, `SELECT group_concat(row, char(10)) FROM (
			SELECT concat_ws(' ', user_id, trait_key, wanted, delivered, changed_at, delivered_at, status) AS row FROM profile_traits
			UNION ALL SELECT concat_ws(' ', id, user_id, detail, created_at) FROM pending_deliveries ORDER BY 1)`).Scan(&text)
		require.NoError(t, err)
		return text
	}
	before := seen()
	require.Contains(t, before, "u1 points 1 1 1970-01-01T00:00:00.000Z 2026-11-18T11:06:40.123Z settled")
	require.Contains(t, before, "u2 points 007 007")
	require.Contains(t, before, "u3 vip=false")

	db, err := state.Open(ctx, options(path))
	require.NoError(t, err)
	require.Equal(t, strings.ReplaceAll(before, "40.123Z", "40.000Z"), seen(), "deliveries are kept to the second")
	problems, err := db.Check(ctx)
	require.NoError(t, err)
	require.Empty(t, problems)
	require.NoError(t, db.Close())
	worksOn(t, path)
}
