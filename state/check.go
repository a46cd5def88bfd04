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

// Check looks for damage: SQLite's own integrity check, foreign keys, rows
// whose status contradicts their values, and counters that do not add up. It
// gives what it found, nothing if all is well. It reads the whole file.
func (d *DB) Check(ctx context.Context) (problems []string, err error) {
	err = d.view(ctx, func(v *view) error {
		for _, c := range checks {
			err := v.each(c.query, nil, func(rows *sql.Rows) error {
				var found string
				if err := rows.Scan(&found); err != nil {
					return err
				}
				if found != "ok" {
					problems = append(problems, c.what+": "+found)
				}
				return nil
			})
			if err != nil {
				return fmt.Errorf("check %s: %w", c.what, err)
			}
		}
		return nil
	})
	return problems, err
}

var checks = []struct{ what, query string }{
	{"integrity", `PRAGMA integrity_check(10)`},
	{"foreign keys", `SELECT "table" || coalesce(' row ' || rowid, '') FROM pragma_foreign_key_check LIMIT 10`},
	{"trait values without a person", `SELECT 'trait ' || v.trait_id || ' profile ' || v.profile_id FROM trait_values v
		LEFT JOIN profiles p ON p.id = v.profile_id WHERE p.id IS NULL LIMIT 10`},
	{"settled trait values that are due", `SELECT t.key || ' profile ' || v.profile_id FROM trait_values v JOIN traits t ON t.id = v.trait_id
		WHERE v.status = 0 AND (v.wanted IS NOT NULL OR t.class = 'audience') AND (v.doubt = 1
			OR (t.class = 'audience' AND v.wanted IS 'true' AND v.delivered IS NOT 'true')
			OR (t.class = 'audience' AND v.wanted IS NOT 'true' AND v.delivered IS 'true')
			OR (t.class = 'computed' AND v.wanted IS NOT v.delivered)) LIMIT 10`},
	{"counters of traits", `SELECT t.key || ' ' || c.name || ': counted ' || c.value || ', is ' || r.value
		FROM traits t JOIN counters c ON c.scope = t.id JOIN (
			SELECT trait_id, CASE status WHEN 0 THEN 'settled' WHEN 1 THEN 'pending' WHEN 2 THEN 'in_flight' WHEN 3 THEN 'retry_later' WHEN 4 THEN 'refused' WHEN 5 THEN 'unknown' ELSE 'held' END AS name, count(*) AS value
			FROM trait_values GROUP BY 1, 2
			UNION ALL SELECT v.trait_id, 'wanted', count(*) FROM trait_values v JOIN traits t ON t.id = v.trait_id WHERE v.wanted IS NOT NULL AND (t.class = 'computed' OR v.wanted = 'true') GROUP BY 1
			UNION ALL SELECT v.trait_id, 'delivered', count(*) FROM trait_values v JOIN traits t ON t.id = v.trait_id WHERE v.delivered IS NOT NULL AND (t.class = 'computed' OR v.delivered = 'true') GROUP BY 1
			UNION ALL SELECT v.trait_id, 'told', count(*) FROM trait_values v JOIN traits t ON t.id = v.trait_id WHERE v.doubt = 1 OR v.delivered IS NOT NULL AND (t.class = 'computed' OR v.delivered = 'true') GROUP BY 1
		) r ON r.trait_id = t.id AND r.name = c.name WHERE c.value <> r.value LIMIT 10`},
	{"counters of statuses nothing has", `SELECT t.key || ' ' || c.name || ': counted ' || c.value FROM counters c JOIN traits t ON t.id = c.scope
		WHERE c.value <> 0 AND c.name NOT IN ('wanted', 'delivered', 'told') AND NOT EXISTS (SELECT 1 FROM trait_values v WHERE v.trait_id = t.id
			AND v.status = CASE c.name WHEN 'settled' THEN 0 WHEN 'pending' THEN 1 WHEN 'in_flight' THEN 2 WHEN 'retry_later' THEN 3 WHEN 'refused' THEN 4 WHEN 'unknown' THEN 5 ELSE 6 END) LIMIT 10`},
	{"counters of events", `SELECT c.name || ': counted ' || c.value || ', is ' || r.n FROM counters c JOIN (
			SELECT s.scope, s.name, (SELECT count(*) FROM deliveries d WHERE d.kind = s.kind AND d.status = s.status) AS n FROM (
				SELECT k.scope, k.kind, st.status, st.name FROM (SELECT 0 AS scope, 'page_load' AS kind UNION ALL VALUES (-1, 'conversion')) k,
				(SELECT 1 AS status, 'pending' AS name UNION ALL VALUES (2, 'in_flight'), (3, 'retry_later'), (4, 'refused'), (5, 'unknown'), (6, 'held')) st) s
		) r ON r.scope = c.scope AND r.name = c.name WHERE c.value <> r.n LIMIT 10`},
}

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

// Restore puts a backup in the place of the state file, after a look at the
// backup. The old file is kept beside it; its new path comes back, "" if there
// was none. The caller holds the lock.
func Restore(ctx context.Context, path, backup string, now time.Time) (old string, err error) {
	path = resolve(path)
	b, err := Open(ctx, Options{Path: backup, ReadOnly: true})
	if err != nil {
		return "", fmt.Errorf("restore %s: %w", backup, err)
	}
	problems, err := b.Check(ctx)
	if err == nil && len(problems) > 0 {
		err = fmt.Errorf("%w: the backup is damaged: %v", ErrUnusable, problems)
	}
	temp := path + ".restoring"
	if err == nil {
		// Left by a restore that was killed: the lock says that nobody is at it.
		if err = os.Remove(temp); err == nil || errors.Is(err, fs.ErrNotExist) {
			err = b.Backup(ctx, temp)
		}
	}
	if err := errors.Join(err, b.Close()); err != nil {
		return "", fmt.Errorf("restore %s: %w", backup, err)
	}
	old = path + now.UTC().Format(".before-restore-20060102T150405.000000000Z")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		old = ""
	} else if err := setAside(path, old); err != nil {
		return "", errors.Join(fmt.Errorf("restore %s: %w", backup, err), os.Remove(temp))
	}
	if err := os.Rename(temp, path); err != nil {
		return old, fmt.Errorf("restore %s: %w", backup, err)
	}
	return old, syncFolder(filepath.Dir(path))
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

// DoubtAll sets doubt on everything that impact.com was ever told, of every
// trait: after a restore nobody can say what was told since. It gives how many
// rows are due by it.
func (d *DB) DoubtAll(ctx context.Context) (n int64, err error) {
	var keys []string
	err = d.view(ctx, func(v *view) error {
		return v.each(`SELECT key FROM traits`, nil, func(rows *sql.Rows) error {
			var k string
			err := rows.Scan(&k)
			keys = append(keys, k)
			return err
		})
	})
	for _, k := range keys {
		if err != nil {
			return n, err
		}
		var moved int64
		moved, err = d.Resync(ctx, k)
		n += moved
	}
	return n, err
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
