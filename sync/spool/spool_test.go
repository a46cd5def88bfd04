package spool

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(t *testing.T) Config {
	t.Helper()
	return Config{
		Dir: filepath.Join(t.TempDir(), "spool"), MaxBytes: 1 << 30, RotateBytes: 1 << 20, RotateEvery: time.Hour,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

func open(t *testing.T, cfg Config) *Spool {
	t.Helper()
	s, err := Open(cfg)
	require.NoError(t, err)
	return s
}

// content returns what readers see, and what they pass over.
func content(t *testing.T, dir string) (text string, parts int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		switch {
		case strings.HasSuffix(e.Name(), part):
			parts++
		case strings.HasSuffix(e.Name(), suffix):
			text += unpacked(t, filepath.Join(dir, e.Name()))
		}
	}
	return text, parts
}

func unpacked(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	text, err := io.ReadAll(z)
	require.NoError(t, err)
	return string(text)
}

func TestWhatIsPutIsReadOnceItsFileIsComplete(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	s := open(t, cfg)
	require.NoError(t, s.Put(t.Context(), []byte("one\n")))
	text, parts := content(t, cfg.Dir)
	require.Empty(t, text)
	require.Equal(t, 1, parts)
	require.NoError(t, s.Put(t.Context(), []byte("two\nthree\n")))
	require.NoError(t, s.Close())
	text, parts = content(t, cfg.Dir)
	require.Equal(t, "one\ntwo\nthree\n", text)
	require.Zero(t, parts)
	require.ErrorIs(t, s.Put(t.Context(), []byte("late\n")), ErrClosed)
}

func TestManyShareASync(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	var syncs atomic.Int64
	cfg.Synced = func(time.Duration) { syncs.Add(1) }
	s := open(t, cfg)
	var all sync.WaitGroup
	const n = 500
	for i := range n {
		all.Go(func() { require.NoError(t, s.Put(context.Background(), fmt.Appendf(nil, "line %d\n", i))) })
	}
	all.Wait()
	require.NoError(t, s.Close())
	require.Less(t, syncs.Load(), int64(n/5))
	text, _ := content(t, cfg.Dir)
	for i := range n {
		require.Equal(t, 1, strings.Count(text, fmt.Sprintf("line %d\n", i)))
	}
}

func TestFilesAreCompletedBySizeAndAge(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.RotateBytes = 1
	s := open(t, cfg)
	for i := range 3 {
		require.NoError(t, s.Put(t.Context(), fmt.Appendf(nil, "%d\n", i)))
	}
	names, err := Files(cfg.Dir)
	require.NoError(t, err)
	require.Len(t, names, 3)
	require.IsIncreasing(t, names)
	require.NoError(t, s.Close())
	text, _ := content(t, cfg.Dir)
	require.Equal(t, "0\n1\n2\n", text)

	cfg.RotateBytes, cfg.RotateEvery = 1<<20, 20*time.Millisecond
	s = open(t, cfg)
	require.NoError(t, s.Put(t.Context(), []byte("3\n")))
	require.Eventually(t, func() bool { names, _ := Files(cfg.Dir); return len(names) == 4 }, 10*time.Second, 5*time.Millisecond, "although nothing else comes")
	require.NoError(t, s.Close())
}

// TestTornFiles cuts a file that was being written at each of its bytes, or puts other
// bytes at its end, as a crash or a lost disk cache does.
func TestTornFiles(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	s := open(t, cfg)
	var ends []int64 // of the file after each line
	for i := range 3 {
		require.NoError(t, s.Put(t.Context(), fmt.Appendf(nil, "line %d\n", i)))
		ends = append(ends, s.Room().Bytes)
	}
	require.NoError(t, s.Close())
	names, err := Files(cfg.Dir)
	require.NoError(t, err)
	whole, err := os.ReadFile(filepath.Join(cfg.Dir, names[0]))
	require.NoError(t, err)
	require.EqualValues(t, len(whole), ends[2])

	torn := func(data []byte) string {
		cfg := config(t)
		require.NoError(t, os.MkdirAll(cfg.Dir, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(cfg.Dir, names[0]+part), data, 0o600))
		require.NoError(t, open(t, cfg).Close())
		text, parts := content(t, cfg.Dir)
		require.Zero(t, parts)
		return text
	}
	for size := range len(whole) + 1 {
		want := ""
		for i, end := range ends {
			if int64(size) >= end {
				want += fmt.Sprintf("line %d\n", i)
			}
		}
		require.Equal(t, want, torn(whole[:size]), "%d of %d bytes", size, len(whole))
	}
	lines := "line 0\nline 1\nline 2\n"
	require.Equal(t, lines, torn(append(whole[:len(whole):len(whole)], make([]byte, 5000)...)), "zeros that were never written")
	require.Equal(t, lines, torn(append(whole[:len(whole):len(whole)], whole[:len(whole)-9]...)[:len(whole)+12]))
	broken := append([]byte(nil), whole...)
	broken[ends[1]+15] ^= 0xff
	require.Equal(t, "line 0\nline 1\n", torn(broken))
}

func TestNothingIsTakenWithoutRoom(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.MaxBytes, cfg.RotateBytes = 150, 1
	s := open(t, cfg)
	var err error
	taken := 0
	for err == nil {
		if err = s.Put(t.Context(), []byte("a line that is not very short\n")); err == nil {
			taken++
		}
	}
	require.ErrorIs(t, err, ErrFull)
	require.ErrorContains(t, err, "maxBytes")
	require.Positive(t, taken)
	names, err := Files(cfg.Dir)
	require.NoError(t, err)
	for _, name := range names {
		require.NoError(t, os.Remove(filepath.Join(cfg.Dir, name)))
	}
	require.NoError(t, s.look())
	require.NoError(t, s.Full(), "once somebody made room")
	require.NoError(t, s.Close())

	cfg.MinFree = 1 << 60
	s = open(t, cfg)
	require.ErrorContains(t, s.Put(t.Context(), []byte("x\n")), "minFree")
	require.NoError(t, s.Close())
}

func TestOneProcessHasASpool(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	s := open(t, cfg)
	_, err := Open(cfg)
	require.ErrorIs(t, err, ErrLocked)
	require.NoError(t, s.Close())
	require.NoError(t, open(t, cfg).Close())
}

// TestAFileThatCannotBeWritten: senders hear of it, what was acknowledged stays, and
// the spool goes on in another file.
func TestAFileThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	s := open(t, cfg)
	require.NoError(t, s.Put(t.Context(), []byte("one\n")))
	require.NoError(t, s.file.f.Close()) // the goroutine waits for the next line
	require.Error(t, s.Put(t.Context(), []byte("lost\n")))
	require.NoError(t, s.Put(t.Context(), []byte("two\n")))
	s.tend()
	require.NoError(t, s.file.f.Close())
	require.NoError(t, os.Rename(cfg.Dir, cfg.Dir+"-gone"))
	require.NoError(t, os.WriteFile(cfg.Dir, nil, 0o600)) // no folder any more
	require.NoError(t, s.Full())
	for range 2 {
		require.Error(t, s.Put(t.Context(), []byte("lost\n")))
	}
	require.ErrorContains(t, s.Full(), "begin a file of the spool", "another file did not help: nothing is tried for a while")
	require.NoError(t, os.Remove(cfg.Dir))
	require.NoError(t, os.Rename(cfg.Dir+"-gone", cfg.Dir))
	s.tend()
	require.NoError(t, s.Put(t.Context(), []byte("three\n")))
	require.NoError(t, s.Close())
	text, parts := content(t, cfg.Dir)
	require.Equal(t, "one\ntwo\nthree\n", text)
	require.Zero(t, parts)
}

