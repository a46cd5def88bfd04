package sync_test

import (
	"compress/gzip"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi/sandbox"
	impactsync "github.com/impactsync/impactsync/sync"
)

// The full sizes take minutes and gigabytes of input; what they must not take
// is memory: go test ./sync -c && /usr/bin/time -v ./sync.test -test.run TestHostile/NAME -hostile.full
var hostileFull = flag.Bool("hostile.full", false, "hostile inputs in their full size")

func sized(small, full int) int {
	if *hostileFull {
		return full
	}
	return small
}

// zipped writes a file of n times the same bytes, and then an ordinary page.
func (w *world) zipped(name, text string, n int) {
	w.t.Helper()
	f, err := os.Create(filepath.Join(w.dir, "events", name))
	require.NoError(w.t, err)
	z := gzip.NewWriter(f)
	block := []byte(strings.Repeat(text, 1<<20/len(text)))
	for range n {
		_, err := z.Write(block)
		require.NoError(w.t, err)
	}
	_, err = io.WriteString(z, "\n"+page("m1", "u1", "")+"\n")
	require.NoError(w.t, err)
	require.NoError(w.t, z.Close())
	require.NoError(w.t, f.Close())
}

func TestHostile(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20

	t.Run("a gzip bomb of one line is one rejected line", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{})
		w.zipped("bomb.gz", "a", sized(16, 4096))
		r, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		require.EqualValues(t, 1, r.Counts["rejected"])
		require.Equal(t, []string{"/PageLoad u1"}, w.told(0), "what comes after it counts")
	})

	t.Run("a gzip bomb of bad lines is no log", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{})
		w.zipped("bomb.gz", "{}x\n", sized(16, 4096))
		r, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitRefused, r.ExitCode)
		require.LessOrEqual(t, r.Counts["rejected"], int64(101))
		require.Empty(t, w.told(0))
	})

	t.Run("a huge line is rejected, unread", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{})
		path := filepath.Join(w.dir, "events", "a.ndjson")
		require.NoError(t, os.WriteFile(path, []byte(`{"type":"page","x":"`), 0o600))
		require.NoError(t, os.Truncate(path, int64(sized(8, 1024))*mib)) // zeros that take no disk
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = io.WriteString(f, "\n"+page("m1", "u1", "")+"\n")
		require.NoError(t, err)
		require.NoError(t, f.Close())
		r, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		require.EqualValues(t, 1, r.Counts["rejected"])
		require.Equal(t, []string{"/PageLoad u1"}, w.told(0))
	})

	t.Run("a list with a huge line changes nothing", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{})
		w.list("VIP.csv", "user_id", "u1")
		path := filepath.Join(w.dir, "audiences", "Gold.csv")
		require.NoError(t, os.WriteFile(path, []byte("user_id\nu1\n\""), 0o600))
		require.NoError(t, os.Truncate(path, int64(sized(8, 1024))*mib))
		r, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitRefused, r.ExitCode)
		require.Equal(t, []string{"/PageLoad u1 vip=true"}, w.told(0))
	})

	t.Run("deep JSON is rejected", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{})
		deep := sized(10_000, 100_000)
		w.log("a.ndjson", `{"type":"page","userId":"u1","properties":`+strings.Repeat(`{"a":`, deep)+"1"+strings.Repeat("}", deep)+"}",
			`{"type":"page","userId":"u1","properties":`+strings.Repeat("[", deep), page("m1", "u1", ""))
		r, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		require.EqualValues(t, 2, r.Counts["rejected"])
		require.Equal(t, []string{"/PageLoad u1"}, w.told(0))
	})

	t.Run("very many tiny objects are read", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{})
		n := sized(300, 1_000_000)
		old := time.Now().Add(-time.Hour)
		for i := range n {
			path := filepath.Join(w.dir, "events", fmt.Sprintf("%03d", i/1000), fmt.Sprintf("%06d.json", i))
			if i%1000 == 0 {
				require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
			}
			require.NoError(t, os.WriteFile(path, []byte("{}\n"), 0o600))
			require.NoError(t, os.Chtimes(path, old, old))
		}
		r, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		require.EqualValues(t, n, r.Counts["rejected"])
		require.Less(t, w.commits(), int64(20+n/100), "tiny objects share commits")
		r, err = w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Zero(t, r.Counts["rejected"], "what was read is passed over")
	})
}

// commits is how many transactions the state has seen.
func (w *world) commits() (n int64) {
	w.t.Helper()
	raw, err := sql.Open("sqlite3", filepath.Join(w.dir, "state.db"))
	require.NoError(w.t, err)
	defer raw.Close()
	require.NoError(w.t, raw.QueryRowContext(w.t.Context(), `SELECT commits FROM store`).Scan(&n))
	return n
}

func TestHostileTraitKeys(t *testing.T) {
	t.Parallel()
	const most = 10_000
	w := setup(t, sandbox.Config{})
	w.change = func(c *impactsync.Config) { c.MaxEventAge = 0 }
	n := sized(most+50, 100_000)
	lines := make([]string, n)
	for i := range n {
		lines[i] = fmt.Sprintf(`{"type":"identify","messageId":"m%[1]d","userId":"u1","traits":{"k%[1]d":true},"timestamp":"2026-01-01T00:00:00Z","context":{"personas":{"computation_class":"audience","computation_key":"k%[1]d"}}}`, i)
	}
	w.log("a.ndjson", lines...)
	r, err := w.run(impactsync.Options{})
	require.NoError(t, err)
	require.Equal(t, impactsync.ExitRefused, r.ExitCode)
	require.EqualValues(t, n-most, r.Counts["rejected"])
	require.EqualValues(t, most, r.Counts["delivered"])
}
