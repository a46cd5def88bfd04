package spool

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// recover completes the files that grow no more: each is cut after its last whole
// member, since what follows was not acknowledged.
func (s *Spool) recover() error {
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return fmt.Errorf("look for files of the spool: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(s.cfg.Dir, e.Name())
		if !strings.HasSuffix(path, suffix+part) || s.file.f != nil && s.file.f.Name() == path {
			continue
		}
		if unable := s.cut(path); unable != nil { // the others are completed
			err = errors.Join(err, fmt.Errorf("complete %s: %w", path, unable))
		}
	}
	return err
}

func (s *Spool) cut(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	whole, err := wholeMembers(f)
	if err != nil {
		return err
	}
	if whole < info.Size() {
		s.cfg.Log.Warn("a file of the spool ends in what was not acknowledged; that is cut off", "file", path, "bytes", info.Size()-whole)
		if err := errors.Join(f.Truncate(whole), f.Sync()); err != nil {
			return err
		}
	}
	return s.name(path, whole)
}

// wholeMembers returns the size of the whole gzip members that a file begins with. Its
// error is one of the disk: then nothing is known.
func wholeMembers(f io.Reader) (size int64, err error) {
	in := &counted{r: bufio.NewReaderSize(f, 256<<10)}
	z := new(gzip.Reader)
	for {
		if err = z.Reset(in); err != nil {
			return size, in.err
		}
		z.Multistream(false)
		if _, err = io.Copy(io.Discard, z); err != nil {
			return size, in.err
		}
		size = in.n
	}
}

// counted counts what is read. It is an io.ByteReader, of which gzip reads no more than
// the member.
type counted struct {
	r   *bufio.Reader
	n   int64
	err error // of the disk
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.note(n, err)
	return n, err
}

// ReadByte implements io.ByteReader.
func (c *counted) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	c.note(0, err)
	return b, err
}

func (c *counted) note(n int, err error) {
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
}
