package state_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

// manyRows adds rows of every status to a state of schema 11, by lists and by messages.
const manyRows = `
	INSERT INTO profiles (id, user_id) WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 210) SELECT i, 'p' || i FROM n;
	INSERT INTO traits (id, key, class, created_at) VALUES (2, 'points', 'computed', 1);
	INSERT INTO trait_values (trait_id, profile_id, status, is_exit, doubt, wanted, wanted_at, delivered, delivered_at, sent, attempt, origin, received_at, message_id, ordered_at)
		SELECT 1, id, id % 7, id % 7 = 6, id % 7 IN (2, 5), id % 7 <> 6, CASE id % 2 WHEN 0 THEN 1795000000000000000 ELSE 1794000000000000000 + id END,
			CASE WHEN id % 7 IN (0, 6) THEN 1 END, CASE WHEN id % 7 IN (0, 6) THEN 1795000000000 END, CASE WHEN id % 7 IN (2, 5) THEN 1 END, CASE WHEN id % 7 = 2 THEN 9 END,
			CASE id % 2 WHEN 0 THEN -1 ELSE 1 END, CASE id % 2 WHEN 1 THEN 1795000000000000001 END, CASE id % 2 WHEN 1 THEN 'm' || id END, CASE id % 4 WHEN 1 THEN 1795000000000000002 END
		FROM profiles WHERE id < 211;
	INSERT INTO trait_values (trait_id, profile_id, status, doubt, wanted, wanted_at, delivered, delivered_at, sent) VALUES
		(2, 1, 0, 0, '80', 1795000000000000000, '80', 1795000000000, NULL), (2, 2, 0, 1, NULL, 1795000000000000000, '7', 1795000000000, '7');
	INSERT INTO trait_faults (trait_id, profile_id, attempts, next_attempt_at, last_error, class, value, fingerprint, at)
		SELECT trait_id, profile_id, 3, CASE WHEN status IN (3, 5) THEN 1796000000000000000 END, 'words', CASE status WHEN 4 THEN 'other' WHEN 6 THEN 'exits' END,
			'true', 'f', 1795000000000000003 FROM trait_values WHERE trait_id = 1 AND profile_id < 211 AND status IN (3, 4, 5, 6);
	DELETE FROM counters WHERE scope > 0;
	INSERT INTO counters (scope, name, value)
		SELECT v.trait_id, s.name, count(*) FROM trait_values v JOIN (SELECT 0 AS status, 'settled' AS name UNION ALL VALUES (1, 'pending'), (2, 'in_flight'), (3, 'retry_later'), (4, 'refused'), (5, 'unknown'), (6, 'held')) s ON s.status = v.status GROUP BY 1, 2
		UNION ALL SELECT trait_id, 'wanted', count(*) FROM trait_values WHERE wanted IS NOT NULL AND (trait_id = 2 OR wanted = 1) GROUP BY 1
		UNION ALL SELECT trait_id, 'delivered', count(*) FROM trait_values WHERE delivered IS NOT NULL AND (trait_id = 2 OR delivered = 1) GROUP BY 1
		UNION ALL SELECT trait_id, 'told', count(*) FROM trait_values WHERE doubt = 1 OR delivered IS NOT NULL AND (trait_id = 2 OR delivered = 1) GROUP BY 1`

// shown is what the views say of trait values.
func shown(t *testing.T, path string) string {
	t.Helper()
	raw, err := sql.Open("sqlite3", path)
	require.NoError(t, err)
	defer raw.Close()
	var all []string
	for _, view := range []string{"profile_traits", "pending_deliveries", "refused_deliveries", "held_changes", "(SELECT key, source, members_wanted, members_delivered, pending, held, refused FROM audiences)"} {
		each(t, raw, `SELECT * FROM `+view+` ORDER BY 1, 2, 3`, func(row []any) { all = append(all, fmt.Sprint(view, row)) })
	}
	return strings.Join(all, "\n")
}

// copyState copies a state and its log, as a kill would leave them.
func copyState(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "state.db")
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + suffix)
		if suffix == "" || err == nil {
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(to+suffix, data, 0o600))
		}
	}
	return to
}

// TestRowsAreMovedInParts upgrades a state with many rows, and is killed at every
// commit. Not parallel: the migrations are the package's.
func TestRowsAreMovedInParts(t *testing.T) {
	ctx := context.Background()
	path := madeWith(t, 11, schemaFiles(t, 11))
	raw, err := sql.Open("sqlite3", path)
	require.NoError(t, err)
	_, err = raw.ExecContext(ctx, manyRows)
	require.NoError(t, err)
	require.NoError(t, raw.Close())
	before := shown(t, path)
	defer state.MoveAtOnce(20)()

	var killed []string
	var last [2]int64
	o := options(path)
	o.Point = func(string) { killed = append(killed, copyState(t, path)) }
	o.Progress = func(rows, of int64) { last = [2]int64{rows, of} }
	upgraded := func(o state.Options) {
		db, err := state.Open(ctx, o)
		require.NoError(t, err)
		problems, err := db.Check(ctx)
		require.NoError(t, err)
		require.Empty(t, problems)
		require.NoError(t, db.Close())
		require.Equal(t, before, shown(t, o.Path))
	}
	upgraded(o)
	require.Equal(t, [2]int64{215, 215}, last)
	require.Greater(t, len(killed), 20)
	for i, path := range killed[:len(killed)-1] {
		_, err := state.Open(ctx, state.Options{Path: path, ReadOnly: true, Binding: &binding})
		require.ErrorIs(t, err, state.ErrOlder, "commit %d", i)
		upgraded(options(path))
	}
}
