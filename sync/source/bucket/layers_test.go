package bucket

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	require.NoError(t, errors.Join(err, w.Close()))
	return b.String()
}

func zstandard(t *testing.T, text string, options ...zstd.EOption) string {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, append(options, zstd.WithEncoderConcurrency(1))...)
	require.NoError(t, err)
	_, err = w.Write([]byte(text))
	require.NoError(t, errors.Join(err, w.Close()))
	return b.String()
}

// zipped packs names and contents, one after the other.
func zipped(t *testing.T, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		require.NoError(t, err)
		_, err = f.Write([]byte(files[i+1]))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.String()
}

// tool packs a text with a program, and skips the test where there is none.
func tool(t *testing.T, text, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip(name + " is not installed")
	}
	c := exec.CommandContext(t.Context(), path, args...)
	c.Stdin = strings.NewReader(text)
	out, err := c.Output()
	require.NoError(t, err)
	return string(out)
}

// readObject reads an object of this content to its end.
func readObject(t *testing.T, content string) (text string, err error) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x"), []byte(content), 0o600))
	b := open(t, "file://"+dir)
	objects, _ := list(t, b)
	r, err := b.Open(context.Background(), objects[0])
	if err != nil {
		return "", err
	}
	defer func() { require.NoError(t, r.Close()) }()
	all, err := io.ReadAll(r)
	return string(all), err
}

// long is text of a MiB and more that does not pack to nothing.
func long() string {
	var b strings.Builder
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		b.WriteString(strconv.FormatUint(uint64(random.Uint32()), 36) + "\n")
	}
	return b.String()
}

func TestWhatObjectsArePackedIn(t *testing.T) {
	t.Parallel()
	text := "user_id\nu1\nu2\n" + long()
	for name, packed := range map[string]func(t *testing.T) string{
		"nothing":             func(*testing.T) string { return text },
		"gzip":                func(t *testing.T) string { return gzipped(t, text) },
		"gzip twice":          func(t *testing.T) string { return gzipped(t, gzipped(t, text)) },
		"two members of gzip": func(t *testing.T) string { return gzipped(t, text[:100]) + gzipped(t, text[100:]) },
		"zstd":                func(t *testing.T) string { return zstandard(t, text) },
		"two frames of zstd":  func(t *testing.T) string { return zstandard(t, text[:100]) + zstandard(t, text[100:]) },
		"zstd behind a skip":  func(t *testing.T) string { return "\x50\x2a\x4d\x18\x02\x00\x00\x00xx" + zstandard(t, text) },
		"zstd in gzip":        func(t *testing.T) string { return gzipped(t, zstandard(t, text)) },
		"a zip":               func(t *testing.T) string { return zipped(t, "vip.csv", text) },
		"a zip of a Mac": func(t *testing.T) string {
			return zipped(t, "d/", "", "d/vip.csv", text, "__MACOSX/d/._vip.csv", "x", "d/.DS_Store", "x")
		},
		"a zip of a gzip":        func(t *testing.T) string { return zipped(t, "vip.csv.gz", gzipped(t, text)) },
		"the program bzip2":      func(t *testing.T) string { return tool(t, text, "bzip2", "-c") },
		"the program zstd":       func(t *testing.T) string { return tool(t, text, "zstd", "-19", "-c") },
		"the program zip, piped": func(t *testing.T) string { return tool(t, text, "zip", "-q", "-", "-") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := readObject(t, packed(t))
			require.NoError(t, err)
			same := got == text // its difference would be megabytes
			require.True(t, same, "got %d bytes of %d", len(got), len(text))
		})
	}
}

func TestPackedObjectsThatBreakOff(t *testing.T) {
	t.Parallel()
	text := long()
	for name, packed := range map[string]func(t *testing.T) string{
		"gzip":   func(t *testing.T) string { return gzipped(t, text) },
		"zstd":   func(t *testing.T) string { return zstandard(t, text) },
		"bzip2":  func(t *testing.T) string { return tool(t, text, "bzip2", "-c") },
		"a zip":  func(t *testing.T) string { return zipped(t, "vip.csv", text) },
		"zip it": func(t *testing.T) string { return zipped(t, "vip.csv.zst", zstandard(t, text)[:9000]) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := packed(t)
			cut := len(whole) * 2 / 3
			if name == "zip it" {
				cut = len(whole)
			}
			got, err := readObject(t, whole[:cut])
			require.ErrorIs(t, err, ErrDamaged)
			if name != "bzip2" { // its reader sees the checksum first
				require.ErrorContains(t, err, "it ends in the middle")
			}
			require.True(t, strings.HasPrefix(text, got), "what came before is right")
		})
	}
}

func TestFlippedBytesAreDamage(t *testing.T) {
	t.Parallel()
	for name, packed := range map[string]string{"gzip": gzipped(t, long()), "zstd": zstandard(t, long()), "zip": zipped(t, "vip.csv", long())} {
		broken := []byte(packed)
		broken[len(broken)/2] ^= 0x55
		_, err := readObject(t, string(broken))
		require.ErrorIs(t, err, ErrDamaged, name)
		require.ErrorContains(t, err, "damaged "+name)
	}
}

