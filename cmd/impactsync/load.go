package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/cmd/internal/progress"
	"github.com/impactsync/impactsync/state"
)

// load reads the configuration for a command that needs all of it.
func (a *app) load() (*config.Config, error) {
	c, err := config.Load(a.config, os.LookupEnv)
	if err == nil {
		c, err = c.Of(a.destination)
	}
	if err != nil {
		return nil, badConfig(err)
	}
	for _, w := range c.Warnings {
		a.log.Warn("configuration", "problem", w.String())
	}
	return c, nil
}

// look reads it for a command that only needs to know where the state is.
func (a *app) look() (*config.Config, error) {
	c, err := config.Look(a.config, os.LookupEnv)
	if err == nil {
		c, err = c.Of(a.destination)
	}
	if err != nil {
		return nil, badConfig(err)
	}
	return c, nil
}

// any is look for what does not depend on the destination: of several, it is the first.
func (a *app) any() (*config.Config, error) {
	if all := a.several(); len(all) > 0 {
		return all[0].config, nil
	}
	return a.look()
}

func badConfig(err error) error {
	hint := ""
	if errors.Is(err, fs.ErrNotExist) && !errors.As(err, new(config.Problems)) { // else a file that it names is missing
		hint = "impactsync config init writes one; or name another with --config"
	}
	return usage(hint, "%w", err)
}

// viewed runs fn on a read-only state: no lock, no credentials, nothing changed.
func (a *app) viewed(ctx context.Context, fn func(*state.DB) error) error {
	c, err := a.look()
	if err != nil {
		return err
	}
	return a.opened(ctx, c, state.Options{ReadOnly: true}, fn)
}

// changed runs fn on a state that it may write to, even during a run.
func (a *app) changed(ctx context.Context, fn func(*state.DB) error) error {
	c, err := a.look()
	if err != nil {
		return err
	}
	return a.opened(ctx, c, state.Options{Binding: binding(c)}, fn)
}

// locked is changed while no run can begin.
func (a *app) locked(ctx context.Context, fn func(*state.DB) error) error {
	c, err := a.look()
	if err != nil {
		return err
	}
	return a.holding(c, func() error { return a.opened(ctx, c, state.Options{Binding: binding(c)}, fn) })
}

// opened runs fn on the state, opened with these options.
func (a *app) opened(ctx context.Context, c *config.Config, o state.Options, fn func(*state.DB) error) error {
	if !o.ReadOnly {
		if err := a.local(c); err != nil {
			return err
		}
	}
	o.Path, o.Neighbours = c.State.Path, c.Neighbours
	db, err := a.open(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(fn(db), db.Close())
}

// open opens a state. If an older one takes long to be brought to this program's
// schema, it shows how far that is.
func (a *app) open(ctx context.Context, o state.Options) (*state.DB, error) {
	var bars *progress.Bars
	var shown int64
	o.Progress = func(rows, of int64) {
		if bars == nil && rows < of {
			a.log.Info("the state is brought to this program's schema", "file", o.Path, "values", of)
			bars = progress.New(a.stderr, a.bars(), a.pulse.Beat)
			bars.Log(a.log)
			bars.Progress().Start("move", "values", of, "values")
		}
		if bars != nil {
			bars.Progress().Add(rows - shown)
			shown = rows
		}
	}
	db, err := state.Open(ctx, o)
	if bars != nil {
		bars.Close()
	}
	return db, err
}

// holding runs fn while it holds the lock on the state.
func (a *app) holding(c *config.Config, fn func() error) error {
	if err := a.local(c); err != nil {
		return err
	}
	lock, err := state.Acquire(c.State.Path, time.Now())
	if err != nil {
		return err
	}
	return errors.Join(fn(), lock.Release())
}

// fileSystem checks where the state is; tests replace it.
var fileSystem = state.CheckFileSystem

// local refuses a state on a network file system, unless a flag allows it.
func (a *app) local(c *config.Config) error {
	if a.network {
		return nil
	}
	return fileSystem(c.State.Path)
}
