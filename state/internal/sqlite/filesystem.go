package sqlite

import (
	"fmt"
	"path/filepath"
	"runtime"

	sys "golang.org/x/sys/unix"
)

// ErrNetwork says that the state is on a network file system. SQLite's write-ahead log
// needs all of its users on one host (https://www.sqlite.org/wal.html), and locks on
// such file systems may be known to one host only.
var ErrNetwork = fmt.Errorf("%w: it lies on a network file system", ErrUnusable)

// networks are the file systems that are refused, by the number that statfs(2)
// returns. FUSE is among them because sshfs, s3fs and gcsfuse look like a local one.
var networks = map[uint32]string{
	0x6969:     "NFS",
	0xff534d42: "CIFS",
	0xfe534d42: "SMB2",
	0x517b:     "SMB",
	0x65735546: "FUSE, as sshfs, s3fs and gcsfuse are",
	0x01021997: "9P",
	0x00c36400: "Ceph",
	0x5346414f: "AFS",
	0x6b414653: "AFS",
	0x0bd00bd0: "Lustre",
	0x47504653: "GPFS",
	0x786f4256: "a VirtualBox shared folder",
	0xbacbacbc: "a VMware shared folder",
}

// CheckFileSystem returns [ErrNetwork], with the kind of file system, if a file's
// folder is on a network file system. It knows those of Linux. If the system does not
// say, there is no error.
func CheckFileSystem(path string) error { return checkFileSystem(path, statfs) }

func checkFileSystem(path string, statfs func(folder string) (uint32, error)) error {
	if runtime.GOOS != "linux" {
		return nil
	}
	folder := filepath.Dir(Resolve(path))
	number, err := statfs(folder)
	if err != nil {
		return nil //nolint:nilerr // opening the file says what is the matter
	}
	if kind, network := networks[number]; network {
		return fmt.Errorf("%w: %s is on %s", ErrNetwork, folder, kind)
	}
	return nil
}

// statfs returns the number of the file system of a folder.
func statfs(folder string) (uint32, error) {
	var fs sys.Statfs_t
	err := sys.Statfs(folder, &fs)
	return uint32(fs.Type), err
}
