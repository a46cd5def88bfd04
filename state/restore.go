package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/impactsync/impactsync/state/internal/sqlite"
)

// Restored tells what a restore did.
type Restored struct {
	Old    string // where the state that was there is kept; "" if there was none
	Doubts int64  // values that the next run says again
}

// restoring ends the name of a file that a restore has not put in place yet.
const restoring = ".restoring"

// Restore puts a backup in the place of the state file, after a look at the
// backup, with doubt on everybody: nobody can say what was told since. The old
// file is kept beside it. All of it happens or nothing. The caller holds the
// lock. Neither may be of another destination than b, where that is not nil.
func Restore(ctx context.Context, path, backup string, b *Binding, now time.Time) (r Restored, err error) {
	path = sqlite.Resolve(path)
	temp := path + restoring
	defer func() {
		if err != nil && !errors.Is(err, ErrBound) {
			err = fmt.Errorf("restore %s: %w", backup, err)
		}
	}()
	// Left by a restore that was killed: the lock says that nobody is at it.
	if err := sqlite.Remove(temp); err != nil {
		return r, err
	}
	if err := boundElsewhere(ctx, path, b); err != nil {
		return r, err
	}
	if r.Doubts, err = prepareRestore(ctx, temp, backup, b, now); err != nil {
		return r, err
	}
	aside := path + now.UTC().Format(".before-restore-20060102T150405.000000000Z")
	kept, err := sqlite.Replace(path, temp, aside)
	if kept {
		r.Old = aside
	}
	return r, err
}

// boundElsewhere refuses a state of another destination. One that cannot be read
// is what restores are for.
func boundElsewhere(ctx context.Context, path string, b *Binding) error {
	err := sqlite.ViewFileOnly(ctx, path, func(v *sqlite.View) error { return compareBinding(v, b, path) })
	if errors.Is(err, ErrBound) {
		return err
	}
	return nil
}

// prepareRestore makes a sound copy of the backup that vouches for nothing.
func prepareRestore(ctx context.Context, temp, backup string, b *Binding, now time.Time) (doubts int64, err error) {
	old, err := Open(ctx, Options{Path: backup, ReadOnly: true, Older: true, Binding: b})
	if err != nil {
		return 0, err
	}
	if err := errors.Join(old.Backup(ctx, temp), old.Close()); err != nil {
		return 0, err
	}
	d, err := Open(ctx, Options{Path: temp, Now: func() time.Time { return now }}) // migrates an older one
	if err != nil {
		return 0, errors.Join(err, os.Remove(temp))
	}
	problems, err := d.Check(ctx)
	if err == nil && len(problems) > 0 {
		err = fmt.Errorf("%w: the backup is damaged: %v", ErrUnusable, problems)
	}
	if err == nil {
		doubts, err = d.doubtAll(ctx)
	}
	if err := errors.Join(err, d.Close()); err != nil { // closing moves the log into the file
		return 0, errors.Join(err, os.Remove(temp))
	}
	return doubts, nil
}

// doubtAll sets doubt on every value of everybody that the state knows, told or
// not: after a restore nobody can say what was told since. Refused and held ones
// stay so; what becomes of them later is said even if it is a false. The history
// gets a line, by which later runs doubt what may have been told to people whom
// the backup does not know. It returns how many rows there are.
func (d *DB) doubtAll(ctx context.Context) (n int64, err error) {
	err = d.update(ctx, func(t *tx) error {
		for _, tr := range d.ordered() {
			due, stay, err := t.doubtValues(tr, `true`)
			if err != nil {
				return fmt.Errorf("doubt %q: %w", tr.key, err)
			}
			n += due + stay
		}
		host, _ := os.Hostname()
		_, err := t.Exec(`INSERT INTO runs (kind, started_at, heartbeat_at, ended_at, exit_code, pid, host, version, pending, note) VALUES (?1, ?2, ?2, ?2, 0, ?3, ?4, '', ?5, 'a backup was restored')`,
			restoreKind, t.now, os.Getpid(), host, n)
		return err
	})
	return n, err
}

// restoreKind is what the history calls a restore.
const restoreKind = "restore"