func TestFormatsThatAreNamed(t *testing.T) {
	t.Parallel()
	for want, content := range map[string]string{
		"an Excel workbook (xlsx) is not read: export it as CSV":    zipped(t, "[Content_Types].xml", "<x/>", "xl/workbook.xml", "<x/>"),
		"an Excel workbook (xls) is not read":                       "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
		"a zip of 2 files is not read: put each":                    zipped(t, "a.csv", "x", "b.csv", "x"),
		"a zip without a file in it":                                zipped(t),
		"Parquet that is packed once more":                          gzipped(t, "PAR1\x15\x04\x15"),
		"zip that is packed once more":                              gzipped(t, zipped(t, "a.csv", "x")),
		"Avro is not read: export CSV":                              "Obj\x01\x04\x16avro.schema",
		"ORC is not read":                                           "ORC\x0a\x03\x00\x00",
		"xz is not read: pack it with gzip":                         "\xfd7zXZ\x00\x00",
		"lz4 is not read":                                           "\x04\x22\x4d\x18\x64\x40\xa7",
		"a SQLite file is not read":                                 "SQLite format 3\x00\x10",
		"tar is not read":                                           gzipped(t, "vip.csv"+strings.Repeat("\x00", 250)+"ustar\x0000"+strings.Repeat("\x00", 300)),
		"what is packed more than three times":                      gzipped(t, gzipped(t, gzipped(t, gzipped(t, "x")))),
		"zstd with a window of more than 32 MiB is not read: compr": zstandard(t, strings.Repeat(long(), 60), zstd.WithWindowSize(64<<20), zstd.WithEncoderLevel(zstd.SpeedFastest)),
	} {
		_, err := readObject(t, content)
		require.ErrorIs(t, err, ErrUnsupported, want)
		require.ErrorContains(t, err, want)
	}
	for _, text := range []string{"ORCHID_ID,user_id\n", "BZh9,user_id\n", "PAR1,user_id\n", "PK,user_id\n", "%PD,x\n", "user_id\n\xe9t\xe9\n"} {
		got, err := readObject(t, text)
		require.NoError(t, err)
		require.Equal(t, text, got)
	}
}

func TestABombIsReadInLittleMemory(t *testing.T) {
	t.Parallel()
	bomb := zstandard(t, "x")
	zeros := zstandard(t, strings.Repeat("\x00", 8<<20))
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x"), []byte(bomb+strings.Repeat(zeros, 64)), 0o600))
	b := open(t, "file://"+dir)
	objects, _ := list(t, b)
	r, err := b.Open(context.Background(), objects[0])
	require.NoError(t, err)
	defer r.Close()
	w := NewWindow(r, 0)
	_, err = w.Line()
	require.ErrorIs(t, err, ErrTooLong)
	require.LessOrEqual(t, cap(w.held)+w.src.Size(), 2*DefaultMaxLine+bufferSize)
}

func TestLinks(t *testing.T) {
	t.Parallel()
	outside, dir := t.TempDir(), t.TempDir()
	write(t, outside, "secret.csv")
	write(t, dir, "vip.csv", "..2026_11_27/map.csv")
	for link, to := range map[string]string{
		"loop.csv": "loop.csv", "a.csv": "b.csv", "b.csv": "a.csv", "none.csv": "nowhere", "..data": "..2026_11_27", "map.csv": "..data/map.csv",
		"again.csv": "vip.csv", "out.csv": filepath.Join(outside, "secret.csv"), "up.csv": "../" + filepath.Base(outside) + "/secret.csv",
	} {
		require.NoError(t, os.Symlink(to, filepath.Join(dir, link)))
	}
	usable := func(b *Bucket) (names []string) {
		objects, _ := list(t, b)
		for _, o := range objects {
			if o.Unusable == "" {
				names = append(names, o.Name)
			} else {
				require.Contains(t, o.Unusable, "followLinks: true")
			}
		}
		return names
	}
	require.ElementsMatch(t, []string{"again.csv", "map.csv", "vip.csv"}, usable(open(t, "file://"+dir)))
	b, err := Open(context.Background(), "file://"+dir, Options{FollowLinks: true})
	require.NoError(t, err)
	defer b.Close()
	require.Subset(t, usable(b), []string{"again.csv", "map.csv", "out.csv", "vip.csv"})
}

func TestMarkersAreNoInput(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "vip/_SUCCESS", "vip/_metadata", "vip/_common_metadata", "vip/_committed_123", "vip/_started_123", "vip/.part-0.crc", "vip/x.crc",
		"vip/_delta_log/00000000000000000000.json", "vip_$folder$", "vip/part_manifest", "manifest.json", "0f8fad5b-d9cb-469f-a165-70867728950e-manifest.csv",
		"vip/part_000", "Passenger-manifest.csv", "_vip.csv")
	_, names := list(t, open(t, "file://"+dir))
	require.ElementsMatch(t, []string{"vip/part_000", "Passenger-manifest.csv", "_vip.csv"}, names)
}
