package events

import (
	archive "archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/impactsync/impactsync/sync/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type folder struct {
	t   *testing.T
	dir string
	src *Source
	now time.Time
}

func setup(t *testing.T, cfg Config) *folder {
	t.Helper()
	f := &folder{t: t, dir: t.TempDir(), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	cfg.Name, cfg.URL = "web", "file://"+f.dir
	src, err := New(context.Background(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, src.Close()) })
	f.src = src
	return f
}

// write writes an object, each an hour after the one before.
func (f *folder) write(name, content string) {
	f.t.Helper()
	file := filepath.Join(f.dir, name)
	require.NoError(f.t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(f.t, os.WriteFile(file, []byte(content), 0o600))
	f.now = f.now.Add(time.Hour)
	require.NoError(f.t, os.Chtimes(file, f.now, f.now))
}

func (f *folder) inputs() []source.Input {
	f.t.Helper()
	return listed(f.t, f.src)
}

func listed(t testing.TB, s *Source) (ins []source.Input) {
	t.Helper()
	for in, err := range s.Inputs(context.Background(), nil) {
		require.NoError(t, err)
		ins = append(ins, in)
	}
	return ins
}

// read reads the only object: "line:messageId", with the key of a change, or
// what became of the line.
func (f *folder) read(from source.Position) (records []string, last source.Position, err error) {
	f.t.Helper()
	ins := f.inputs()
	require.Len(f.t, ins, 1)
	err = f.src.Read(context.Background(), ins[0], from, func(b source.Batch) error {
		for _, r := range b.Records {
			records = append(records, text(r))
		}
		last = b.Position
		return nil
	})
	return records, last, err
}

func text(r source.Record) string {
	switch {
	case r.Change != nil && r.Skipped != "":
		return fmt.Sprintf("%d skipped: %s %s", r.Line, r.Skipped, r.Change.Key)
	case r.Change != nil:
		return fmt.Sprintf("%d:%s %s=%s", r.Line, r.Message.MessageID, r.Change.Key, r.Change.Value)
	case r.Message != nil:
		return fmt.Sprintf("%d:%s", r.Line, r.Message.MessageID)
	case r.Rejected != "":
		return fmt.Sprintf("%d rejected: %s", r.Line, r.Rejected)
	}
	return fmt.Sprintf("%d skipped: %s", r.Line, r.Skipped)
}

func zip(t *testing.T, content string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(content))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

func zstandard(t *testing.T, content string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return string(w.EncodeAll([]byte(content), nil))
}

func zipped(t *testing.T, content string) string {
	t.Helper()
	var b bytes.Buffer
	w := archive.NewWriter(&b)
	file, err := w.Create("log.json")
	require.NoError(t, err)
	_, err = file.Write([]byte(content))
	require.NoError(t, errors.Join(err, w.Close()))
	return b.String()
}

const (
	page  = `{"type":"page","messageId":"m1","anonymousId":"a1","timestamp":"2026-01-01T00:00:00Z"}`
	track = `{"type":"track","event":"x","messageId":"m2","userId":"u1","timestamp":"2025-01-01T00:00:00Z","integrations":{"All":false}}`
	vip   = `{"type":"identify","messageId":"m3","userId":"u1","traits":{"vip":true},"context":{"personas":{"computation_class":"audience","computation_key":"vip"}}}`
)

func TestReadsLogsInEveryDress(t *testing.T) {
	t.Parallel()
	lines := page + "\n" + track + "\n" + vip + "\n"
	for name, content := range map[string]string{
		"lines":              lines,
		"gzip":               zip(t, lines),
		"gzip in two pieces": zip(t, page+"\n"+track[:20]) + zip(t, track[20:]+"\n"+vip),
		"zstd":               zstandard(t, lines),
		"zip":                zipped(t, lines),
		"an array":           "[" + page + ",\n" + track + "," + vip + "]",
	} {
		f := setup(t, Config{Include: []string{"v*"}})
		f.write("any.name", content)
		records, last, err := f.read(source.Position{})
		require.NoError(t, err, name)
		require.Equal(t, []string{"1:m1", "2:m2", "3:m3 vip=true"}, records, name)
		require.True(t, last.Done)
	}
}

func TestSkipsWhatIsNotWanted(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		cfg  Config
		want []string
	}{
		"traits by default":     {Config{}, []string{"1:m1", "2:m2", "3 skipped: trait_not_included vip"}},
		"an excluded trait":     {Config{Include: []string{"*"}, Exclude: []string{"vip"}}, []string{"1:m1", "2:m2", "3 skipped: trait_not_included vip"}},
		"what is not for us":    {Config{HonourIntegrations: true, Include: []string{"*"}}, []string{"1:m1", "2 skipped: integrations", "3:m3 vip=true"}},
		"what is from before":   {Config{StartAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Include: []string{"*"}}, []string{"1:m1", "2 skipped: before_start", "3:m3 vip=true"}},
		"nothing that is asked": {Config{Include: []string{"vip"}}, []string{"1:m1", "2:m2", "3:m3 vip=true"}},
	} {
		f := setup(t, tt.cfg)
		f.write("log", page+"\n"+track+"\n"+vip+"\n")
		records, _, err := f.read(source.Position{})
		require.NoError(t, err, name)
		require.Equal(t, tt.want, records, name)
	}
}

