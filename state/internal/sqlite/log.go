package sqlite

import (
	"context"
	"fmt"
)

// CheckLog returns an error if the write-ahead log lacks transactions that the file
// already has, because it was cut off or damaged: SQLite would put old pages over new
// ones without an error. Commits is a query for a number that each transaction
// increases, so the log must never have a smaller one than the file. A log that lost
// only newer transactions is sound: it opens at an earlier commit.
func (d *DB) CheckLog(ctx context.Context, commits string) error {
	for range 2 { // another process may be copying the log into the file just now
		var known bool
		var inFile, inAll int64
		err := ViewFileOnly(ctx, d.path, func(v *View) (err error) {
			known, err = v.Get(commits, nil, &inFile)
			return err
		})
		if err != nil || !known {
			return nil //nolint:nilerr // new, or not ours
		}
		if err := d.readers.QueryRowContext(ctx, commits).Scan(&inAll); err != nil || inAll >= inFile {
			return Classify(d.path, err)
		}
	}
	return fmt.Errorf("%w: %s-wal, its write-ahead log, is damaged: it lacks transactions that the file has; restore a backup", ErrUnusable, d.path)
}

// CopyLog copies what is committed from the write-ahead log into the file, while others
// write. What is not copied by then, Close copies.
func (d *DB) CopyLog(ctx context.Context) error {
	if d.rehearsal {
		return nil
	}
	_, err := d.readers.ExecContext(ctx, `PRAGMA wal_checkpoint(PASSIVE)`)
	return Classify(d.path, err)
}
