package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/mattn/go-sqlite3"
)

// Backup copies the state to a new file, online: a run may go on writing. The
// copy has mode 0600 and is complete in itself. An existing file is not
// overwritten.
func (d *DB) Backup(ctx context.Context, to string) error {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("back up the state: %w", err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := d.copyTo(ctx, to); err != nil {
		return errors.Join(fmt.Errorf("back up the state to %s: %w", to, classify(to, err)), os.Remove(to))
	}
	return nil
}

// copyTo uses SQLite's backup interface in one step, so that the copy is one
// snapshot.
func (d *DB) copyTo(ctx context.Context, to string) (err error) {
	dest, err := sql.Open("sqlite3", to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dest.Close()) }()
	dc, err := dest.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dc.Close()) }()
	sc, err := d.readers.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sc.Close()) }()
	return dc.Raw(func(dst any) error {
		return sc.Raw(func(src any) error {
			b, err := dst.(*sqlite3.SQLiteConn).Backup("main", src.(*sqlite3.SQLiteConn), "main") //nolint:forcetypeassert // our own driver
			if err != nil {
				return err
			}
			_, err = b.Step(-1)
			return errors.Join(err, b.Finish())
		})
	})
}

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
	path = resolve(path)
	temp := path + restoring
	// Left by a restore that was killed: the lock says that nobody is at it.
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(temp + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return r, fmt.Errorf("restore %s: %w", backup, err)
		}
	}
	if err := boundElsewhere(ctx, path, b); err != nil {
		return r, err
	}
	if r.Doubts, err = prepareRestore(ctx, temp, backup, b); err != nil {
		return r, fmt.Errorf("restore %s: %w", backup, err)
	}
	r.Old = path + now.UTC().Format(".before-restore-20060102T150405.000000000Z")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		r.Old = ""
	} else if err := setAside(path, r.Old); err != nil {
		return Restored{}, errors.Join(fmt.Errorf("restore %s: %w", backup, err), os.Remove(temp))
	}
	if err := os.Rename(temp, path); err != nil {
		return r, fmt.Errorf("restore %s: %w", backup, err)
	}
	return r, syncFolder(filepath.Dir(path))
}

// boundElsewhere refuses a state of another destination. One that cannot be read
// is what restores are for.
func boundElsewhere(ctx context.Context, path string, b *Binding) error {
	file, err := sql.Open("sqlite3", fileOnly(path)) // opening its log would move that into the file
	if err != nil {
		return err
	}
	defer file.Close()
	if err := compareBinding(ctx, file, b, path); errors.Is(err, ErrBound) {
		return err
	}
	return nil
}

// prepareRestore makes a sound copy of the backup that vouches for nothing.
func prepareRestore(ctx context.Context, temp, backup string, b *Binding) (doubts int64, err error) {
	old, err := Open(ctx, Options{Path: backup, ReadOnly: true, Older: true, Binding: b})
	if err != nil {
		return 0, err
	}
	if err := errors.Join(old.Backup(ctx, temp), old.Close()); err != nil {
		return 0, err
	}
	d, err := Open(ctx, Options{Path: temp}) // migrates an older one
	if err != nil {
		return 0, errors.Join(err, os.Remove(temp))
	}
	problems, err := d.Check(ctx)
	if err == nil && len(problems) > 0 {
		err = fmt.Errorf("%w: the backup is damaged: %v", ErrUnusable, problems)
	}
	if err == nil {
		doubts, err = d.DoubtAll(ctx)
	}
	if err := errors.Join(err, d.Close()); err != nil { // closing moves the log into the file
		return 0, errors.Join(err, os.Remove(temp))
	}
	return doubts, nil
}

func setAside(path, old string) error {
	// A write-ahead log belongs to its own file: beside another it would damage it.
	for _, suffix := range []string{"", "-wal", "-shm"} {
		err := os.Rename(path+suffix, old+suffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// DoubtAll sets doubt on every value of everybody that the state knows, told or
// not: after a restore nobody can say what was told since. Refused and held ones
// stay so; what becomes of them later is said even if it is a false. It gives
// how many rows there are.
func (d *DB) DoubtAll(ctx context.Context) (n int64, err error) {
	err = d.update(ctx, func(t *tx) error {
		if err := t.loadTraits(); err != nil {
			return err
		}
		for _, tr := range d.ordered() {
			moved, err := t.doubt(tr)
			if err != nil {
				return fmt.Errorf("doubt %q: %w", tr.key, err)
			}
			n += moved
		}
		return nil
	})
	return n, err
}

func (t *tx) doubt(tr *trait) (int64, error) {
	// A computed trait without a value has nothing that could be sent.
	n, err := t.exec(`UPDATE trait_values SET doubt = 1, sent = coalesce(sent, delivered), attempt = NULL,
		status = CASE WHEN status IN (4, 6) THEN status ELSE 1 END, is_exit = (?2 = 'audience' AND wanted IS NOT 1)
		WHERE trait_id = ?1 AND (?2 = 'audience' OR wanted IS NOT NULL)`, tr.id, tr.class)
	if err != nil {
		return 0, err
	}
	return n, errors.Join(t.dropFaults(tr.id), t.recount(tr))
}

// Compact rewrites the file without its free pages and empties the write-ahead
// log. It needs as much free disk as the file has. The caller holds the lock.
func (d *DB) Compact(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	// Nothing that was removed may stay in a free page or in the log.
	if _, err := d.writer.ExecContext(ctx, `VACUUM`); err != nil {
		return classify(d.path, fmt.Errorf("compact: %w", err))
	}
	var busy, pages, moved int64
	if err := d.writer.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved); err != nil {
		return classify(d.path, fmt.Errorf("compact: %w", err))
	}
	if busy != 0 {
		return fmt.Errorf("compact: another process reads %s and keeps its log: end that (a shell of sqlite3, a backup), then compact again", d.path)
	}
	return nil
}
