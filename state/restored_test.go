package state_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

// restore puts a backup in place, as the command does, and opens it. It gives
// where the replaced file is.
func (b *bench) restore(backup string) string {
	b.t.Helper()
	require.NoError(b.t, b.db.Close())
	b.db = nil
	b.now = b.now.Add(time.Minute)
	r, err := state.Restore(context.Background(), b.path, backup, &binding, b.now)
	require.NoError(b.t, err)
	b.reopen()
	return r.Old
}

func (b *bench) backup() string {
	b.t.Helper()
	to := filepath.Join(b.t.TempDir(), "backup.db")
	require.NoError(b.t, b.db.Backup(context.Background(), to))
	return to
}

// TestRestoreDoubtsWhatPassesBy: who joined after the backup and has left by
// now is told so, in whatever order the messages are read again.
func TestRestoreDoubtsWhatPassesBy(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]bool{"the backup knows the person by another trait": true, "the backup does not know the person": false} {
		for order, late := range map[string]bool{"in order": false, "the older message comes last": true} {
			t.Run(name+", "+order, func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				if known {
					b.list("vip", state.Guard{}, "u8")
					b.send()
				}
				backup := b.backup()
				b.now = b.now.Add(time.Hour)
				joined := b.now.Add(-time.Minute)
				b.change(user("u8"), "one", "true", joined)
				require.Equal(t, []string{"u8 one=true"}, b.send())
				b.restore(backup)
				b.send()
				left := joined.Add(30 * time.Second)
				if late {
					b.change(user("u8"), "one", "false", left)
					require.Empty(t, b.send(), "nobody gets a false who was never told true")
					b.change(user("u8"), "one", "true", joined)
				} else {
					b.change(user("u8"), "one", "true", joined)
					b.change(user("u8"), "one", "false", left)
				}
				b.sound()
				require.Equal(t, []string{"u8 one=false"}, b.send())
				b.change(user("u8"), "one", "true", joined) // an old object is rewritten and read again
				require.Empty(t, b.send(), "since then it is known what impact.com holds")
				b.sound()
			})
		}
	}

	t.Run("what happens after the restore is as ever", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.restore(b.backup())
		b.now = b.now.Add(time.Hour)
		b.change(user("u8"), "one", "true", b.now.Add(-time.Minute))
		b.change(user("u8"), "one", "false", b.now)
		require.Empty(t, b.send())
	})
}

// TestRestoreRecipe: docs/state.md finds whom the state cannot know, by person
// and trait.
func TestRestoreRecipe(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(recipesFile)
	require.NoError(t, err)
	recipe := regexp.MustCompile(`"ATTACH 'state.db.before-restore-TIME' AS old" "(.*)"`).FindSubmatch(text)
	require.Len(t, recipe, 2)
	b := setup(t)
	b.list("vip", state.Guard{}, "u1", "u2")
	b.send()
	backup := b.backup()
	b.list("gold", state.Guard{}, "u1", "u3") // this list is gone after the restore
	b.change(user("u2"), "one", "true", b.now)
	b.listOf("vip", state.Guard{}, user("u1"), user("u2"), state.Person{AnonymousID: "a4"})
	b.send()
	old := b.restore(backup)
	b.change(user("u2"), "one", "true", b.now.Add(-time.Minute))
	b.send()
	db, err := sql.Open("sqlite3", "file:"+b.path)
	require.NoError(t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(t.Context(), `ATTACH ? AS old`, old)
	require.NoError(t, err)
	rows, err := db.QueryContext(t.Context(), string(recipe[1]))
	require.NoError(t, err)
	defer rows.Close()
	var found []string
	for rows.Next() {
		var who, anonymous, email, key sql.NullString
		require.NoError(t, rows.Scan(&who, &anonymous, &email, &key))
		found = append(found, who.String+anonymous.String+" "+key.String)
	}
	require.NoError(t, rows.Err())
	require.ElementsMatch(t, []string{"u1 gold", "u3 gold", "a4 vip"}, found)
}

// TestRestoreRefusesAnotherFileThanWasBackedUp: nothing is touched then.
func TestRestoreRefusesAnotherFileThanWasBackedUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil  func(text []byte) []byte
		summed bool
		want   string
	}{
		"cut short":                     {func(text []byte) []byte { return text[:len(text)/2] }, true, "the copy was cut short"},
		"cut short, without a checksum": {func(text []byte) []byte { return text[:len(text)/2] }, false, "the copy was cut short"},
		"cut short to its first bytes":  {func(text []byte) []byte { return text[:50] }, true, "its SHA-256 is"},
		"a byte is another":             {func(text []byte) []byte { text[len(text)-1] ^= 1; return text }, true, "its SHA-256 is"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.list("vip", state.Guard{}, "u1", "u2")
			backup := b.backup()
			require.NoError(t, b.db.Close())
			b.db = nil
			text, err := os.ReadFile(backup)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(backup, c.spoil(text), 0o600))
			if !c.summed {
				require.NoError(t, os.Remove(backup+state.SumSuffix))
			}
			before, err := os.ReadFile(b.path)
			require.NoError(t, err)
			_, err = state.Restore(t.Context(), b.path, backup, &binding, b.now)
			require.ErrorIs(t, err, state.ErrUnusable)
			require.ErrorContains(t, err, c.want)
			after, err := os.ReadFile(b.path)
			require.NoError(t, err)
			require.Equal(t, before, after)
			b.reopen()
		})
	}
}

func TestRestoreTellsWhetherThereWasAChecksum(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, summed := range []bool{true, false} {
		backup := b.backup()
		if !summed {
			require.NoError(t, os.Remove(backup+state.SumSuffix))
		}
		require.NoError(t, b.db.Close())
		r, err := state.Restore(t.Context(), b.path, backup, &binding, b.now)
		require.NoError(t, err)
		require.Equal(t, summed, r.Summed)
		b.reopen()
		b.now = b.now.Add(time.Second)
	}
}
