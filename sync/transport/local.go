package transport

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// local is a folder of this machine. A file that has its name survives a power cut.
type local struct{ folder string }

// openLocal makes the folder if it is missing.
func openLocal(folder string) (*local, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	return &local{folder}, nil
}

func (l *local) path(name string) string { return filepath.Join(l.folder, name) }

func (l *local) Create(name string) (io.WriteCloser, error) {
	f, err := os.OpenFile(l.path(name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return synced{f}, nil
}

func (l *local) Size(name string) (int64, error) {
	info, err := os.Stat(l.path(name))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Rename gives a file another name, unless there is one of that name.
func (l *local) Rename(from, to string) error {
	if err := os.Link(l.path(from), l.path(to)); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return l.renameWithoutLinks(from, to, err)
	}
	return errors.Join(os.Remove(l.path(from)), l.sync())
}

// renameWithoutLinks is for file systems without hard links.
func (l *local) renameWithoutLinks(from, to string, why error) error {
	if _, err := os.Lstat(l.path(to)); err == nil || errors.Is(why, os.ErrExist) {
		return fmt.Errorf("%s is there already", to)
	}
	return errors.Join(os.Rename(l.path(from), l.path(to)), l.sync())
}

func (l *local) Remove(name string) error { return os.Remove(l.path(name)) }

func (l *local) Count() (int, error) {
	all, err := os.ReadDir(l.folder)
	if err != nil {
		return 0, fmt.Errorf("%w: it cannot be listed: %w", ErrFolder, err)
	}
	return len(all), nil
}

func (l *local) Close() error { return nil }

// sync makes names last.
func (l *local) sync() error {
	f, err := os.Open(l.folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// synced is a file whose content lasts once it is closed.
type synced struct{ *os.File }

func (s synced) Close() error { return errors.Join(s.Sync(), s.File.Close()) }
