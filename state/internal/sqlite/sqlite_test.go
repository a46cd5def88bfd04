package sqlite_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state/internal/sqlite"
)

var ctx = context.Background()

// file makes a file with a table of numbers.
func file(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	require.NoError(t, sqlite.Create(ctx, path))
	db := open(t, path, sqlite.ReadWrite)
	require.NoError(t, db.Update(nil, func(tx sqlite.Tx) error {
		return tx.Script("CREATE TABLE numbers (n INTEGER PRIMARY KEY); CREATE TABLE store (commits INTEGER); INSERT INTO store VALUES (0)")
	}))
	_, err := db.EmptyLog(ctx)
	require.NoError(t, err)
	require.NoError(t, sqlite.Made(path))
	require.NoError(t, db.Close())
	return path
}

func open(t *testing.T, path string, mode sqlite.Mode) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(ctx, path, mode)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func add(n int) func(sqlite.Tx) error {
	return func(tx sqlite.Tx) error {
		_, err := tx.Exec("INSERT INTO numbers VALUES (?)", n)
		return err
	}
}

func numbers(t *testing.T, db *sqlite.DB) (all []int) {
	t.Helper()
	require.NoError(t, db.View(ctx, func(v *sqlite.View) error {
		return v.Each("SELECT n FROM numbers ORDER BY n", nil, func(rows *sql.Rows) error {
			var n int
			err := rows.Scan(&n)
			all = append(all, n)
			return err
		})
	}))
	return all
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	wrong := errors.New("wrong")
	for name, mode := range map[string]sqlite.Mode{"a file": sqlite.ReadWrite, "a rehearsal": sqlite.Rehearsal} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, file(t), mode)
			var points []string
			point := func(name string) { points = append(points, name) }
			require.NoError(t, db.Update(point, add(1)))
			require.Equal(t, []string{"before a commit", "after a commit"}, points)
			require.ErrorIs(t, db.Update(point, func(tx sqlite.Tx) error { return errors.Join(add(2)(tx), wrong) }), wrong)
			require.Len(t, points, 2, "it was rolled back")
			require.NoError(t, db.Update(nil, add(3)))
			require.Equal(t, []int{1, 3}, numbers(t, db))
		})
	}
}

func TestTx(t *testing.T) {
	t.Parallel()
	db := open(t, file(t), sqlite.ReadWrite)
	require.NoError(t, db.Update(nil, func(tx sqlite.Tx) error {
		id, err := tx.Insert("INSERT INTO numbers DEFAULT VALUES")
		require.NoError(t, err)
		require.EqualValues(t, 1, id)
		for n, want := range []int64{1, 0, 1} { // there is a 1
			changed, err := tx.Exec("INSERT INTO numbers VALUES (?) ON CONFLICT DO NOTHING", n)
			require.NoError(t, err)
			require.Equal(t, want, changed)
		}
		var n int
		found, err := tx.Get("SELECT max(n) FROM numbers", nil, &n)
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, 2, n)
		found, err = tx.Get("SELECT n FROM numbers WHERE n = ?", []any{7}, &n)
		require.NoError(t, err)
		require.False(t, found)
		_, err = tx.Exec("INSERT INTO nothing VALUES (1)")
		require.ErrorContains(t, err, "INSERT INTO nothing")
		return nil
	}))
}

func TestChunks(t *testing.T) {
	t.Parallel()
	db := open(t, file(t), sqlite.ReadWrite)
	wrong := errors.New("wrong")
	require.NoError(t, db.Update(nil, func(tx sqlite.Tx) error {
		for n := range 5 {
			require.NoError(t, add(n)(tx))
		}
		var sizes []int
		var all []driver.Value
		err := tx.Chunks("SELECT n, NULL FROM numbers WHERE n < ? ORDER BY -n", []any{10}, 2, func(rows [][]driver.Value) error {
			sizes = append(sizes, len(rows))
			for _, row := range rows {
				all = append(all, row...)
			}
			return add(len(all) + 10)(tx)
		})
		require.NoError(t, err)
		require.Equal(t, []int{2, 2, 1}, sizes)
		require.Equal(t, []driver.Value{int64(4), nil, int64(3), nil, int64(2), nil, int64(1), nil, int64(0), nil}, all)
		require.ErrorIs(t, tx.Chunks("SELECT n FROM numbers", nil, 2, func([][]driver.Value) error { return wrong }), wrong)
		require.NoError(t, tx.Chunks("SELECT n FROM numbers WHERE n > 1000", nil, 2, func([][]driver.Value) error { return wrong }))
		require.ErrorContains(t, tx.Chunks("SELECT n FROM nothing", nil, 2, nil), "SELECT n FROM nothing")
		return nil
	}))
}

