package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/pkg/sftp"
)

// Folder is an open place. It is for one goroutine, but files that it created may be
// written by others.
type Folder struct {
	files
}

// files is what a folder can do, here or there.
type files interface {
	// Create makes an empty file.
	Create(name string) (io.WriteCloser, error)
	// Size returns a file's size, or an error that is fs.ErrNotExist.
	Size(name string) (int64, error)
	// Rename gives a file another name, which no file has.
	Rename(from, to string) error
	// Remove removes a file, or returns an error that is fs.ErrNotExist.
	Remove(name string) error
	// Count returns how many files and folders are there.
	Count() (int, error)
	Close() error
}

// Create makes an empty file.
func (f *Folder) Create(name string) (io.WriteCloser, error) {
	w, err := f.files.Create(name)
	if err != nil {
		return nil, fmt.Errorf("%w: no file can be made there: %w", ErrFolder, explained(err))
	}
	return file{w}, nil
}

// file is one that says more of its errors.
type file struct{ w io.WriteCloser }

func (f file) Write(b []byte) (int, error) {
	n, err := f.w.Write(b)
	return n, explained(err)
}

func (f file) Close() error { return explained(f.w.Close()) }

// explained says of an error that the folder is full, or perhaps: SFTP has no code for that.
func explained(err error) error {
	var status *sftp.StatusError
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: it is full: %w", ErrFolder, err)
	case errors.As(err, &status) && status.FxCode() == sftp.ErrSSHFxFailure:
		return fmt.Errorf("%w: perhaps the server's disk or the user's quota is full, it does not say: %w", ErrFolder, err)
	}
	return err
}

// Open connects to the place. The context's end breaks the connection.
func (p *Place) Open(ctx context.Context) (*Folder, error) {
	if p.server == nil {
		l, err := openLocal(p.folder)
		if err != nil {
			return nil, err
		}
		return &Folder{l}, nil
	}
	r, err := p.server.connect(ctx)
	if err != nil {
		return nil, err
	}
	return &Folder{r}, nil
}
