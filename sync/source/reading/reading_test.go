package reading_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/bucket"
	"github.com/impactsync/impactsync/sync/source/reading"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errJunk = errors.New("junk")

// lines is a parser of one user id a line. The words bad, nobody and broken are
// lines of these kinds.
type lines struct{ *bucket.Window }

func (l lines) Next(b *reading.Batch) error {
	text, err := l.Line()
	if err != nil {
		return err
	}
	b.Size(len(text))
	record := source.Record{Line: l.Lines()}
	switch id := string(text); id {
	case "bad":
		record.Rejected = "it is bad"
	case "nobody":
		record.Rejected = source.NamesNobody
	case "broken":
		return &reading.RecordError{Line: l.Lines(), Err: errors.New("a quote is missing")}
	default:
		b.AddMember(&source.Member{Identity: segment.Identity{UserID: id}, Line: l.Lines(), Value: "true"})
		return nil
	}
	b.Add(record)
	return nil
}

func (l lines) Resume(from source.Position) (bool, error) {
	return l.Window.Resume(from, func() error {
		_, err := l.Line()
		return err
	})
}

// folder is a bucket in a folder, and a reader of it in batches of ten lines.
type folder struct {
	*reading.Reader
	dir string
}

func setup(t *testing.T, files map[string]string) folder {
	t.Helper()
	f := folder{dir: t.TempDir()}
	for name, text := range files {
		f.write(t, name, text)
	}
	b, err := bucket.Open(t.Context(), "file://"+f.dir, bucket.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	parser := func(r *bucket.Reader, _ source.Input, _ source.Object) (reading.Parser, error) {
		return lines{bucket.NewWindow(r, 0)}, nil
	}
	f.Reader = &reading.Reader{Source: "web", Bucket: b, Parser: parser, Records: 10, Junk: errJunk}
	return f
}

func (f folder) write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600))
}

// input is all the files as they are now.
func (f folder) input(t *testing.T, shape source.Shape) source.Input {
	t.Helper()
	in := source.Input{Source: f.Source, Shape: shape}
	for o, err := range f.Bucket.Objects(t.Context()) {
		require.NoError(t, err)
		in.Objects = append(in.Objects, o)
	}
	return in
}

// result is what a reading handed over.
type result struct {
	batches []source.Batch // without their records
	records []string       // "line id" or "line !reason"
	err     error
}

func (r *result) last() source.Batch { return r.batches[len(r.batches)-1] }

func (r *result) take(b source.Batch) error {
	byLine := map[int64]string{}
	for _, record := range b.Records {
		byLine[record.Line] = "!" + record.Rejected
	}
	for _, m := range b.Members {
		byLine[m.Line] = m.UserID
	}
	for _, line := range slices.Sorted(maps.Keys(byLine)) {
		r.records = append(r.records, fmt.Sprint(line, " ", byLine[line]))
	}
	b.Records, b.Members = nil, nil
	r.batches = append(r.batches, b)
	return nil
}

func (f folder) read(t *testing.T, in source.Input, from source.Position) *result {
	t.Helper()
	r := new(result)
	r.err = f.Read(t.Context(), in, from, r.take)
	return r
}

func people(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "u%d\n", i+1)
	}
	return b.String()
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(text))
	require.NoError(t, errors.Join(err, z.Close()))
	return b.String()
}

