package state

import (
	"context"
	"errors"
	"io/fs"
	"sync"

	"github.com/impactsync/impactsync/state/internal/sqlite"
)

// SetSchemas puts other migrations in place of the program's, until the
// function it gives is called.
func SetSchemas(all fs.FS) (restore func()) {
	old := schemas
	schemas = all
	return func() { schemas = old }
}

// Schemas are the program's migrations.
func Schemas() fs.FS { return migrations }

// MoveAtOnce sets how many rows of an older schema are moved in a commit.
func MoveAtOnce(n int) (restore func()) {
	old := movedAtOnce
	movedAtOnce = n
	return func() { movedAtOnce = old }
}

// Make makes a file with the schema that [SetSchemas] set, and opens it no further.
func Make(ctx context.Context, o Options) error {
	if err := makeFile(ctx, o); err != nil {
		return err
	}
	file, err := sqlite.Open(ctx, o.Path, o.mode())
	if err != nil {
		return err
	}
	d := &DB{path: o.Path, file: file, now: o.Now}
	d.forgetCaches()
	return errors.Join(d.migrate(nil), d.bind(ctx, *o.Binding), sqlite.Made(o.Path), d.Close())
}

// Turn takes a turn of the run's sender.
func (d *DB) Turn(ctx context.Context, outcomes []Outcome, want Want) ([]*Claim, error) {
	s, _ := senders.LoadOrStore(runOf{d, d.run}, d.NewSender())
	return s.(*Sender).Turn(ctx, outcomes, want) //nolint:forcetypeassert // there is nothing else
}

type runOf struct {
	db  *DB
	run int64
}

var senders sync.Map // of each run

// DoubtAll is what a restore does to a backup.
func (d *DB) DoubtAll(ctx context.Context) (int64, error) { return d.doubtAll(ctx) }
