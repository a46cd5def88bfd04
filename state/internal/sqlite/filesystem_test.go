package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNetworkFileSystem(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	require.NoError(t, CheckFileSystem(path), "a temporary folder is no network")
	require.NoError(t, CheckFileSystem(filepath.Join(path, "no", "state.db")), "what cannot be asked is not refused")
	named := func(number uint32, name string) error {
		return checkFileSystem(path, func(string) (uint32, error) { return number, nil }, func(string) string { return name })
	}
	on := func(number uint32) error { return named(number, "") }
	for name, want := range map[string]string{"fuse.sshfs": "sshfs (FUSE)", "fuse.s3fs": "s3fs (FUSE)", "fuse.gcsfuse": "gcsfuse (FUSE)", "fuse": "fuse (FUSE)"} {
		require.ErrorContains(t, named(fuse, name), filepath.Dir(path)+" is on "+want)
	}
	require.NoError(t, named(fuse, "fuseblk"), "a local disk")
	require.NotEmpty(t, mountedAs(t.TempDir()), "the kernel says")
	require.Equal(t, "proc", mountedAs("/proc/self"))
	for number, kind := range map[uint32]string{0x6969: "NFS", 0xff534d42: "CIFS", 0xfe534d42: "SMB2", 0x65735546: "FUSE", 0x01021997: "9P"} {
		err := on(number)
		require.ErrorIs(t, err, ErrNetwork)
		require.ErrorIs(t, err, ErrUnusable, "exit 12")
		require.ErrorContains(t, err, filepath.Dir(path)+" is on "+kind)
	}
	for name, number := range map[string]uint32{"ext4": 0xef53, "xfs": 0x58465342, "btrfs": 0x9123683e, "overlay": 0x794c7630, "tmpfs": 0x01021994, "zfs": 0x2fc12fc1} {
		require.NoError(t, on(number), name)
	}
}
