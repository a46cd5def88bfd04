package bucket

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/impactsync/impactsync/sync/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, rawURL string) *Bucket {
	t.Helper()
	b, err := Open(context.Background(), rawURL, Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func write(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		file := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(name), 0o600))
	}
}

func list(t *testing.T, b *Bucket) (objects []source.Object, names []string) {
	t.Helper()
	for o, err := range b.Objects(context.Background()) {
		require.NoError(t, err)
		objects = append(objects, o)
		names = append(names, o.Name)
	}
	return objects, names
}

func TestURLsThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "vip.csv")
	for name, tt := range map[string]struct{ url, want string }{
		"a missing folder":       {"file://" + dir + "/none", "there is no folder"},
		"a file":                 {"file://" + dir + "/vip.csv", "is a file: set the url to its folder"},
		"a folder as a host":     {"file://data/x", `"data" is where a host would be: write file:///data/x, or file://./data/x`},
		"a parameter for a file": {"file://" + dir + "?region=x", `takes no parameter "region"`},
		"an unknown scheme":      {"ftp://user:s3cr3t@host/x?token=s3cr3t", `ftp://host/x: unknown scheme "ftp"`},
		"no URL":                 {"s3cr3t", "bucket URL is not valid"},
		"a broken URL":           {"s3://us:s3cr3t@[host/x", "bucket URL is not valid"},
		"a bad parameter":        {"s3://bucket/x?s3cr3t=s3cr3t&region=secret", "s3://bucket/x: open the bucket"},
		"two prefixes":           {"s3://bucket/x?prefix=y", "it has both a path and the parameter prefix"},
	} {
		_, err := Open(context.Background(), tt.url, Options{})
		require.ErrorContains(t, err, tt.want, name)
		require.NotContains(t, err.Error(), "=s3cr3t", name)
		require.NotContains(t, err.Error(), ":s3cr3t", name)
	}
}

func TestThePathIsThePrefix(t *testing.T) {
	t.Parallel()
	u, err := url.Parse("s3://bucket/segment-logs/abc?region=eu-west-1")
	require.NoError(t, err)
	b := &Bucket{}
	require.NoError(t, b.toPrefix(u))
	require.Equal(t, "s3://bucket?prefix=segment-logs%2Fabc%2F&region=eu-west-1", u.String())
}

func TestListsAFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "web/b.gz", "web/a.gz", "web-eu/c.gz", "vip.csv", "dummy-object.txt", "x/dummy-object.txt", ".hidden", "..data/vip.csv",
		"other.csv.attrs", "copy.csv.part", "copy.csv.tmp", "_SUCCESS", "lost+found/x")
	require.NoError(t, os.Symlink("..data/vip.csv", filepath.Join(dir, "mounted.csv")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "dangling.csv")))
	at := time.Date(2026, 1, 1, 0, 0, 0, 7, time.UTC)
	require.NoError(t, os.Chtimes(filepath.Join(dir, "vip.csv"), at, at))
	b := open(t, "file://"+dir)
	objects, names := list(t, b)
	require.Equal(t, []string{"mounted.csv", "vip.csv", "web-eu/c.gz", "web/a.gz", "web/b.gz"}, names)
	require.EqualValues(t, len("vip.csv"), objects[1].Size)
	require.Equal(t, "7-1767225600000000007", objects[1].ETag)

	for _, o := range objects {
		r, err := b.Open(context.Background(), o)
		require.NoError(t, err)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Verify(context.Background()))
		require.NoError(t, r.Close())
		require.True(t, strings.HasSuffix(string(content), ".gz") || strings.HasSuffix(string(content), "vip.csv"))
	}
	entries, err := filepath.Glob(filepath.Join(dir, "*.attrs"))
	require.NoError(t, err)
	require.Len(t, entries, 1, "reading writes nothing")
}

func TestListsMoreThanAPage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 1100 {
		write(t, dir, filepath.Join("a", strings.Repeat("x", 1+i/100)+string(rune('a'+i%26))+string(rune('a'+i/26%26))))
	}
	write(t, dir, "a-b/1", "a-b/2")
	before, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	require.NoError(t, err)
	_, names := list(t, open(t, "file://"+dir))
	require.Len(t, names, len(before))
	require.Contains(t, names, "a-b/1", "a folder whose name another's begins")
}

func TestAFolderThatMayNotBeRead(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	dir := t.TempDir()
	write(t, dir, "closed/vip.csv")
	require.NoError(t, os.Chmod(filepath.Join(dir, "closed"), 0))
	for _, err := range open(t, "file://"+dir).Objects(context.Background()) {
		require.ErrorIs(t, err, os.ErrPermission)
	}
}

func TestALinkAsTheFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "real/vip.csv")
	require.NoError(t, os.Symlink("real", filepath.Join(dir, "link")))
	_, names := list(t, open(t, "file://"+dir+"/link"))
	require.Equal(t, []string{"vip.csv"}, names)
}

func TestReadAfterClose(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err := z.Write([]byte("text"))
	require.NoError(t, errors.Join(err, z.Close()))
	for name, content := range map[string][]byte{"plain.csv": []byte("text"), "zipped.csv": zipped.Bytes()} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	b := open(t, "file://"+dir)
	objects, _ := list(t, b)
	for _, o := range objects {
		r, err := b.Open(t.Context(), o)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		_, err = r.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrClosed, o.Name)
	}
}

// Of a gzip stream that is cut off, at most the last few bytes before the cut are lost.
func TestTruncatedGzipKeepsWhatIsWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var whole bytes.Buffer
	z := gzip.NewWriter(&whole)
	for i := range 300 {
		_, err := fmt.Fprintf(z, `{"type":"track","event":"Order %d","userId":"u%d"}`+"\n", i*i, i)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	for _, cut := range []int{60, 300, 900, whole.Len() - 9} {
		name := fmt.Sprintf("%d.gz", cut)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), whole.Bytes()[:cut], 0o600))
		std, err := gzip.NewReader(bytes.NewReader(whole.Bytes()[:cut]))
		require.NoError(t, err)
		want, err := io.ReadAll(std)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)

		b := open(t, "file://"+dir)
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		r, err := b.Open(t.Context(), source.Object{Name: name, Size: info.Size(), ModTime: info.ModTime()})
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.ErrorIs(t, err, ErrDamaged)
		require.True(t, bytes.HasPrefix(want, got), "cut at %d", cut)
		require.InDelta(t, len(want), len(got), 260, "cut at %d: as much as one symbol stands for", cut)
		require.NoError(t, r.Close())
	}
}
