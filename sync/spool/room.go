package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Room is how large a spool is, and how much more its disk takes.
type Room struct {
	Files  int
	Bytes  int64
	Free   int64     // on the disk
	Oldest time.Time // when the oldest file was written last; zero without any
}

// Room returns how large the spool is. What others removed or wrote in the last seconds
// may not be in it.
func (s *Spool) Room() Room {
	r, added := *s.room.Load(), s.added.Load()
	r.Bytes, r.Free = r.Bytes+added, r.Free-added
	return r
}

// Full returns why nothing is taken: an [ErrFull], or why the disk cannot be written. It
// returns nil if something would be.
func (s *Spool) Full() error {
	if why := s.broken.Load(); why != nil {
		return *why
	}
	switch r := s.Room(); {
	case r.Bytes >= s.cfg.MaxBytes:
		return fmt.Errorf("%w: its files have reached maxBytes (%d of %d); have runs read them?", ErrFull, r.Bytes, s.cfg.MaxBytes)
	case r.Free < s.cfg.MinFree:
		return fmt.Errorf("%w: what is left on its disk is less than minFree (%d of %d)", ErrFull, r.Free, s.cfg.MinFree)
	}
	return nil
}

// look sees how much room there is.
func (s *Spool) look() error {
	var r Room
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return fmt.Errorf("look at the spool: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // whoever has read it removed it
		}
		if err != nil {
			return fmt.Errorf("look at the spool: %w", err)
		}
		r.add(info)
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(s.cfg.Dir, &disk); err != nil {
		return fmt.Errorf("look at the spool's disk: %w", err)
	}
	r.Free = int64(disk.Bavail) * int64(disk.Bsize) //nolint:unconvert // of other types elsewhere
	s.added.Store(0)
	s.room.Store(&r)
	return nil
}

func (r *Room) add(info fs.FileInfo) {
	if !strings.HasSuffix(strings.TrimSuffix(info.Name(), part), suffix) {
		return
	}
	r.Files++
	r.Bytes += info.Size()
	if r.Oldest.IsZero() || info.ModTime().Before(r.Oldest) {
		r.Oldest = info.ModTime()
	}
}

// acquire locks a file until it is closed, or the process ends.
func acquire(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the spool: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrLocked
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return f, nil
}

// Files returns the names of a spool's complete files, the oldest first.
func Files(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) {
			names = append(names, e.Name())
		}
	}
	return names, err
}
