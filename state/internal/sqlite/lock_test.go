package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state/internal/sqlite"
)

func TestLock(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

	t.Run("a second holder is told who has it since when", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "state.db")
		require.NoError(t, os.WriteFile(path+".lock", []byte("process 1 on elsewhere since 2020-01-01T00:00:00Z\n"), 0o600))
		lock, err := sqlite.Acquire(path, since)
		require.NoError(t, err)
		_, err = sqlite.Acquire(path, since.Add(time.Hour))
		require.ErrorIs(t, err, sqlite.ErrLocked)
		require.ErrorContains(t, err, "since 2026-11-20T12:00:00Z")
		require.NoError(t, lock.Release())
		text, err := os.ReadFile(path + ".lock")
		require.NoError(t, err)
		require.Empty(t, text, "nobody holds it")
		again, err := sqlite.Acquire(path, since)
		require.NoError(t, err)
		require.NoError(t, again.Release())
	})

	t.Run("two names of one file are one lock", func(t *testing.T) {
		t.Parallel()
		dir, other := t.TempDir(), t.TempDir()
		path := filepath.Join(dir, "state.db")
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		link, folder := filepath.Join(other, "link.db"), filepath.Join(other, "folder")
		require.NoError(t, os.Symlink(path, link))
		require.NoError(t, os.Symlink(dir, folder))
		lock, err := sqlite.Acquire(path, since)
		require.NoError(t, err)
		for _, name := range []string{link, filepath.Join(folder, "state.db")} {
			_, err = sqlite.Acquire(name, since)
			require.ErrorIs(t, err, sqlite.ErrLocked, name)
		}
		require.NoError(t, lock.Release())
	})

	t.Run("no folder", func(t *testing.T) {
		t.Parallel()
		_, err := sqlite.Acquire(filepath.Join(t.TempDir(), "no", "state.db"), since)
		require.ErrorIs(t, err, sqlite.ErrNoFolder)
	})
}
