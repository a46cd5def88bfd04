package state_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

func TestLock(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

	t.Run("a second holder is told who has it since when", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "state.db")
		require.NoError(t, os.WriteFile(path+".lock", []byte("process 1 on elsewhere since 2020-01-01T00:00:00Z\n"), 0o600))
		lock, err := state.Acquire(path, since)
		require.NoError(t, err)
		_, err = state.Acquire(path, since.Add(time.Hour))
		require.ErrorIs(t, err, state.ErrLocked)
		require.ErrorContains(t, err, "since 2026-11-20T12:00:00Z")
		require.NoError(t, lock.Release())
		text, err := os.ReadFile(path + ".lock")
		require.NoError(t, err)
		require.Empty(t, text, "nobody holds it")
		again, err := state.Acquire(path, since)
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
		lock, err := state.Acquire(path, since)
		require.NoError(t, err)
		for _, name := range []string{link, filepath.Join(folder, "state.db")} {
			_, err = state.Acquire(name, since)
			require.ErrorIs(t, err, state.ErrLocked, name)
		}
		require.NoError(t, lock.Release())
	})

	t.Run("no folder", func(t *testing.T) {
		t.Parallel()
		_, err := state.Acquire(filepath.Join(t.TempDir(), "no", "state.db"), since)
		require.ErrorIs(t, err, state.ErrMissing)
	})
}

// Not parallel: the file system is the package's.
func TestNetworkFileSystem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	require.NoError(t, state.CheckFileSystem(path), "a temporary folder is no network")
	require.NoError(t, state.CheckFileSystem(filepath.Join(path, "no", "state.db")), "what cannot be asked is not refused")
	for number, kind := range map[uint32]string{0x6969: "NFS", 0xff534d42: "CIFS", 0xfe534d42: "SMB2", 0x65735546: "FUSE", 0x01021997: "9P"} {
		restore := state.SetFileSystem(number)
		err := state.CheckFileSystem(path)
		restore()
		require.ErrorIs(t, err, state.ErrNetwork)
		require.ErrorIs(t, err, state.ErrUnusable, "exit 12")
		require.ErrorContains(t, err, filepath.Dir(path)+" is on "+kind)
	}
	for name, number := range map[string]uint32{"ext4": 0xef53, "xfs": 0x58465342, "btrfs": 0x9123683e, "overlay": 0x794c7630, "tmpfs": 0x01021994, "zfs": 0x2fc12fc1} {
		restore := state.SetFileSystem(number)
		require.NoError(t, state.CheckFileSystem(path), name)
		restore()
	}
}
