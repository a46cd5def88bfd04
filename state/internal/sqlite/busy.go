package sqlite

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// busy returns an error that names the process that keeps us from writing, as far as
// the system knows it. SQLite's own error does not.
func busy(path string, err error) error {
	who := "another program"
	if pid := writer(path); pid > 0 {
		who = fmt.Sprintf("process %d", pid)
		if name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil {
			who += " (" + strings.TrimSpace(string(name)) + ")"
		}
	}
	return fmt.Errorf("%s is being written by %s; end that session, then run again: nothing is lost: %w", path, who, err)
}

// writer returns the process that holds SQLite's lock for writing, or 0. It reads
// Linux's list of locks. Opening the files to ask would lose our own locks when they
// are closed.
func writer(path string) int {
	list, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0
	}
	path = Resolve(path)
	log, file := inode(path+"-shm"), inode(path)
	for line := range strings.Lines(string(list)) {
		// 1: POSIX  ADVISORY  WRITE 21882 fe:00:10027311 120 120
		f := strings.Fields(line)
		if len(f) != 8 || f[1] != "POSIX" || f[3] != "WRITE" {
			continue
		}
		pid, _ := strconv.Atoi(f[4])
		from, _ := strconv.ParseUint(f[6], 10, 64)
		to, err := strconv.ParseUint(f[7], 10, 64)
		if err != nil { // EOF
			to = 1<<63 - 1
		}
		// https://www.sqlite.org/walformat.html#locks and https://www.sqlite.org/lockingv3.html
		const logWriter, fileLocks = 120, 0x40000000
		number := f[5][strings.LastIndexByte(f[5], ':')+1:]
		if pid != os.Getpid() && (number == log && from <= logWriter && logWriter <= to || number == file && to >= fileLocks) {
			return pid
		}
	}
	return 0
}

// inode returns a file's number as it stands in the list of locks, or "none".
func inode(path string) string {
	if info, err := os.Stat(path); err == nil {
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			return strconv.FormatUint(s.Ino, 10)
		}
	}
	return "none"
}
