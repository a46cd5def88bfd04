package page

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Save puts a page into a file. Whoever reads it meanwhile has the old one or the new
// one, whole.
func Save(_ context.Context, name string, html []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*") // its mode is 0600
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write the page: %w", err), os.Remove(f.Name()))
		}
	}()
	if _, err = f.Write(html); err != nil {
		return errors.Join(err, f.Close())
	}
	if err = errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
