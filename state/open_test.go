package state_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	ctx := context.Background()

	t.Run("a file of mode 0600", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		info, err := os.Stat(b.path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	})

	t.Run("not a SQLite file", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "state.db")
		require.NoError(t, os.WriteFile(path, []byte("this is not a database, it is a letter to my mother, and a rather long one"), 0o600))
		_, err := state.Open(ctx, state.Options{Path: path, Create: true, Binding: &binding})
		require.ErrorIs(t, err, state.ErrUnusable)
		require.ErrorContains(t, err, "not a SQLite file")
	})

	t.Run("an empty file is a lost state, unless it is being made", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "state.db")
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		for _, o := range []state.Options{{Path: path, Create: true, Binding: &binding}, {Path: path}, {Path: path, ReadOnly: true}} {
			_, err := state.Open(ctx, o)
			require.ErrorIs(t, err, state.ErrUnusable)
			require.ErrorContains(t, err, path+" is empty: what it held is lost; restore a backup, or delete the file to start over")
		}
		// What a process leaves that was killed before it wrote anything.
		require.NoError(t, os.WriteFile(path+".making", nil, 0o600))
		db, err := state.Open(ctx, state.Options{Path: path, Create: true, Binding: &binding})
		require.NoError(t, err)
		require.NoError(t, db.Close())
		require.NoFileExists(t, path+".making")
		raw, err := sql.Open("sqlite3", path)
		require.NoError(t, err)
		var page int
		require.NoError(t, raw.QueryRow("PRAGMA page_size").Scan(&page))
		require.Equal(t, 16384, page)
		require.NoError(t, raw.Close())
		require.NoError(t, os.Truncate(path, 0))
		_, err = state.Open(ctx, state.Options{Path: path, Create: true, Binding: &binding})
		require.ErrorIs(t, err, state.ErrUnusable)
	})

	t.Run("another program's database", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "state.db")
		db, err := sql.Open("sqlite3", path)
		require.NoError(t, err)
		_, err = db.Exec("CREATE TABLE bookmarks (url TEXT)")
		require.NoError(t, err)
		require.NoError(t, db.Close())
		_, err = state.Open(ctx, state.Options{Path: path, Create: true, Binding: &binding})
		require.ErrorIs(t, err, state.ErrUnusable)
	})

	t.Run("newer than the program", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		require.NoError(t, b.db.Close())
		db, err := sql.Open("sqlite3", b.path)
		require.NoError(t, err)
		_, err = db.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
		require.NoError(t, err)
		require.NoError(t, db.Close())
		_, err = state.Open(ctx, state.Options{Path: b.path, Binding: &binding})
		require.ErrorIs(t, err, state.ErrNewer)
		b.db = nil
	})

	t.Run("bound to another destination", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		for name, other := range map[string]state.Binding{
			"account":  {AccountSID: "other", CampaignID: "1"},
			"program":  {AccountSID: "IRsid", CampaignID: "2"},
			"real one": {AccountSID: "IRsid", CampaignID: "1", Official: true, Hosts: "impact.com's"},
		} {
			_, err := state.Open(ctx, state.Options{Path: b.path, Binding: &other})
			require.ErrorIs(t, err, state.ErrBound, name)
		}
		db, err := state.Open(ctx, state.Options{Path: b.path, Binding: &state.Binding{CampaignID: "1"}})
		require.NoError(t, err, "what is not known is not compared")
		require.NoError(t, db.Close())
		db, err = state.Open(ctx, state.Options{Path: b.path, Binding: &state.Binding{Official: true, Hosts: binding.Hosts}})
		require.NoError(t, err, "the same hosts are the same destination, whatever they count as")
		require.NoError(t, db.Close())
	})

	t.Run("missing, and not to be made", func(t *testing.T) {
		t.Parallel()
		_, err := state.Open(ctx, state.Options{Path: filepath.Join(t.TempDir(), "state.db"), ReadOnly: true})
		require.ErrorIs(t, err, state.ErrMissing)
	})

	t.Run("a second lock names the holder", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "state.db")
		l, err := state.Acquire(path, time.Now())
		require.NoError(t, err)
		_, err = state.Acquire(path, time.Now())
		require.ErrorIs(t, err, state.ErrLocked)
		require.ErrorContains(t, err, "process")
		require.NoError(t, l.Release())
		l, err = state.Acquire(path, time.Now())
		require.NoError(t, err)
		require.NoError(t, l.Release())
	})
}

func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := setup(t)
	b.change(user("u1"), "vip", "true", b.now)
	require.Len(t, b.send(), 1)
	backup := filepath.Join(t.TempDir(), "backup.db")
	require.NoError(t, b.db.Backup(ctx, backup))
	require.Error(t, b.db.Backup(ctx, backup), "a backup does not overwrite")
	b.change(user("u2"), "vip", "true", b.now)
	require.Len(t, b.send(), 1)
	require.NoError(t, b.db.Close())
	b.db = nil
	before, err := os.ReadFile(b.path)
	require.NoError(t, err)
	other := state.Binding{AccountSID: "IRsid", CampaignID: "2"}
	nothing := filepath.Join(t.TempDir(), "state.db")
	for _, path := range []string{b.path, nothing} { // the state is another's, the backup is
		_, err := state.Restore(ctx, path, backup, &other, b.now)
		require.ErrorIs(t, err, state.ErrBound)
		require.ErrorContains(t, err, "campaignId is 1 in the state and 2 in the configuration")
	}
	require.NoFileExists(t, nothing)
	after, err := os.ReadFile(b.path)
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.NoError(t, os.WriteFile(nothing, []byte("damaged"), 0o600))
	_, err = state.Restore(ctx, nothing, backup, &binding, b.now)
	require.NoError(t, err, "what cannot be read is what a restore is for")
	r, err := state.Restore(ctx, b.path, backup, &binding, b.now)
	require.NoError(t, err)
	require.FileExists(t, r.Old)
	require.EqualValues(t, 1, r.Doubts)
	b.reopen()
	require.Equal(t, []string{"u1 vip=true"}, b.send(), "what was told is said again")
	b.sound()
}

func TestAFileThatIsMovedAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, os.Rename(b.path, b.path+".old"))
	err := b.db.EndRun(context.Background(), 0, "")
	require.ErrorIs(t, err, state.ErrMoved)
	require.ErrorIs(t, err, state.ErrUnusable, "exit 12")
	require.ErrorContains(t, err, b.path)
}

func TestAFileInTheMakingIsNoState(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	for _, name := range []string{path, path + ".making"} { // as a kill in the first moment leaves them
		require.NoError(t, os.WriteFile(name, nil, 0o600))
	}
	_, err := state.Open(context.Background(), state.Options{Path: path, ReadOnly: true, Older: true})
	require.ErrorIs(t, err, state.ErrMissing)
	db, err := state.Open(context.Background(), state.Options{Path: path, Create: true, Binding: &binding})
	require.NoError(t, err)
	require.NoError(t, db.Close())
	require.NoFileExists(t, path+".making")
	db, err = state.Open(context.Background(), state.Options{Path: path, ReadOnly: true})
	require.NoError(t, err)
	require.NoError(t, db.Close())
}