func TestRejectsBadLinesAndGoesOn(t *testing.T) {
	t.Parallel()
	f := setup(t, Config{MaxLine: 200})
	f.write("log", strings.Join([]string{
		page, `{"type":"page"`, "{\"type\":\"page\",\"userId\":\"\xff\"}", `{"userId":"u"}`, `{"type":"alias","userId":"null"}`,
		`{"type":"page","x":"` + strings.Repeat("x", 10<<20) + `"}`, `[1]`, page, `{"type":"pa`,
	}, "\n"))
	records, last, err := f.read(source.Position{})
	require.NoError(t, err)
	require.Equal(t, []string{
		"1:m1", "2 rejected: not valid JSON, or cut off", "3 rejected: not valid UTF-8", `4 rejected: has no "type"`,
		"5 rejected: no usable user id, anonymous id or e-mail address", "6 rejected: longer than the line limit",
		"7 rejected: not a JSON object", "9:m1", "10 rejected: incomplete last line",
	}, records)
	require.True(t, last.Done)

	f.write("log", `{"type":"track","messageId":"guest"}`+"\n"+strings.ReplaceAll(vip, `"userId":"u1"`, `"userId":"null"`)+"\n")
	records, _, err = f.read(source.Position{})
	require.NoError(t, err)
	require.Equal(t, "1:guest", records[0], "whether it can be sent all the same, the mapping says")
}

func TestReadsOn(t *testing.T) {
	t.Parallel()
	f := setup(t, Config{})
	f.write("log", page+"\n"+`{"type":"pa`)
	_, first, err := f.read(source.Position{})
	require.NoError(t, err)
	require.EqualValues(t, len(page)+1, first.Offset, "a cut line stays unread")

	f.write("log", zip(t, page+"\n"+track+"\n"))
	records, second, err := f.read(first)
	require.NoError(t, err)
	require.Equal(t, []string{"2:m2"}, records, "the same bytes zipped are the same")

	records, third, err := f.read(second)
	require.NoError(t, err)
	require.Empty(t, records)
	require.Equal(t, second, third)

	f.write("log", track+"\n"+page+"\n"+page+"\n")
	records, last, err := f.read(second)
	require.NoError(t, err)
	require.Equal(t, []string{"1:m2", "2:m1", "3:m1"}, records, "rewritten: from the start")
	require.EqualValues(t, 3, last.Line)
}

func TestATruncatedGzipGivesWhatIsWhole(t *testing.T) {
	t.Parallel()
	f := setup(t, Config{})
	var log strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&log, `{"type":"page","messageId":"m%d","userId":"u%d"}`+"\n", i*7919, i*104729)
	}
	whole := zip(t, log.String())
	f.write("log.gz", whole[:len(whole)-1000])
	records, last, err := f.read(source.Position{})
	var damaged *source.DamagedError
	require.ErrorAs(t, err, &damaged)
	require.ErrorContains(t, err, "ends in the middle")
	require.Greater(t, len(records), 3000)
	require.EqualValues(t, len(records), damaged.Line)
	require.True(t, last.Done)
	require.NotContains(t, strings.Join(records, ""), "rejected")

	f.write("log.gz", whole)
	rest, _, err := f.read(last)
	require.NoError(t, err)
	require.Len(t, rest, 5000-len(records), "mended, the rest is read and nothing twice")
}

