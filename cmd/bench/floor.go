package main

import (
	"errors"
	"fmt"
	"os"
)

// What SQLite's own shell takes to store the rows that we stored, when it is
// given them ready, in order, and in commits as large as ours: who keeps these
// tables, and reads the input first, cannot be faster on one processor.

// floorPragmas are the state's: state/db.go.
const floorPragmas = `PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4096;
ATTACH 'rows.db' AS r;
`

// floor returns the round of such a peer. Rows is SQL that copies what our last
// run stored into the database r; script is a query for the SQL that stores it
// into floor.db, which begin makes. Only that is timed.
func (b *bench) floor(begin func() error, rows, script string) func() (spent, error) {
	store := b.peer("sqlite3 -bail floor.db <store.sql", "sqlite3")
	if store == nil {
		return nil
	}
	return func() (spent, error) {
		if err := errors.Join(b.remove("rows.db", "floor.db", "floor.db-wal", "floor.db-shm"), begin()); err != nil {
			return spent{}, err
		}
		sql, err := b.timed(nil, "sqlite3", "-bail", "state.db", "ATTACH 'rows.db' AS r;"+rows+script)
		if err != nil {
			return spent{}, err
		}
		if err := os.WriteFile(b.path("store.sql"), []byte(floorPragmas+sql.out), 0o600); err != nil {
			return spent{}, err
		}
		return store()
	}
}

// changesFloor is for a list that differs from the last one.
func (b *bench) changesFloor() func() (spent, error) {
	return b.floor(func() error { return b.copyFile("settled.db", "floor.db") }, `
		CREATE TABLE r.changes AS SELECT * FROM trait_due ORDER BY profile_id;
		CREATE TABLE r.people AS SELECT id, user_id FROM profiles WHERE id IN (SELECT profile_id FROM r.changes WHERE is_exit = 0) ORDER BY id;`, `
		SELECT 'BEGIN IMMEDIATE;
			INSERT OR FAIL INTO profiles (id, user_id) SELECT id, user_id FROM r.people ORDER BY rowid;
			INSERT INTO trait_due SELECT * FROM r.changes ORDER BY rowid;
			COMMIT;';`)
}

// eventsInCommit is 8 groups of a thousand: sync/read.go.
const eventsInCommit = 8000

// eventsFloor is for a log. Which keys and people came with which events is not
// stored: chance decides.
func (b *bench) eventsFloor() func() (spent, error) {
	parts := func(table, from, key string) string {
		return fmt.Sprintf(`CREATE TABLE r.%[1]s AS SELECT * FROM (SELECT *, abs(random()) %% (SELECT count(*) / %[4]d + 1 FROM deliveries) AS part FROM (%[2]s)) ORDER BY part, %[3]s;
			CREATE INDEX r.%[1]s_part ON %[1]s (part);`, table, from, key, eventsInCommit)
	}
	return b.floor(func() error { return nil },
		`CREATE TABLE r.events AS SELECT * FROM deliveries ORDER BY id; CREATE INDEX r.events_id ON events (id);`+
			parts("keys", "SELECT * FROM event_keys", "day, key")+
			parts("people", "SELECT id, user_id, anonymous_id, email_sha1, click_id, click_at, seen_at, absorbed_into FROM profiles", "id"),
		fmt.Sprintf(`
		SELECT sql || ';' FROM sqlite_schema WHERE tbl_name IN ('deliveries', 'event_keys', 'profiles') AND type IN ('table', 'index') AND sql IS NOT NULL ORDER BY type DESC;
		SELECT 'BEGIN IMMEDIATE;
			INSERT OR FAIL INTO deliveries SELECT * FROM r.events WHERE id > ' || (part * %[1]d) || ' AND id <= ' || ((part + 1) * %[1]d) || ' ORDER BY id;
			INSERT OR FAIL INTO event_keys SELECT day, key, seen_at FROM r.keys WHERE part = ' || part || ' ORDER BY rowid;
			INSERT OR FAIL INTO profiles (id, user_id, anonymous_id, email_sha1, click_id, click_at, seen_at, absorbed_into) SELECT id, user_id, anonymous_id, email_sha1, click_id, click_at, seen_at, absorbed_into FROM r.people WHERE part = ' || part || ' ORDER BY rowid;
			COMMIT;' FROM (SELECT DISTINCT part FROM r.keys) ORDER BY part;`, eventsInCommit))
}
