package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/impactsync/impactsync/state/internal/sqlite"
)

// Open opens or makes a state file, migrates an older schema and checks the
// binding. It takes no lock: see [Acquire].
func Open(ctx context.Context, o Options) (*DB, error) {
	ctx = context.WithoutCancel(ctx) // a signal must not interrupt the making of a file or a migration
	if err := makeFile(ctx, o); err != nil {
		return nil, err
	}
	file, err := sqlite.Open(ctx, o.Path, o.mode())
	if err != nil {
		return nil, err
	}
	d := &DB{path: o.Path, file: file, asIs: o.AsIs, beside: o.Neighbours, now: o.Now, point: o.Point, hashKey: o.HashKey}
	if d.now == nil {
		d.now = time.Now
	}
	d.forgetCaches()
	if err := d.prepare(ctx, o); err != nil {
		return nil, errors.Join(sqlite.Classify(o.Path, err), d.Close())
	}
	return d, nil
}

func (o *Options) mode() sqlite.Mode {
	switch {
	case o.Rehearsal:
		return sqlite.Rehearsal
	case o.ReadOnly:
		return sqlite.ReadOnly
	}
	return sqlite.ReadWrite
}

// makeFile makes a file if there is none and the caller wants one.
func makeFile(ctx context.Context, o Options) error {
	if _, err := os.Stat(o.Path); !errors.Is(err, fs.ErrNotExist) || !o.Create {
		return nil
	}
	if _, err := os.Stat(sqlite.Resolve(o.Path) + restoring); err == nil {
		return fmt.Errorf("%w: %s is missing because a restore was cut short; run impactsync state restore again", ErrUnusable, o.Path)
	}
	return sqlite.Create(ctx, o.Path)
}
