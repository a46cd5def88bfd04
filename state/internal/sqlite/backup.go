package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mattn/go-sqlite3"
)

// Backup copies the file to a new one. Meanwhile another process may write.
// The copy has mode 0600 and needs no log. An existing file is not overwritten.
func (d *DB) Backup(ctx context.Context, to string) error {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("back up the state: %w", err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := d.copyTo(ctx, to); err != nil {
		return errors.Join(fmt.Errorf("back up the state to %s: %w", to, Classify(to, err)), os.Remove(to))
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
			return cmp.Or(err, b.Finish()) // which repeats what Step gave
		})
	})
}

// Compact rewrites the file without its free pages and empties the write-ahead
// log, so that nothing that was removed is left in either. It needs as much
// free disk as the file has. From then on, [DB.Trim] works for a file that an older
// version made.
func (d *DB) Compact(ctx context.Context) error {
	if _, err := d.writer.ExecContext(ctx, `PRAGMA auto_vacuum = INCREMENTAL; VACUUM`); err != nil {
		return Classify(d.path, fmt.Errorf("compact: %w", err))
	}
	busy, err := d.EmptyLog(ctx)
	if err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	if busy {
		return fmt.Errorf("compact: another process reads %s and keeps its log: end that process (a sqlite3 shell, a backup), then compact again", d.path)
	}
	return nil
}

// Trim gives free pages back to the disk if they are a tenth of the file: what was due
// leaves them behind. They are moved to the end of the file, some in each commit.
func (d *DB) Trim(ctx context.Context) error {
	const least, atOnce = 10, 16 << 20
	if d.rehearsal {
		return nil
	}
	free, pages, size, err := d.freePages(ctx)
	if err != nil || free*least < pages {
		return err
	}
	for before := free + 1; err == nil && 0 < free && free < before; { // nothing is gained where an older version made the file
		before = free
		if err = d.vacuum(ctx, atOnce/size); err == nil {
			free, _, _, err = d.freePages(ctx)
		}
	}
	return Classify(d.path, err)
}

func (d *DB) freePages(ctx context.Context) (free, pages, size int, err error) {
	return free, pages, size, d.writer.QueryRowContext(ctx, `SELECT freelist_count, page_count, page_size FROM pragma_freelist_count, pragma_page_count, pragma_page_size`).
		Scan(&free, &pages, &size)
}

// vacuum gives back some free pages: one with each row that is read.
func (d *DB) vacuum(ctx context.Context, pages int) error {
	rows, err := d.writer.QueryContext(ctx, fmt.Sprintf(`PRAGMA incremental_vacuum(%d)`, pages))
	if err != nil {
		return err
	}
	return EachRow(rows, func(*sql.Rows) error { return nil })
}

// EmptyLog moves the write-ahead log into the file, unless somebody reads it.
func (d *DB) EmptyLog(ctx context.Context) (busy bool, err error) {
	var pages, moved int64
	err = d.writer.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved)
	return busy, Classify(d.path, err)
}

// companions are the ends of the names of a file and of what SQLite keeps beside it.
// A write-ahead log belongs to its own file: beside another, it would damage that.
var companions = [...]string{"", "-wal", "-shm"}

// Remove removes a file and what SQLite keeps beside it, if they exist.
func Remove(path string) error {
	for _, suffix := range companions {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Replace puts a file, which has no log, in the place of another one, which is kept
// under the name aside. It reports whether there was another one.
func Replace(path, with, aside string) (kept bool, err error) {
	_, err = os.Stat(path)
	if kept = !errors.Is(err, fs.ErrNotExist); kept {
		for _, suffix := range companions {
			if err := os.Rename(path+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return false, errors.Join(err, os.Remove(with))
			}
		}
	}
	if err := os.Rename(with, path); err != nil {
		return kept, err
	}
	f, err := os.Open(filepath.Dir(path))
	if err != nil {
		return kept, err
	}
	return kept, errors.Join(f.Sync(), f.Close())
}
