package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/state"
)

// load reads the configuration for a command that acts on it.
func (a *app) load() (*config.Config, error) {
	c, err := config.Load(a.config, osLookup)
	if err != nil {
		return nil, badConfig(err)
	}
	for _, w := range c.Warnings {
		a.log.Warn("configuration", "problem", w.String())
	}
	return c, nil
}

// look reads it for a command that only wants to know where the state is.
func (a *app) look() (*config.Config, error) {
	c, err := config.Look(a.config, osLookup)
	if err != nil {
		return nil, badConfig(err)
	}
	return c, nil
}

func badConfig(err error) error {
	f := &failure{code: usageExit, err: err}
	if errors.Is(err, fs.ErrNotExist) {
		f.hint = "write one (examples/minimal.yaml is the least that works), or name another with --config"
	}
	return f
}

// viewed runs fn on a read-only state: no lock, no credentials, nothing changed.
func (a *app) viewed(ctx context.Context, fn func(*state.DB) error) error {
	c, err := a.look()
	if err != nil {
		return err
	}
	return a.opened(ctx, c, state.Options{ReadOnly: true}, fn)
}

// changed runs fn on a state that it may write to, beside a run if there is one.
func (a *app) changed(ctx context.Context, fn func(*state.DB) error) error {
	c, err := a.look()
	if err != nil {
		return err
	}
	return a.opened(ctx, c, state.Options{Binding: bound(c)}, fn)
}

// locked is changed while no run may begin.
func (a *app) locked(ctx context.Context, fn func(*state.DB) error) error {
	c, err := a.look()
	if err != nil {
		return err
	}
	return a.holding(c, func() error { return a.opened(ctx, c, state.Options{Binding: bound(c)}, fn) })
}

// opened runs fn on the configuration's state, opened with these options.
func (a *app) opened(ctx context.Context, c *config.Config, o state.Options, fn func(*state.DB) error) error {
	if !o.ReadOnly {
		if err := a.local(c); err != nil {
			return err
		}
	}
	o.Path = c.State.Path
	db, err := state.Open(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(fn(db), db.Close())
}

// holding runs fn while it holds the lock on the configuration's state.
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

// fileSystem is the check of where the state lies; tests put another in its place.
var fileSystem = state.CheckFileSystem

// local refuses a state on a network file system, unless a flag says that it
// is wanted there.
func (a *app) local(c *config.Config) error {
	if a.network {
		return nil
	}
	return fileSystem(c.State.Path)
}

// osLookup is the environment.
var osLookup config.Lookup = os.LookupEnv
