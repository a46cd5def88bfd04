package sqlite

import (
	"context"
	"fmt"
)

// CheckLog refuses a file whose write-ahead log was cut off or damaged behind
// what the file itself already has: SQLite would lay old pages over new ones
// without an error. Commits is a query for a number that each transaction
// raises, so that the log may never have less than the file. A log that lost its
// end otherwise opens at an earlier commit, which is sound.
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