// What a rehearsal writes can be read by it, within a transaction too, and
// leaves the file as it was, byte for byte.
func TestRehearsal(t *testing.T) {
	t.Parallel()
	path := file(t)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	db := open(t, path, sqlite.Rehearsal)
	require.True(t, db.Rehearsal())
	require.NoError(t, db.Update(nil, func(tx sqlite.Tx) error {
		require.NoError(t, add(1)(tx))
		require.Equal(t, []int{1}, numbers(t, db))
		conns, release, err := db.Readers(ctx, 2)
		require.NoError(t, err)
		require.Len(t, conns, 1)
		var n int
		require.NoError(t, conns[0].QueryRowContext(ctx, "SELECT n FROM numbers").Scan(&n))
		return release()
	}))
	require.Equal(t, []int{1}, numbers(t, db))
	other := open(t, path, sqlite.ReadOnly)
	require.Empty(t, numbers(t, other), "another process sees nothing of it")
	require.NoError(t, other.Close())
	require.NoError(t, db.Close())
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.NoFileExists(t, path+"-wal")
	require.Empty(t, numbers(t, open(t, path, sqlite.ReadOnly)))
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	path := file(t)
	db := open(t, path, sqlite.ReadOnly)
	require.ErrorIs(t, db.Update(nil, add(1)), sqlite.ErrReadOnly)
	require.Nil(t, db.Pool())
	require.NoError(t, db.InPlace())
	require.NoError(t, os.Rename(path, path+".old"))
	require.ErrorIs(t, db.InPlace(), sqlite.ErrMoved)
}

func TestBackup(t *testing.T) {
	t.Parallel()
	path := file(t)
	db := open(t, path, sqlite.ReadWrite)
	require.NoError(t, db.Update(nil, add(1)))
	to := filepath.Join(t.TempDir(), "backup.db")
	require.NoError(t, db.Backup(ctx, to))
	require.Error(t, db.Backup(ctx, to), "it does not overwrite")
	require.NoError(t, db.Update(nil, add(2)))
	require.NoError(t, db.Compact(ctx))
	require.NoError(t, db.Close())
	kept, err := sqlite.Replace(path, to, path+".before")
	require.NoError(t, err)
	require.True(t, kept)
	require.NoFileExists(t, to)
	require.Equal(t, []int{1}, numbers(t, open(t, path, sqlite.ReadOnly)))
	require.Equal(t, []int{1, 2}, numbers(t, open(t, path+".before", sqlite.ReadOnly)))
	require.NoError(t, sqlite.Remove(path))
	require.NoFileExists(t, path)
	require.NoError(t, sqlite.Remove(path), "there is nothing to remove")
}

// A log that lost what the file has already is refused, one that lost its end is not.
func TestTrim(t *testing.T) {
	t.Parallel()
	pages := func(db *sqlite.DB) (all, free int) {
		require.NoError(t, db.View(ctx, func(v *sqlite.View) error {
			return v.Scan("SELECT page_count, freelist_count FROM pragma_page_count, pragma_freelist_count", nil, &all, &free)
		}))
		return all, free
	}
	fill := `WITH RECURSIVE c (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c WHERE n < 300) INSERT INTO %s SELECT n, zeroblob(10000) FROM c;`
	path := file(t)
	db := open(t, path, sqlite.ReadWrite)
	script := func(text string) {
		require.NoError(t, db.Update(nil, func(tx sqlite.Tx) error { return tx.Script(text) }))
	}
	script("CREATE TABLE due (n INTEGER PRIMARY KEY, b BLOB); CREATE TABLE kept (n INTEGER PRIMARY KEY, b BLOB);" + fmt.Sprintf(fill, "due") + fmt.Sprintf(fill, "kept"))
	full, _ := pages(db)
	script("DELETE FROM due WHERE n < 20")
	require.NoError(t, db.Trim(ctx))
	all, free := pages(db)
	require.Equal(t, []int{full, 19}, []int{all, free}, "a few free pages are used again")
	script("DELETE FROM due")
	require.NoError(t, db.Trim(ctx))
	all, free = pages(db)
	require.Zero(t, free)
	require.Less(t, all, full*6/10)

	// What an older version made has its pages given back from a compaction on.
	old := filepath.Join(t.TempDir(), "state.db")
	raw, err := sql.Open("sqlite3", old)
	require.NoError(t, err)
	_, err = raw.Exec("PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; CREATE TABLE due (n INTEGER PRIMARY KEY, b BLOB);" + fmt.Sprintf(fill, "due") + "DELETE FROM due")
	require.NoError(t, err)
	require.NoError(t, raw.Close())
	db = open(t, old, sqlite.ReadWrite)
	require.NoError(t, db.Trim(ctx))
	_, free = pages(db)
	require.NotZero(t, free)
	require.NoError(t, db.Compact(ctx))
	script(fmt.Sprintf(fill, "due") + "DELETE FROM due")
	require.NoError(t, db.Trim(ctx))
	_, free = pages(db)
	require.Zero(t, free)
}