func TestALogMayBeginWithBadLines(t *testing.T) {
	t.Parallel()
	for _, bad := range []int{100, 101, 9_999} {
		f := setup(t, Config{Include: []string{"*"}})
		f.write("log", strings.Repeat("not a call\n", bad)+track+"\n"+page+"\n")
		records, last, err := f.read(source.Position{})
		require.NoError(t, err, bad)
		require.Len(t, records, bad+2, "each bad line is told of")
		require.Equal(t, []string{fmt.Sprintf("%d:m2", bad+1), fmt.Sprintf("%d:m1", bad+2)}, records[bad:])
		require.True(t, last.Done)
	}
}

func TestGivesUpWhatIsNoLog(t *testing.T) {
	t.Parallel()
	f := setup(t, Config{})
	f.write("photo.jpg", strings.Repeat("\x00\x9f\n", 100_000))
	records, last, err := f.read(source.Position{})
	var damaged *source.DamagedError
	require.ErrorAs(t, err, &damaged)
	require.ErrorIs(t, err, errJunk)
	require.Len(t, records, 100)
	require.True(t, last.Done)
}

func TestBatchesAreBounded(t *testing.T) {
	t.Parallel()
	f := setup(t, Config{})
	f.write("log", strings.Repeat(page+"\n", 2500))
	var sizes []int
	var positions []source.Position
	require.NoError(t, f.src.Read(context.Background(), f.inputs()[0], source.Position{}, func(b source.Batch) error {
		sizes = append(sizes, len(b.Records))
		positions = append(positions, b.Position)
		return nil
	}))
	require.Equal(t, append(slices.Repeat([]int{200}, 12), 100), sizes)

	f.write("log", strings.Repeat(`{"type":"page","userId":"u","x":"`+strings.Repeat("x", 1<<19)+`"}`+"\n", 20))
	sizes = nil
	require.NoError(t, f.src.Read(context.Background(), f.inputs()[0], source.Position{}, func(b source.Batch) error {
		sizes = append(sizes, len(b.Records))
		return nil
	}))
	require.Equal(t, []int{8, 8, 4}, sizes, "4 MiB each")

	f.write("log", strings.Repeat(page+"\n", 2500))
	records, _, err := f.read(positions[0])
	require.NoError(t, err)
	require.Len(t, records, 2300, "every batch's position is one to read on from")
}

func TestErrorsThatEndAReading(t *testing.T) {
	t.Parallel()
	setup := func(t *testing.T) (*folder, source.Input) {
		f := setup(t, Config{})
		f.write("log", strings.Repeat(page+"\n", 2500))
		return f, f.inputs()[0]
	}
	t.Run("an object that vanished before", func(t *testing.T) {
		t.Parallel()
		f, in := setup(t)
		require.NoError(t, os.Remove(filepath.Join(f.dir, "log")))
		err := f.src.Read(context.Background(), in, source.Position{}, nil)
		require.ErrorIs(t, err, source.ErrGone)
	})
	t.Run("an object that changed before", func(t *testing.T) {
		t.Parallel()
		f, in := setup(t)
		f.write("log", page)
		err := f.src.Read(context.Background(), in, source.Position{}, nil)
		require.ErrorIs(t, err, source.ErrChanged)
	})
	t.Run("an object that grows meanwhile", func(t *testing.T) {
		t.Parallel()
		f, in := setup(t)
		var last source.Position
		err := f.src.Read(context.Background(), in, source.Position{}, func(b source.Batch) error {
			if last.Offset == 0 {
				f.write("log", strings.Repeat(page+"\n", 2600))
			}
			last = b.Position
			return nil
		})
		require.ErrorIs(t, err, source.ErrChanged)
		require.False(t, last.Done)
	})
	t.Run("an object that vanishes meanwhile", func(t *testing.T) {
		t.Parallel()
		f, in := setup(t)
		err := f.src.Read(context.Background(), in, source.Position{}, func(source.Batch) error {
			_ = os.Remove(filepath.Join(f.dir, "log"))
			return nil
		})
		require.ErrorIs(t, err, source.ErrGone)
	})
	t.Run("an error of the caller", func(t *testing.T) {
		t.Parallel()
		f, in := setup(t)
		calls := 0
		err := f.src.Read(context.Background(), in, source.Position{}, func(source.Batch) error {
			calls++
			return os.ErrClosed
		})
		require.Equal(t, os.ErrClosed, err)
		require.Equal(t, 1, calls)
	})
	t.Run("the end of the context", func(t *testing.T) {
		t.Parallel()
		f, in := setup(t)
		ctx, cancel := context.WithCancelCause(context.Background())
		err := f.src.Read(ctx, in, source.Position{}, func(source.Batch) error {
			cancel(os.ErrDeadlineExceeded)
			return nil
		})
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	})
}

