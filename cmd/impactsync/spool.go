package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/spool"
)

// sweep removes files of the spool that every source of it has read to their end, long
// enough ago. The newest stays: a folder without a file looks like a source that broke.
func (a *app) sweep(ctx context.Context, c *config.Config, db *state.DB) error {
	sources := slices.DeleteFunc(slices.Clone(c.Sources), func(s config.Source) bool { return !c.ReadsSpool(s) })
	if len(sources) == 0 {
		return nil
	}
	files, err := spool.Files(c.Receive.Spool)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	before, removed := time.Now().Add(-c.Receive.Keep), 0
	for _, name := range files[:max(len(files)-1, 0)] {
		read := true
		for _, s := range sources {
			o, found, failed := db.ObjectState(ctx, s.Name, name)
			read = read && failed == nil && found && o.Done && o.ReadAt.Before(before)
			err = errors.Join(err, failed)
		}
		if read {
			err = errors.Join(err, os.Remove(filepath.Join(c.Receive.Spool, name)))
			removed++
		}
	}
	if removed > 0 {
		a.log.Info("files of the spool that were read are removed", "folder", c.Receive.Spool, "files", removed)
	}
	if err != nil {
		return &failure{code: impactsync.ExitFailed, err: fmt.Errorf("remove what was read from the spool: %w", err), hint: "runs need to write to the folder; nothing is lost"}
	}
	return nil
}