func TestBatches(t *testing.T) {
	t.Parallel()

	t.Run("end after so many records, and the last one is done", func(t *testing.T) {
		t.Parallel()
		f := setup(t, map[string]string{"a": people(25)})
		r := f.read(t, f.input(t, source.ShapeLog), source.Position{})
		require.NoError(t, r.err)
		require.Len(t, r.records, 25)
		require.Equal(t, "25 u25", r.records[24])
		require.Len(t, r.batches, 3)
		for i, lines := range []int64{10, 20, 25} {
			require.Equal(t, lines, r.batches[i].Position.Line)
			require.Equal(t, i == 2, r.batches[i].Position.Done)
		}
		require.EqualValues(t, len(people(25)), r.last().Position.Offset)
	})

	t.Run("end after four megabytes", func(t *testing.T) {
		t.Parallel()
		f := setup(t, map[string]string{"a": strings.Repeat(strings.Repeat("u", 1<<19)+"\n", 9)})
		r := f.read(t, f.input(t, source.ShapeLog), source.Position{})
		require.NoError(t, r.err)
		require.Len(t, r.batches, 2)
		require.EqualValues(t, 8, r.batches[0].Position.Line)
	})

	t.Run("of a list in parts are done once, and count all bytes that were taken", func(t *testing.T) {
		t.Parallel()
		f := setup(t, map[string]string{"a": people(12), "b": people(3)})
		r := f.read(t, f.input(t, source.ShapeList), source.Position{})
		require.NoError(t, r.err)
		require.Len(t, r.records, 15)
		require.Len(t, r.batches, 2)
		require.False(t, r.batches[0].Position.Done)
		require.True(t, r.last().Position.Done)
		require.EqualValues(t, len(people(12))+len(people(3)), r.batches[0].Taken+r.last().Taken)
	})

	t.Run("of an empty object are one that is done", func(t *testing.T) {
		t.Parallel()
		f := setup(t, map[string]string{"a": ""})
		r := f.read(t, f.input(t, source.ShapeLog), source.Position{})
		require.NoError(t, r.err)
		require.Len(t, r.batches, 1)
		require.True(t, r.last().Position.Done)
	})

	t.Run("take memory that does not grow with the object", func(t *testing.T) {
		t.Parallel()
		const size = 64 << 20
		f := setup(t, map[string]string{"a.gz": zipped(t, strings.Repeat(strings.Repeat("u", 1023)+"\n", size>>10))})
		f.Records = 1000
		var most uint64
		seen := 0
		require.NoError(t, f.Read(t.Context(), f.input(t, source.ShapeLog), source.Position{}, func(b source.Batch) error {
			if seen += len(b.Members); seen%16_000 == 0 {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
			return nil
		}))
		require.Equal(t, size>>10, seen)
		require.Less(t, most, uint64(size/2))
	})
}

func TestResuming(t *testing.T) {
	t.Parallel()
	f := setup(t, map[string]string{"a": people(25)})
	at := f.read(t, f.input(t, source.ShapeLog), source.Position{}).batches[1].Position

	t.Run("goes on behind the position, in an object that has grown, too", func(t *testing.T) {
		t.Parallel()
		f := setup(t, map[string]string{"a": people(26)})
		r := f.read(t, f.input(t, source.ShapeLog), at)
		require.NoError(t, r.err)
		require.Equal(t, []string{"21 u21", "22 u22", "23 u23", "24 u24", "25 u25", "26 u26"}, r.records)
	})

	for name, text := range map[string]string{"was rewritten": "v" + people(25)[1:], "is shorter now": people(5)} {
		t.Run("starts again if the object "+name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, map[string]string{"a": text})
			r := f.read(t, f.input(t, source.ShapeLog), at)
			require.NoError(t, r.err)
			require.Len(t, r.records, strings.Count(text, "\n"))
			require.EqualValues(t, len(text), r.last().Position.Offset)
		})
	}
}

func TestBadRecords(t *testing.T) {
	t.Parallel()
	bad := func(n int) string { return strings.Repeat("bad\n", n) }
	log := func(f folder) folder {
		f.Log = true
		return f
	}

	t.Run("are reported where they stand", func(t *testing.T) {
		t.Parallel()
		f := log(setup(t, map[string]string{"a": "u1\nbad\nnobody\nu2\n"}))
		r := f.read(t, f.input(t, source.ShapeLog), source.Position{})
		require.NoError(t, r.err)
		require.Equal(t, []string{"1 u1", "2 !it is bad", "3 !" + source.NamesNobody, "4 u2"}, r.records)
	})

	t.Run("at the start are reported once a good one follows", func(t *testing.T) {
		t.Parallel()
		f := log(setup(t, map[string]string{"a": bad(500) + "u1\n"}))
		r := f.read(t, f.input(t, source.ShapeLog), source.Position{})
		require.NoError(t, r.err)
		require.Len(t, r.records, 501)
	})

	t.Run("alone are no log: only the first hundred are reported", func(t *testing.T) {
		t.Parallel()
		f := log(setup(t, map[string]string{"a": bad(500)}))
		r := f.read(t, f.input(t, source.ShapeLog), source.Position{})
		require.ErrorIs(t, r.err, errJunk)
		require.Len(t, r.records, 100)
		require.True(t, r.last().Position.Done, "only a change of the object can bring more")
	})

	t.Run("alone are all reported of a list", func(t *testing.T) {
		t.Parallel()
		f := setup(t, map[string]string{"a": bad(500)})
		r := f.read(t, f.input(t, source.ShapeList), source.Position{})
		require.NoError(t, r.err)
		require.Len(t, r.records, 500)
	})

	t.Run("of nobody may be as many as they like", func(t *testing.T) {
		t.Parallel()
		f := log(setup(t, map[string]string{"a": strings.Repeat("nobody\n", 12_000)}))
		r := f.read(t, f.input(t, source.ShapeLog), source.Position{})
		require.NoError(t, r.err)
		require.Len(t, r.records, 12_000)
	})

	for name, c := range map[string]struct {
		log   bool
		start string
		junk  bool
	}{
		"at a list's start":           {false, "", true},
		"behind a good row of a list": {false, "u1\n", false},
		"at a log's start":            {true, "", true},
		"behind a good line of a log": {true, "u1\n", true},
	} {
		t.Run("in thousands "+name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, map[string]string{"a": c.start + bad(12_000)})
			f.Log = c.log
			r := f.read(t, f.input(t, source.ShapeList), source.Position{})
			if !c.junk {
				require.NoError(t, r.err)
				require.Len(t, r.records, 12_001)
				return
			}
			var damaged *source.DamagedError
			require.ErrorAs(t, r.err, &damaged)
			require.ErrorIs(t, r.err, errJunk)
			require.LessOrEqual(t, damaged.Line, int64(10_001), "the rest was not read")
		})
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	cut := zipped(t, people(40))
	cut = cut[:len(cut)-9]

	for name, text := range map[string]string{"a broken record": people(20) + "broken\nu22\n", "a gzip that is cut off": cut} {
		for _, shape := range []source.Shape{source.ShapeLog, source.ShapeList} {
			t.Run(fmt.Sprint(name, ", shape ", shape), func(t *testing.T) {
				t.Parallel()
				f := setup(t, map[string]string{"a": text})
				r := f.read(t, f.input(t, shape), source.Position{})
				var damaged *source.DamagedError
				require.ErrorAs(t, r.err, &damaged)
				require.Equal(t, "a", damaged.Object)
				require.GreaterOrEqual(t, damaged.Line, int64(20), "the last whole line")
				require.ErrorContains(t, r.err, `source "web": a: damaged after line`)
				require.GreaterOrEqual(t, len(r.records), 20)
				require.Equal(t, shape == source.ShapeLog, r.last().Position.Done, "a list is never whole then")
			})
		}
	}

	t.Run("of the part before a position is read again, and told of", func(t *testing.T) {
		t.Parallel()
		f := setup(t, map[string]string{"a": cut[:30]})
		r := f.read(t, f.input(t, source.ShapeLog), source.Position{Offset: 1 << 10, Hash: []byte("x")})
		require.ErrorAs(t, r.err, new(*source.DamagedError))
	})

	t.Run("an object that is no input is damage", func(t *testing.T) {
		t.Parallel()
		f := setup(t, map[string]string{"a": "%PDF-1.7"})
		r := f.read(t, f.input(t, source.ShapeLog), source.Position{})
		require.ErrorAs(t, r.err, new(*source.DamagedError))
		require.ErrorContains(t, r.err, "PDF is not read")
		require.Empty(t, r.batches)
	})
}

