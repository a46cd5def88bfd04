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
	if !slices.ContainsFunc(c.Sources, c.ReadsSpool) {
		return nil
	}
	files, err := spool.Files(c.Receive.Spool)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	read, err := wereRead(ctx, c, db, files[:max(len(files)-1, 0)])
	read = a.readElsewhere(ctx, c, read)
	for _, name := range read {
		err = errors.Join(err, os.Remove(filepath.Join(c.Receive.Spool, name)))
	}
	if len(read) > 0 {
		a.log.Info("files of the spool that were read are removed", "folder", c.Receive.Spool, "files", len(read))
	}
	if err != nil {
		return &failure{code: impactsync.ExitFailed, err: fmt.Errorf("remove what was read from the spool: %w", err), hint: "runs need to write to the folder; nothing is lost"}
	}
	return nil
}

// wereRead returns the files that a destination's sources have read to their end.
func wereRead(ctx context.Context, c *config.Config, db *state.DB, files []string) (read []string, err error) {
	before := time.Now().Add(-c.Receive.Keep)
	for _, name := range files {
		all := true
		for _, s := range c.Sources {
			if !c.ReadsSpool(s) {
				continue
			}
			o, found, failed := db.ObjectState(ctx, s.Name, name)
			all = all && failed == nil && found && o.Done && o.ReadAt.Before(before)
			err = errors.Join(err, failed)
		}
		if all {
			read = append(read, name)
		}
	}
	return read, err
}

// readElsewhere returns those of the files that other destinations have read, too. A
// state that cannot be looked at has read none.
func (a *app) readElsewhere(ctx context.Context, c *config.Config, files []string) []string {
	if c.Name == "" || len(files) == 0 {
		return files
	}
	whole, err := config.Look(a.config, os.LookupEnv)
	if err != nil {
		return nil
	}
	for _, other := range whole.Each {
		if other.Name == c.Name || !slices.ContainsFunc(other.Sources, other.ReadsSpool) {
			continue
		}
		err := a.opened(ctx, other, state.Options{ReadOnly: true, AsIs: true}, func(db *state.DB) (err error) {
			files, err = wereRead(ctx, other, db, files)
			return err
		})
		if err != nil {
			return nil
		}
	}
	return files
}
