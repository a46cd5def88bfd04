package spool

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// file is the file that grows, if there is one.
type file struct {
	f      *os.File
	size   int64            // what was synced
	timer  <-chan time.Time // when it is old enough
	last   time.Time        // after which the last one is named
	left   bool             // one was left incomplete, after an error
	packed bytes.Buffer
	gzip   *gzip.Writer
}

// due tells when the file is old enough to be completed.
func (f *file) due() <-chan time.Time { return f.timer }

// store appends a group as one gzip member, and syncs it.
func (s *Spool) store(group []*entry) error {
	f := &s.file
	if err := f.pack(group); err != nil {
		return err
	}
	if f.f == nil {
		if err := s.begin(); err != nil {
			return err
		}
	}
	began := time.Now()
	_, err := f.f.Write(f.packed.Bytes())
	if err == nil {
		err = f.f.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the spool: %w", err), s.retreat())
	}
	if s.cfg.Synced != nil {
		s.cfg.Synced(time.Since(began))
	}
	f.size += int64(f.packed.Len())
	s.added.Add(int64(f.packed.Len()))
	if f.size >= s.cfg.RotateBytes {
		s.rotate()
	}
	return nil
}

// mostPacked is how large the buffer of a group may stay.
const mostPacked = 1 << 20

func (f *file) pack(group []*entry) error {
	if f.packed.Cap() > mostPacked {
		f.packed = bytes.Buffer{}
	}
	f.packed.Reset()
	if f.gzip == nil {
		f.gzip, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed)
	}
	f.gzip.Reset(&f.packed)
	for _, e := range group {
		if _, err := f.gzip.Write(e.taken); err != nil {
			return err
		}
	}
	return f.gzip.Close()
}

// begin makes a new file. Names sort by time.
func (s *Spool) begin() error {
	at := time.Now().UTC()
	if !at.After(s.file.last) {
		at = s.file.last.Add(time.Nanosecond)
	}
	path := filepath.Join(s.cfg.Dir, at.Format("20060102T150405.000000000Z")+suffix+part)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("begin a file of the spool: %w", err)
	}
	s.file.last = at
	if err := syncDir(s.cfg.Dir); err != nil {
		return errors.Join(err, f.Close(), os.Remove(path))
	}
	s.file.f, s.file.size, s.file.timer = f, 0, time.After(s.cfg.RotateEvery)
	return nil
}

// complete gives the file its name, under which it is read.
func (s *Spool) complete() error {
	f := s.file.f
	if f == nil {
		return nil
	}
	size := s.file.size
	s.file.f, s.file.timer = nil, nil
	err := f.Close()
	if err == nil {
		err = s.name(f.Name(), size)
	}
	s.file.left = s.file.left || err != nil
	return err
}

// name renames a file that is complete, or removes it if nothing is in it.
func (s *Spool) name(path string, size int64) error {
	var err error
	if size == 0 {
		err = os.Remove(path)
	} else {
		err = os.Rename(path, path[:len(path)-len(part)])
	}
	if err == nil {
		err = syncDir(s.cfg.Dir)
	}
	return err
}

// retreat completes the file without what could not be written: what a failed sync
// leaves in a file is not known, so nothing may be appended to it.
func (s *Spool) retreat() error {
	f := s.file.f
	err := f.Truncate(s.file.size)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		return s.complete()
	}
	s.file.f, s.file.timer, s.file.left = nil, nil, true
	return errors.Join(err, f.Close())
}

// syncDir makes the names of a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
