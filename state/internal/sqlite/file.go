package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
)

// making is the end of the name of a file beside one that is being made. Until [Made]
// removes it, an empty file is a new one; afterwards it is one that lost its contents.
const making = ".making"

func inTheMaking(path string) bool { return exists(path + making) }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Made marks a new file as complete: it has its schema.
func Made(path string) error {
	if err := os.Remove(path + making); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Create makes an empty file of mode 0600; SQLite would make it with another mode.
func Create(ctx context.Context, path string) error {
	for _, name := range []string{path + making, path} {
		flags := os.O_RDWR | os.O_CREATE
		if name == path {
			flags |= os.O_EXCL
		}
		f, err := os.OpenFile(name, flags, 0o600)
		if err != nil {
			return fmt.Errorf("%w: create %s: %w", ErrUnusable, name, err)
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return setLayout(ctx, path)
}

// check returns an error for what cannot be a file of ours. It gives a file that is to
// be written mode 0600.
func check(ctx context.Context, path string, mode Mode) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !exists(filepath.Dir(path)):
		return fmt.Errorf("%w: state.path: %s", ErrNoFolder, filepath.Dir(path))
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w at %s", ErrMissing, path)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnusable, err)
	case info.IsDir():
		return fmt.Errorf("%w: %s is a folder; state.path names a file", ErrUnusable, path)
	case info.Size() == 0 && !inTheMaking(path):
		return fmt.Errorf("%w: %s is empty: what it held is lost; restore a backup, or delete the file to start over, which sends everything again", ErrUnusable, path)
	case mode == ReadOnly && inTheMaking(path):
		return fmt.Errorf("%w at %s: a first run was cut short while it made the file, or is making it now; the next run continues", ErrMissing, path)
	case mode == ReadOnly:
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	defer f.Close()
	if info.Mode().Perm()&0o077 != 0 {
		if err := f.Chmod(0o600); err != nil {
			return fmt.Errorf("%w: narrow its mode to 0600: %w", ErrUnusable, err)
		}
	}
	if info.Size() == 0 {
		return setLayout(ctx, path)
	}
	return nil
}

// setLayout gives an empty file pages of four times SQLite's default: a large list
// changes nearly every page, and each page costs system calls. Free pages can be given
// back, see [DB.Trim]. Neither can be changed once the file is in WAL mode.
func setLayout(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite3", uri(path, url.Values{"mode": {"rw"}}))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "PRAGMA page_size = 16384; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL")
	return Classify(path, errors.Join(err, db.Close()))
}

func uri(path string, q url.Values) string {
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}
