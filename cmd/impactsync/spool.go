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

// sweep removes files of the spool that every source of it has read to their end, of each
// destination and long enough ago. The newest stays: a folder without a file looks like a
// source that broke.
func (a *app) sweep(ctx context.Context, c *config.Config, db *state.DB) error {
	if !slices.ContainsFunc(c.Sources, c.ReadsSpool) {
		return nil
	}
	files, err := spool.Files(c.Receive.Spool)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(files) < 2 {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	read := files[:max(len(files)-1, 0)]
	all, failed := a.readers(c)
	err = errors.Join(err, failed)
	for _, one := range all {
		read, failed = a.readBy(ctx, one, c, db, read)
		err = errors.Join(err, failed)
	}
	if err != nil {
		read = nil
	}
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

// readers returns the destinations that read the spool.
func (a *app) readers(c *config.Config) ([]*config.Config, error) {
	whole, err := config.Look(a.config, os.LookupEnv)
	if err != nil {
		return nil, err
	}
	all := []*config.Config{c}
	for _, one := range whole.Each {
		if one.Name != c.Name && slices.ContainsFunc(one.Sources, one.ReadsSpool) {
			all = append(all, one)
		}
	}
	return all, nil
}

// readBy returns which files a destination has read long enough ago. If its state cannot
// be looked at, that is none of them.
func (a *app) readBy(ctx context.Context, one, c *config.Config, db *state.DB, files []string) (read []string, err error) {
	if one != c {
		if db, err = state.Open(ctx, state.Options{Path: one.State.Path, ReadOnly: true}); err != nil {
			a.log.Debug("the spool is not swept: a destination has not read it", "destination", one.Name, "why", err)
			return nil, nil
		}
		defer func() { err = errors.Join(err, db.Close()) }()
	}
	before := time.Now().Add(-c.Receive.Keep)
	for _, name := range files {
		all := true
		for _, s := range one.Sources {
			if !one.ReadsSpool(s) {
				continue
			}
			o, found, err := db.ObjectState(ctx, s.Name, name)
			if err != nil {
				return nil, err
			}
			all = all && found && o.Done && o.ReadAt.Before(before)
		}
		if all {
			read = append(read, name)
		}
	}
	return read, nil
}
