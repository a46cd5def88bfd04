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
	Doubts int64  // values that the next run sends again
	Summed bool   // the backup was compared with its checksum
}

// restoring is the end of the name of a file that a restore has not put in place yet.
const restoring = ".restoring"

// Restore checks a backup, with the checksum that may be beside it, and puts it in
// the place of the state file, with doubt on all values, since nobody knows what was
// sent after the backup. The old file is kept beside it. Restore does all of this or
// nothing. The caller holds the lock. If b is not nil, it returns [ErrBound] if the
// state or the backup has another destination.
func Restore(ctx context.Context, path, backup string, b *Binding, now time.Time) (r Restored, err error) {
	path = sqlite.Resolve(path)
	temp := path + restoring
	defer func() {
		if err != nil && !errors.Is(err, ErrBound) {
			err = fmt.Errorf("restore %s: %w", backup, err)
		}
	}()
	// It was left by a restore that was killed: we hold the lock, so none is running.
	if err := sqlite.Remove(temp); err != nil {
		return r, err
	}
	if err := boundElsewhere(ctx, path, b); err != nil {
		return r, err
	}
	if r.Summed, err = whole(backup); err != nil {
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

// boundElsewhere returns [ErrBound] for a state of another destination. A state that
// cannot be read is no error: restores are for those.
func boundElsewhere(ctx context.Context, path string, b *Binding) error {
	err := sqlite.ViewFileOnly(ctx, path, func(v *sqlite.View) error { return compareBinding(v, b, path) })
	if errors.Is(err, ErrBound) {
		return err
	}
	return nil
}

// prepareRestore makes a copy of a backup, checks it, and sets doubt on all of its
// values. It returns how many.
func prepareRestore(ctx context.Context, temp, backup string, b *Binding, now time.Time) (doubts int64, err error) {
	old, err := Open(ctx, Options{Path: backup, ReadOnly: true, Older: true, Binding: b})
	if err != nil {
		return 0, err
	}
	if err := errors.Join(old.file.Backup(ctx, temp), old.Close()); err != nil {
		return 0, err
	}
	d, err := Open(ctx, Options{Path: temp, Now: func() time.Time { return now }}) // migrates an older one
	if err != nil {
		return 0, errors.Join(err, os.Remove(temp))
	}
	problems, err := d.Check(ctx)
	if err == nil && len(problems) > 0 {
		err = fmt.Errorf("%w: it is damaged: %v", ErrBackup, problems)
	}
	if err == nil {
		doubts, err = d.doubtAll(ctx)
	}
	if err := errors.Join(err, d.Close()); err != nil { // closing moves the log into the file
		return 0, errors.Join(err, os.Remove(temp))
	}
	return doubts, nil
}

// doubtAll sets doubt on every value, sent or not, since nobody knows what was sent
// after the backup. Refused and held values stay so; what becomes of them later is
// sent even if it is false. The history gets a line: by it, later runs doubt what may
// have been sent about people whom the backup does not know. It returns how many
// values there are.
func (d *DB) doubtAll(ctx context.Context) (n int64, err error) {
	err = d.update(ctx, func(t *tx) error {
		for _, tr := range d.ordered() {
			due, stay, err := t.doubtValues(tr, false)
			if err == nil && tr.elsewhere {
				err = t.unwritten(tr) // the table is newer
			}
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

// restoreKind is the kind of a restore in the history.
const restoreKind = "restore"