func TestCheckLog(t *testing.T) {
	t.Parallel()
	const commits = "SELECT commits FROM store"
	path := file(t)
	count := func(tx sqlite.Tx) error {
		_, err := tx.Exec("UPDATE store SET commits = commits + 1")
		return err
	}
	db := open(t, path, sqlite.ReadWrite)
	require.NoError(t, db.Update(nil, count))
	early, err := os.ReadFile(path + "-wal")
	require.NoError(t, err)
	require.NoError(t, db.Update(nil, count))
	log, err := os.ReadFile(path + "-wal")
	require.NoError(t, err)
	late, err := os.ReadFile(path)
	require.NoError(t, err)
	_, err = db.EmptyLog(ctx)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	moved, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, c := range []struct {
		name      string
		file, log []byte
		sound     bool
	}{
		{"whole", late, log, true},
		{"without its end", late, early, true},
		{"behind the file", moved, early, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "state.db")
			require.NoError(t, os.WriteFile(path, c.file, 0o600))
			require.NoError(t, os.WriteFile(path+"-wal", c.log, 0o600))
			err := open(t, path, sqlite.ReadOnly).CheckLog(ctx, commits)
			if c.sound {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, sqlite.ErrUnusable)
			require.ErrorContains(t, err, "its write-ahead log, is damaged")
		})
	}
}

func TestWhatIsNoFileOfOurs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	_, err := sqlite.Open(ctx, path, sqlite.ReadWrite)
	require.ErrorIs(t, err, sqlite.ErrMissing)
	_, err = sqlite.Open(ctx, filepath.Dir(path), sqlite.ReadWrite)
	require.ErrorContains(t, err, "is a folder")
	require.NoError(t, os.WriteFile(path, nil, 0o644))
	_, err = sqlite.Open(ctx, path, sqlite.ReadWrite)
	require.ErrorContains(t, err, "is empty")
	require.NoError(t, os.WriteFile(path, []byte("this is not a database, it is a letter to my mother, and a rather long one"), 0o644))
	_, err = sqlite.Open(ctx, path, sqlite.ReadWrite)
	require.ErrorIs(t, err, sqlite.ErrUnusable)
	require.ErrorContains(t, err, "not a SQLite file")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestClassify(t *testing.T) {
	t.Parallel()
	full := sqlite.Classify("state.db", sqlite3.Error{Code: sqlite3.ErrFull})
	require.ErrorIs(t, full, sqlite.ErrFull)
	for _, err := range []error{full, fmt.Errorf("migrate: %w", full), sqlite.Classify("state.db", sqlite3.Error{Code: sqlite3.ErrBusy})} {
		require.Equal(t, err, sqlite.Classify("state.db", err), "what it means is said once")
	}
	failed := sqlite.Classify("state.db", sqlite3.Error{Code: sqlite3.ErrIoErr, SystemErrno: syscall.EIO})
	require.ErrorIs(t, failed, sqlite.ErrDisk)
	require.NotErrorIs(t, failed, sqlite.ErrFull)
	require.ErrorIs(t, sqlite.Classify("state.db", sqlite3.Error{Code: sqlite3.ErrIoErr, SystemErrno: syscall.EDQUOT}), sqlite.ErrFull)
	other := errors.New("not SQLite's")
	require.Equal(t, other, sqlite.Classify("state.db", other))
	require.NoError(t, sqlite.Classify("state.db", nil))
}

// TestCopyLog copies the log while a transaction is under way, which is not copied.
func TestCopyLog(t *testing.T) {
	t.Parallel()
	path := file(t)
	db := open(t, path, sqlite.ReadWrite)
	inFile := func() (n int) {
		require.NoError(t, sqlite.ViewFileOnly(ctx, path, func(v *sqlite.View) error { return v.Scan("SELECT count(*) FROM numbers", nil, &n) }))
		return n
	}
	require.NoError(t, db.Update(nil, add(1)))
	require.Zero(t, inFile())
	require.NoError(t, db.Update(nil, func(tx sqlite.Tx) error {
		return errors.Join(add(2)(tx), db.CopyLog(ctx))
	}))
	require.Equal(t, 1, inFile())
	require.Equal(t, []int{1, 2}, numbers(t, db))
}
