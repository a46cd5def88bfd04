package transport

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Errors of a place, beside [ErrHostKey]. What they wrap says more.
var (
	ErrConnect = errors.New("the SFTP server cannot be reached")
	ErrLogin   = errors.New("the SFTP server refuses the user or the key")
	ErrFolder  = errors.New("the folder cannot be used")
)

// Try connects to the place, lists its folder, and makes an empty file there, which it
// removes again. A folder of this machine that is not there yet is made when it is
// needed, and is no error. It returns the number of files in the folder.
func (p *Place) Try(ctx context.Context) (found int, err error) {
	if p.server == nil {
		if _, err := os.Stat(p.folder); errors.Is(err, fs.ErrNotExist) {
			return 0, nil
		}
	}
	folder, err := p.Open(ctx)
	if err != nil {
		return 0, err
	}
	if found, err = folder.Count(); err == nil {
		err = folder.try()
	}
	return found, errors.Join(err, folder.Close())
}

// try makes and removes a file whose name impact.com ignores.
func (f *Folder) try() error {
	name := "receipt_impactsync_" + rand.Text()[:8] + ".part"
	w, err := f.Create(name)
	if err != nil {
		return err
	}
	if err = errors.Join(w.Close(), f.Remove(name)); err != nil {
		return fmt.Errorf("%w: the file %s was made there to try it, and cannot be removed: %w", ErrFolder, name, err)
	}
	return nil
}
