package sqlite

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/mattn/go-sqlite3"
)

// Errors that callers test for. None of them changes the file.
var (
	// ErrUnusable says that the file is not SQLite's, damaged, or not readable
	// and writable.
	ErrUnusable = errors.New("the state file cannot be used")
	// ErrNotWritable says that the file or its folder may not be written.
	ErrNotWritable = fmt.Errorf("%w: it and its folder must be writable", ErrUnusable)
	// ErrMoved says that the open file is no longer at its path.
	ErrMoved = fmt.Errorf("%w: it was moved, removed or replaced while it was in use, and what was written since is in the old file only", ErrUnusable)
	// ErrMissing says that there is no file.
	ErrMissing = errors.New("there is no state file")
	// ErrNoFolder says that not even the folder is there that the file belongs into.
	ErrNoFolder = errors.New("the folder of the state file does not exist")
	// ErrFull says that the disk is full or the file could not grow. The
	// transaction was rolled back.
	ErrFull = errors.New("no room to write the state")
	// ErrDisk says that the disk could not be read or written, for another reason than
	// its room. The transaction was rolled back.
	ErrDisk = errors.New("the disk of the state failed")
	// ErrReadOnly says that the file is closed or was opened for reading only.
	ErrReadOnly = errors.New("the state is closed or was opened for reading only")
)

// Classify wraps an error of SQLite in one of those that callers test for, unless that
// was done before.
func Classify(path string, err error) error {
	var se sqlite3.Error
	if !errors.As(err, &se) || errors.As(err, new(classified)) {
		return err
	}
	return classified{classify(path, se, err)}
}

// classified is an error that says what SQLite's means.
type classified struct{ error }

func (c classified) Unwrap() error { return c.error }

func classify(path string, se sqlite3.Error, err error) error {
	if se.SystemErrno == syscall.EMFILE || se.SystemErrno == syscall.ENFILE {
		return fmt.Errorf("open %s: %w: %w", path, se.SystemErrno, err)
	}
	switch se.Code {
	case sqlite3.ErrBusy:
		return busy(path, err)
	case sqlite3.ErrNotADB:
		return fmt.Errorf("%w: %s is not a SQLite file: %w", ErrUnusable, path, err)
	case sqlite3.ErrCorrupt:
		return fmt.Errorf("%w: %s is damaged; restore a backup: %w", ErrUnusable, path, err)
	case sqlite3.ErrReadonly, sqlite3.ErrCantOpen, sqlite3.ErrPerm, sqlite3.ErrAuth:
		return fmt.Errorf("%w: %s: %w", ErrNotWritable, path, err)
	case sqlite3.ErrIoErr:
		switch se.SystemErrno {
		case 0, syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG: // of files that SQLite maps into memory, too
			return full(path, err)
		}
		return fmt.Errorf("%w: %s: %w", ErrDisk, path, err)
	case sqlite3.ErrFull:
		return full(path, err)
	}
	return err
}

func full(path string, err error) error {
	return fmt.Errorf("%w at %s: free some space, then run again: %w", ErrFull, path, err)
}