// TestAFileThatCannotBeCompleted is tried again until it can.
func TestAFileThatCannotBeCompleted(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	s := open(t, cfg)
	require.NoError(t, s.Put(t.Context(), []byte("one\n")))
	name := strings.TrimSuffix(s.file.f.Name(), part)
	require.NoError(t, os.Mkdir(name, 0o700)) // in its way
	require.Error(t, s.Close())
	s.tend()
	s.tend()
	require.True(t, s.file.left)
	require.NoError(t, os.Remove(name))
	s.tend()
	text, parts := content(t, cfg.Dir)
	require.Equal(t, "one\n", text)
	require.Zero(t, parts)
}

// TestWhoeverGaveUpHoldsNoMemory: a disk that hangs must not gather the bodies of senders
// who were told to come again.
func TestWhoeverGaveUpHoldsNoMemory(t *testing.T) {
	t.Parallel()
	s := &Spool{cfg: config(t), queue: make(chan *entry, 10), quit: make(chan struct{}), done: make(chan struct{})}
	s.cfg.MinFree = -1
	s.room.Store(&Room{}) // and nothing is written
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for len(s.queue) < 2 {
		require.ErrorIs(t, s.Put(ctx, []byte("given up\n")), context.Canceled)
	}
	waits := make(chan error)
	go func() { waits <- s.Put(context.WithoutCancel(ctx), []byte("waits\n")) }()
	require.Eventually(t, func() bool { return len(s.queue) == 3 }, 10*time.Second, time.Millisecond)
	group := s.gather(<-s.queue)
	require.Len(t, group, 1)
	require.Equal(t, "waits\n", string(group[0].taken))
	group[0].done <- nil
	require.NoError(t, <-waits)
}
