package state_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

// TestPowerLoss damages the write-ahead log of a state 200 times, as a power
// cut or a bad disk may: cut off, overwritten, zeroed. It opens as it was after
// some commit, or is refused; nothing between.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	for name, checkpoint := range map[string]bool{"nothing is in the file yet": false, "the file has a part of the log": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			require.NoError(t, b.db.Close())
			commits := map[[32]byte]bool{dump(t, b.path): true}
			b.db = nil
			b.reopen()
			b.history(commits, checkpoint)
			file, err := os.ReadFile(b.path)
			require.NoError(t, err)
			log, err := os.ReadFile(b.path + "-wal")
			require.NoError(t, err)
			require.Greater(t, len(log), 50_000)
			rng := rand.New(rand.NewPCG(5, 5))
			opened, refused := 0, 0
			for range 100 {
				path := filepath.Join(t.TempDir(), "state.db")
				require.NoError(t, os.WriteFile(path, file, 0o600))
				require.NoError(t, os.WriteFile(path+"-wal", damage(rng, log), 0o600))
				db, err := state.Open(context.Background(), state.Options{Path: path, Binding: &binding})
				if err != nil {
					require.ErrorIs(t, err, state.ErrUnusable)
					refused++
					continue
				}
				problems, err := db.Check(context.Background())
				require.NoError(t, err)
				require.Empty(t, problems)
				require.NoError(t, db.Close())
				require.True(t, commits[dump(t, path)], "it is as it was after no commit at all")
				opened++
			}
			t.Logf("%d opened at some commit, %d refused, 0 silently wrong", opened, refused)
			require.Equal(t, checkpoint, refused > 0)
		})
	}
}

// damage is a log after an accident.
func damage(rng *rand.Rand, log []byte) []byte {
	out := append([]byte(nil), log...)
	at := rng.IntN(len(out))
	switch rng.IntN(3) {
	case 0:
		return out[:at]
	case 1:
		out[at] ^= byte(1 + rng.IntN(255))
	default:
		clear(out[at:min(len(out), at+512+rng.IntN(8192))])
	}
	return out
}

// history makes some commits, on pages here and there in a larger file, and
// notes what the state was after each of them.
func (b *bench) history(commits map[[32]byte]bool, checkpoint bool) {
	b.t.Helper()
	const people = 3000
	all := make([]string, people)
	for i := range all {
		all[i] = fmt.Sprintf("u%d", i)
	}
	b.list("vip", state.Guard{}, all...)
	b.exec("PRAGMA wal_checkpoint(TRUNCATE)")
	note := func() { commits[dump(b.t, b.path)] = true }
	note()
	for i := range 40 {
		b.change(user(all[i*71%people]), "web", fmt.Sprint(i%2 == 0), b.now)
		note()
		claims, err := b.db.Turn(context.Background(), nil, state.Want{PageLoads: 2})
		require.NoError(b.t, err)
		note()
		if i%3 > 0 {
			b.settle(state.Delivered, claims...)
			note()
		}
	}
	if checkpoint { // after it the log is older than the file in places, if it is damaged
		b.exec("PRAGMA wal_checkpoint(PASSIVE)")
	}
}

func (b *bench) exec(query string) {
	b.t.Helper()
	db, err := sql.Open("sqlite3", b.path)
	require.NoError(b.t, err)
	defer db.Close()
	_, err = db.ExecContext(context.Background(), query)
	require.NoError(b.t, err)
}

// dump is a digest of everything in a state.
func dump(t *testing.T, path string) [32]byte {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?mode=ro")
	require.NoError(t, err)
	defer db.Close()
	hash := sha256.New()
	var tables []string
	each(t, db, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`, func(row []any) { tables = append(tables, row[0].(string)) })
	for _, table := range tables {
		columns := "*"
		if table == "store" {
			columns = "store_id, created_at" // opening it is a transaction, too
		}
		each(t, db, `SELECT `+columns+`, 0 FROM `+table+` ORDER BY 1, 2`, func(row []any) { fmt.Fprintln(hash, table, row) })
	}
	return [32]byte(hash.Sum(nil))
}

func each(t *testing.T, db *sql.DB, query string, fn func([]any)) {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), query)
	require.NoError(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	for rows.Next() {
		row, dest := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			dest[i] = &row[i]
		}
		require.NoError(t, rows.Scan(dest...))
		fn(row)
	}
	require.NoError(t, rows.Err())
}

// TestBackupWhileWriting copies the state over and over while it is written to.
func TestBackupWhileWriting(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, stop := context.WithCancelCause(context.Background())
	done := errors.New("done")
	written := make(chan int)
	go func() {
		n := 0
		for ; ctx.Err() == nil; n++ {
			b.change(user(fmt.Sprintf("u%d", n%500)), "web", fmt.Sprint(n%3 > 0), b.now)
			if n%20 == 0 {
				b.send()
			}
		}
		written <- n
	}()
	for i := range 20 {
		copied := filepath.Join(t.TempDir(), fmt.Sprint(i, ".db"))
		require.NoError(t, b.db.Backup(context.Background(), copied))
		db, err := state.Open(context.Background(), state.Options{Path: copied, ReadOnly: true, Binding: &binding})
		require.NoError(t, err)
		problems, err := db.Check(context.Background())
		require.NoError(t, err)
		require.Empty(t, problems)
		require.NoError(t, db.Close())
	}
	stop(done)
	require.Positive(t, <-written)
}

// A restore that was killed between taking the old file away and putting the
// new one in its place must not leave room for an empty state.
func TestRestoreCutShort(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := setup(t)
	backup := filepath.Join(t.TempDir(), "backup.db")
	require.NoError(t, b.db.Backup(ctx, backup))
	require.NoError(t, b.db.Close())
	b.db = nil
	require.NoError(t, os.Rename(b.path, b.path+".before-restore"))
	require.NoError(t, os.WriteFile(b.path+".restoring", nil, 0o600))
	_, err := state.Open(ctx, state.Options{Path: b.path, Create: true, Binding: &binding})
	require.ErrorIs(t, err, state.ErrUnusable)
	require.ErrorContains(t, err, "state restore again")
	_, err = state.Restore(ctx, b.path, backup, nil, b.now)
	require.NoError(t, err)
	b.reopen()
}