func TestObjectsThatDoNotStay(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		now  func(t *testing.T, f folder)
		want error
	}{
		"grow":   {func(t *testing.T, f folder) { f.write(t, "a", people(30)) }, source.ErrChanged},
		"vanish": {func(t *testing.T, f folder) { require.NoError(t, os.Remove(filepath.Join(f.dir, "a"))) }, source.ErrGone},
	} {
		t.Run(name+" before they are opened", func(t *testing.T) {
			t.Parallel()
			f := setup(t, map[string]string{"a": people(25)})
			in := f.input(t, source.ShapeLog)
			c.now(t, f)
			r := f.read(t, in, source.Position{})
			require.ErrorIs(t, r.err, c.want)
			require.Empty(t, r.batches)
		})
		t.Run(name+" while they are read, and no batch is done", func(t *testing.T) {
			t.Parallel()
			f := setup(t, map[string]string{"a": people(25)})
			var r result
			err := f.Read(t.Context(), f.input(t, source.ShapeLog), source.Position{}, func(b source.Batch) error {
				if len(r.batches) == 0 {
					c.now(t, f)
				}
				return r.take(b)
			})
			require.ErrorIs(t, err, c.want)
			require.GreaterOrEqual(t, len(r.records), 25)
			for _, b := range r.batches {
				require.False(t, b.Position.Done)
			}
		})
	}

	t.Run("damage in an object that is being written is none", func(t *testing.T) {
		t.Parallel()
		f := setup(t, map[string]string{"a": people(25) + "broken\n"})
		err := f.Read(t.Context(), f.input(t, source.ShapeLog), source.Position{}, func(b source.Batch) error {
			f.write(t, "a", people(40))
			require.False(t, b.Position.Done)
			return nil
		})
		require.ErrorIs(t, err, source.ErrChanged)
	})
}

func TestStops(t *testing.T) {
	t.Parallel()

	t.Run("with the caller's error, as it is", func(t *testing.T) {
		t.Parallel()
		f := setup(t, map[string]string{"a": people(25), "b": people(25)})
		calls := 0
		err := f.Read(t.Context(), f.input(t, source.ShapeList), source.Position{}, func(source.Batch) error {
			calls++
			return io.ErrShortWrite
		})
		require.Equal(t, io.ErrShortWrite, err)
		require.Equal(t, 1, calls)
	})

	t.Run("with the context's cause, at the end of a batch", func(t *testing.T) {
		t.Parallel()
		f := setup(t, map[string]string{"a": people(25)})
		ctx, cancel := context.WithCancelCause(t.Context())
		calls := 0
		err := f.Read(ctx, f.input(t, source.ShapeLog), source.Position{}, func(b source.Batch) error {
			calls++
			require.False(t, b.Position.Done)
			cancel(io.ErrClosedPipe)
			return nil
		})
		require.ErrorIs(t, err, io.ErrClosedPipe)
		require.Equal(t, 1, calls)
	})
}
