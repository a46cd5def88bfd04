package shopdata

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBundledDataIsWhatTheGeneratorMakes(t *testing.T) {
	t.Parallel()
	for step := 1; step <= 2; step++ {
		dir := t.TempDir()
		require.NoError(t, Shop{}.Write(dir, step))
		bundled := filepath.Join("..", "..", "..", "examples", "shop", fmt.Sprintf("step%d", step))
		want, got := contents(t, bundled), contents(t, dir)
		require.Equal(t, names(want), names(got), "run: make sample")
		for name := range want {
			same := want[name] == got[name] // without require's page of differences
			require.True(t, same, "%s differs from what the generator makes", name)
		}
	}
}

func TestBundledDataIsSmall(t *testing.T) {
	t.Parallel()
	var size int64
	require.NoError(t, filepath.WalkDir(filepath.Join("..", "..", "..", "examples", "shop"), func(path string, e fs.DirEntry, err error) error {
		info, err2 := e.Info()
		if err == nil && err2 == nil && !e.IsDir() {
			size += info.Size()
		}
		return err
	}))
	require.Less(t, size, int64(400<<10))
}

// TestLogHasEverything counts what issue and docs promise of the sample.
func TestLogHasEverything(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, Shop{}.Write(dir, 1))
	seen, ids, total := map[string]int{}, map[string]int{}, 0
	for name, text := range contents(t, dir) {
		if !strings.HasSuffix(name, ".gz") {
			continue
		}
		seen[filepath.Dir(name)]++
		for line := range strings.Lines(text) {
			total++
			kinds(line, seen, ids)
		}
	}
	require.GreaterOrEqual(t, total, 2000)
	for _, want := range []string{"page", "screen", "identify", "track", "group", "alias", "delete", "no JSON", "engage identify", "engage track",
		"sentAt null", "late", "version 1.1", "seed order", "anonymous", "twice", "click"} {
		require.Positive(t, seen[want], want)
	}
	for _, source := range []string{"web", "mobile"} {
		days, err := os.ReadDir(filepath.Join(dir, "segment-logs", source))
		require.NoError(t, err)
		require.Len(t, days, Days)
	}
}

func kinds(line string, seen, ids map[string]int) {
	var m struct {
		Type, MessageID, OriginalTimestamp, ReceivedAt string
		SentAt, UserID                                 any
		Version                                        any
		Properties                                     map[string]any
		Context                                        struct{ Personas map[string]any }
	}
	if json.Unmarshal([]byte(line), &m) != nil {
		seen["no JSON"]++
		return
	}
	seen[m.Type]++
	if m.Context.Personas != nil {
		seen["engage "+m.Type]++
		if strings.Contains(line, `"sentAt":null`) && len(m.OriginalTimestamp) == len(nanos)-5 {
			seen["sentAt null"]++
		}
	}
	if ids[m.MessageID]++; ids[m.MessageID] == 2 && m.MessageID != "" {
		seen["twice"]++
	}
	if m.ReceivedAt != "" && m.OriginalTimestamp != "" && m.ReceivedAt[:10] > m.OriginalTimestamp[:10] {
		seen["late"]++
	}
	if m.Version == "1.1" {
		seen["version 1.1"]++
	}
	if m.Properties["order_id"] == "50314b8e9bcf000000000000" {
		seen["seed order"]++
	}
	if m.UserID == nil {
		seen["anonymous"]++
	}
	if strings.Contains(line, "im_ref=") {
		seen["click"]++
	}
}

func TestListsChangeBetweenTheSteps(t *testing.T) {
	t.Parallel()
	one, two := t.TempDir(), t.TempDir()
	require.NoError(t, Shop{}.Write(one, 1))
	require.NoError(t, Shop{}.Write(two, 2))
	for _, name := range []string{"VIP.csv", "Cart Abandoners.csv", "Newsletter.ndjson", "Loyalty Points.csv"} {
		old, now := lines(t, filepath.Join(one, "audiences", name)), lines(t, filepath.Join(two, "audiences", name))
		require.NotEmpty(t, without(old, now), "%s: nobody left", name)
		require.NotEmpty(t, without(now, old), "%s: nobody joined", name)
	}
}

func TestListOfASize(t *testing.T) {
	t.Parallel()
	old, now := list(t, List{Members: 10_000}), list(t, List{Members: 10_000, Changed: 5})
	require.Len(t, without(old, now), 250)
	require.Len(t, without(now, old), 250)
	require.Equal(t, UserID(1, 0), old[1])
	require.Len(t, old[1], 24)
	slices.Sort(now)
	require.Len(t, slices.Compact(now), 10_001, "an id stands twice")
	require.Equal(t, []string{"user_id"}, list(t, List{}))
	require.Error(t, List{Changed: 101}.Write(io.Discard))
}

func TestSeedMakesAnotherShop(t *testing.T) {
	t.Parallel()
	require.NotEqual(t, UserID(1, 0), UserID(2, 0))
	require.Error(t, Shop{}.Write(t.TempDir(), 3))
}

func list(t *testing.T, l List) []string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, l.Write(&b))
	return strings.Fields(b.String())
}

func lines(t *testing.T, file string) []string {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

// without returns the lines of a that b does not have.
func without(a, b []string) []string {
	in := map[string]bool{}
	for _, line := range b {
		in[line] = true
	}
	return slices.DeleteFunc(slices.Clone(a), func(line string) bool { return in[line] })
}

// contents returns the files below dir, unzipped, by name.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		require.NoError(t, err)
		out[filepath.ToSlash(name)] = text(t, path)
		return nil
	}))
	return out
}

func text(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	var r io.Reader = bufio.NewReader(f)
	if strings.HasSuffix(path, ".gz") {
		r, err = gzip.NewReader(r)
		require.NoError(t, err)
	}
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(data)
}

func names(files map[string]string) []string {
	var out []string
	for name := range files {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
