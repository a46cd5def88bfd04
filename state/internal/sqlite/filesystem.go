package sqlite

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/moby/sys/mountinfo"
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
	fuse:       "FUSE, as sshfs, s3fs and gcsfuse are",
	0x01021997: "9P",
	0x00c36400: "Ceph",
	0x5346414f: "AFS",
	0x6b414653: "AFS",
	0x0bd00bd0: "Lustre",
	0x47504653: "GPFS",
	0x786f4256: "a VirtualBox shared folder",
	0xbacbacbc: "a VMware shared folder",
}

// fuse is the number of all file systems that a program serves.
const fuse = 0x65735546

// CheckFileSystem returns [ErrNetwork], with the kind of file system, if a file's
// folder is on a network file system. It knows those of Linux. If the system does not
// say, there is no error.
func CheckFileSystem(path string) error { return checkFileSystem(path, statfs, mountedAs) }

func checkFileSystem(path string, statfs func(folder string) (uint32, error), mountedAs func(folder string) string) error {
	if runtime.GOOS != "linux" {
		return nil
	}
	folder := filepath.Dir(Resolve(path))
	number, err := statfs(folder)
	if err != nil {
		return nil //nolint:nilerr // opening the file says what is the matter
	}
	kind, network := networks[number]
	if number == fuse {
		switch name := mountedAs(folder); {
		case name == "fuseblk": // a local disk, such as one of NTFS
			return nil
		case name != "":
			kind = strings.TrimPrefix(name, "fuse.") + " (FUSE)"
		}
	}
	if network {
		return fmt.Errorf("%w: %s is on %s", ErrNetwork, folder, kind)
	}
	return nil
}

// mountedAs returns the type of the file system that a folder is on, such as
// fuse.sshfs, or "" if the system does not say.
func mountedAs(folder string) (name string) {
	mounts, _ := mountinfo.GetMounts(mountinfo.ParentsFilter(folder))
	deepest := 0
	for _, m := range mounts {
		if len(m.Mountpoint) >= deepest { // of two at one place the later one counts
			name, deepest = m.FSType, len(m.Mountpoint)
		}
	}
	return name
}

// statfs returns the number of the file system of a folder.
func statfs(folder string) (uint32, error) {
	var fs sys.Statfs_t
	err := sys.Statfs(folder, &fs)
	return uint32(fs.Type), err
}
