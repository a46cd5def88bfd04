package transport

import (
	"context"
	"io"
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