func TestInputs(t *testing.T) {
	t.Parallel()
	t.Run("come without days before the start", func(t *testing.T) {
		t.Parallel()
		f := setup(t, Config{StartAt: time.UnixMilli(1566086400000)})
		for _, name := range []string{"b.gz", "a.gz", "segment-logs/abc/1565913600000/x.gz", "segment-logs/abc/1566000000000/x.gz", "segment-logs/abc/dummy-object.txt", ".x"} {
			f.write(name, "{}")
		}
		var names []string
		for _, in := range f.inputs() {
			require.Equal(t, source.ShapeLog, in.Shape)
			names = append(names, in.Objects[0].Name)
		}
		require.ElementsMatch(t, []string{"b.gz", "a.gz", "segment-logs/abc/1566000000000/x.gz"}, names)
	})
	t.Run("of an empty folder", func(t *testing.T) {
		t.Parallel()
		for _, err := range setup(t, Config{}).src.Inputs(context.Background(), nil) {
			require.ErrorIs(t, err, source.ErrEmpty)
		}
	})
}

func TestBadPatterns(t *testing.T) {
	t.Parallel()
	_, err := New(context.Background(), Config{Name: "web", URL: "file:///", Include: []string{"[", ""}})
	require.ErrorContains(t, err, `"["`)
	require.ErrorContains(t, err, `""`)
}

func BenchmarkRead(b *testing.B) {
	var log strings.Builder
	for range 20_000 {
		log.WriteString(`{"type":"page","messageId":"ajs-next-1","anonymousId":"a-1","userId":null,"name":"Home","category":"Retail","properties":{"path":"/","url":"https://x.test/?irclickid=abc","search":"?irclickid=abc","referrer":"","title":"Home"},"context":{"ip":"8.8.8.8","userAgent":"Mozilla/5.0","locale":"en-US","page":{"path":"/","url":"https://x.test/?irclickid=abc","search":"?irclickid=abc","referrer":"","title":"Home"},"campaign":{"name":"c","source":"s","medium":"m"},"library":{"name":"analytics.js","version":"next-1.64.0"}},"integrations":{},"channel":"browser","originalTimestamp":"2025-01-01T00:00:00.000Z","sentAt":"2025-01-01T00:00:00.200Z","receivedAt":"2025-01-01T00:00:00.300Z","timestamp":"2025-01-01T00:00:00.100Z","version":2}` + "\n")
	}
	dir := b.TempDir()
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write([]byte(log.String()))
	require.NoError(b, w.Close())
	require.NoError(b, os.WriteFile(filepath.Join(dir, "x.gz"), zipped.Bytes(), 0o600))
	src, err := New(context.Background(), Config{URL: "file://" + dir})
	require.NoError(b, err)
	ins := listed(b, src)
	b.SetBytes(int64(log.Len()))
	for b.Loop() {
		require.NoError(b, src.Read(context.Background(), ins[0], source.Position{}, func(source.Batch) error { return nil }))
	}
}
