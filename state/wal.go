package state

import (
	"context"
	"database/sql"
	"fmt"
)

const selectCommits = `SELECT commits FROM store`

// checkLog refuses a file whose write-ahead log was cut off or damaged behind
// what the file itself already has: SQLite would lay old pages over new ones
// and say nothing. Each transaction counts itself, so the log may never say
// less than the file. A log that lost its end otherwise opens at an earlier
// commit, which is sound.
func (d *DB) checkLog(ctx context.Context) error {
	for range 2 { // another process may be copying the log into the file just now
		inFile, known := commitsOf(ctx, fileOnly(d.path))
		if !known {
			return nil // new, or not ours: prepareSchema says so
		}
		var inAll int64
		if err := d.readers.QueryRowContext(ctx, selectCommits).Scan(&inAll); err != nil || inAll >= inFile {
			return classify(d.path, err)
		}
	}
	return fmt.Errorf("%w: %s-wal, its write-ahead log, is damaged: it lacks transactions that the file has; restore a backup", ErrUnusable, d.path)
}

// commitsOf counts the transactions that a data source has.
func commitsOf(ctx context.Context, dsn string) (n int64, known bool) {
	db, err := sql.Open("sqlite3", dsn)
	if err != nil {
		return 0, false
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, selectCommits).Scan(&n)
	return n, err == nil
}
