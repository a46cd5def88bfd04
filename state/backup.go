package state

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/impactsync/impactsync/state/internal/sqlite"
)

// SumSuffix is the end of the name of a backup's checksum, which has the form of
// sha256sum.
const SumSuffix = ".sha256"

// Backup copies the state to a new file with mode 0600, even during a run, and puts
// its checksum beside it. An existing file is not overwritten.
func (d *DB) Backup(ctx context.Context, to string) error {
	if err := d.file.Backup(ctx, to); err != nil {
		return err
	}
	sum, err := Sum(to)
	if err == nil {
		err = writeNew(to+SumSuffix, sum+"  "+filepath.Base(to)+"\n")
	}
	if err != nil {
		return errors.Join(fmt.Errorf("checksum of the backup: %w", err), os.Remove(to))
	}
	return nil
}

// Sum returns the SHA-256 of a file in hexadecimal digits.
func Sum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// writeNew writes a file with mode 0600, in the place of one that was left behind.
func writeNew(path, text string) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return f.Sync()
}

// whole returns [ErrBackup] if a backup is not what was backed up, as after a copy
// that was cut short. It reports whether there was a checksum to compare it with;
// without one, only its length is judged.
func whole(backup string) (summed bool, err error) {
	if err := long(backup); err != nil {
		return false, err
	}
	want, err := os.ReadFile(backup + SumSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	got, err := Sum(backup)
	if err != nil {
		return false, err
	}
	if first, _, _ := strings.Cut(string(want), " "); strings.TrimSpace(first) != got {
		return false, fmt.Errorf("%w: its SHA-256 is %s, not the one in %s: copy both files again", ErrBackup, got, backup+SumSuffix)
	}
	return true, nil
}

// long returns [ErrBackup] if a file is shorter than its own header says. One
// that has a log beside it may be.
//
// https://www.sqlite.org/fileformat.html#the_database_header
func long(path string) error {
	f, err := os.Open(sqlite.Resolve(path))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var header [100]byte
	if _, err := io.ReadFull(bufio.NewReader(f), header[:]); err != nil {
		return nil // no database at all, which opening it says better
	}
	number := binary.BigEndian.Uint32
	page := int64(binary.BigEndian.Uint16(header[16:]))
	if page == 1 {
		page = 1 << 16
	}
	want := page * int64(number(header[28:]))
	valid := string(header[:16]) == "SQLite format 3\x00" && number(header[24:]) == number(header[92:])
	if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 0 || !valid || info.Size() >= want {
		return nil
	}
	return fmt.Errorf("%w: it has %d of %d bytes: the copy was cut short; copy it again", ErrBackup, info.Size(), want)
}
