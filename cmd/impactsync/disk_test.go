package main

import (
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/stretchr/testify/require"
)

// cramped is the program where no file may grow beyond CRAMPED bytes.
func cramped() {
	most, err := strconv.ParseUint(os.Getenv("CRAMPED"), 10, 64)
	if err != nil {
		panic(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: most, Max: most}); err != nil {
		panic(err)
	}
	main()
}

// TestFullDisk runs out of room at every stage of a run: it fails with 1, and
// once there is room nothing is lost, and repeated only what was claimed.
func TestFullDisk(t *testing.T) {
	t.Parallel()

	t.Run("files that may not grow", func(t *testing.T) {
		t.Parallel()
		s := newStory(t, 31, sandbox.Config{})
		s.next()
		s.finish()
		failed := 0
		for room := 40_000; room < 1_500_000; room += room / 3 {
			s.next()
			failed += s.noRoom(s.start("impactsync-cramped", "CRAMPED="+strconv.Itoa(room)).Wait())
			s.claimed += s.inspect()
			s.finish()
		}
		require.Greater(t, failed, 3)
		s.end()
	})

	t.Run("a small volume", func(t *testing.T) {
		t.Parallel()
		s := newStory(t, 32, sandbox.Config{})
		volume := filepath.Join(s.dir, "db")
		if err := syscall.Mount("none", volume, "tmpfs", 0, "size=1m"); err != nil {
			t.Skipf("no tmpfs can be mounted here (%v): only root may; the files that may not grow were tested", err)
		}
		t.Cleanup(func() { _ = syscall.Unmount(volume, syscall.MNT_DETACH) })
		failed := 0
		for size := 300; size < 3000; size += size / 3 {
			s.next()
			require.NoError(t, syscall.Mount("none", volume, "tmpfs", syscall.MS_REMOUNT, "size="+strconv.Itoa(max(size, s.used(volume)))+"k"))
			failed += s.noRoom(s.start("impactsync").Wait())
			s.claimed += s.inspect()
			require.NoError(t, syscall.Mount("none", volume, "tmpfs", syscall.MS_REMOUNT, "size=64m"))
			s.finish()
		}
		require.Positive(t, failed)
		s.end()
	})
}

// noRoom is 1 for a run that failed with exit code 1, as a full disk makes it.
func (s *story) noRoom(err error) int {
	s.t.Helper()
	if err == nil {
		return 0
	}
	require.ErrorContains(s.t, err, "exit status 1")
	return 1
}

// used is how many KiB the files of a folder take.
func (s *story) used(folder string) int {
	s.t.Helper()
	files, err := os.ReadDir(folder)
	require.NoError(s.t, err)
	n := int64(0)
	for _, f := range files {
		n += sizeOf(filepath.Join(folder, f.Name()))
	}
	return int(n/1024) + 8
}
