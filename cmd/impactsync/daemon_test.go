package main

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/telemetry"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/daemon"
	"github.com/stretchr/testify/require"
)

// few is the program where no more than FILES files may be open at once.
func few() {
	most, err := strconv.ParseUint(os.Getenv("FILES"), 10, 64)
	if err != nil {
		panic(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: most, Max: most}); err != nil {
		panic(err)
	}
	main()
}

// exhibited is what a daemon of one destination shows.
func exhibited(p *daemon.Pulse) *exhibit {
	return &exhibit{metrics: map[string]*telemetry.Metrics{"": telemetry.NewMetrics("v0", "r0", "1")}, pulses: map[string]*daemon.Pulse{"": p}}
}

func TestTooManyOpenFiles(t *testing.T) {
	t.Parallel()
	p := newProcess(t, "")
	close(p.release)
	p.list(3)
	failed := 0
	for files := 6; ; files++ {
		c := p.command("run")
		path, err := exec.LookPath("impactsync-few")
		require.NoError(t, err)
		c.Path, c.Args[0] = path, "impactsync-few"
		c.Env = append(os.Environ(), "FILES="+strconv.Itoa(files))
		p.fresh() // what could be read but not sent would wait for its retry
		out, err := c.CombinedOutput()
		if err == nil {
			break
		}
		code := c.ProcessState.ExitCode()
		if code == 2 {
			continue // the runtime of Go itself could not begin
		}
		require.Equal(t, 1, code, "%s", out)
		require.Contains(t, string(out), "too many open files")
		failed++
		require.Less(t, files, 200)
	}
	require.Positive(t, failed)
}

func TestHealthz(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pulse := &daemon.Pulse{}
		h := handler(exhibited(pulse))
		ask := func() *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/healthz", http.NoBody))
			return w
		}
		require.Equal(t, http.StatusOK, ask().Code)
		pulse.Begin(5 * time.Second)
		time.Sleep(time.Minute)
		require.Equal(t, http.StatusOK, ask().Code)
		time.Sleep(2 * time.Minute)
		w := ask()
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.Contains(t, w.Body.String(), "no sign of life for 3m0s; its deadline passed 2m55s ago; restart the daemon")
		pulse.End()
		require.Equal(t, http.StatusOK, ask().Code)
	})
}

// Whoever opens connections and says nothing gets no more than a few of them, for
// a few seconds.
func TestDaemonConnections(t *testing.T) {
	t.Parallel()
	a := &app{log: slog.New(slog.DiscardHandler)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	stop := a.serve(t.Context(), l, handler(exhibited(&daemon.Pulse{})), time.Second)
	answered := 0
	began := time.Now()
	for range mostConnections + 10 {
		conn, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		if answered >= mostConnections {
			continue // these wait
		}
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(4*time.Second)))
		_, err = conn.Read(make([]byte, 100))
		require.NoError(t, err)
		answered++
	}
	late, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer late.Close()
	_, err = io.WriteString(late, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	require.NoError(t, late.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = late.Read(make([]byte, 100))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "no more than %d at a time", mostConnections)
	require.NoError(t, late.SetReadDeadline(time.Now().Add(30*time.Second)))
	_, err = late.Read(make([]byte, 100))
	require.NoError(t, err, "the silent ones were cut off after %s", time.Since(began))
	require.NoError(t, stop())
}

// TestLevelOf: what the next run cures is no error in the daemon's log.
func TestLevelOf(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]slog.Level{
		impactsync.ExitUnfinished: slog.LevelInfo, impactsync.ExitInterrupted: slog.LevelInfo, impactsync.ExitRefused: slog.LevelWarn, impactsync.ExitHeld: slog.LevelWarn,
		impactsync.ExitFailed: slog.LevelError, impactsync.ExitCredentials: slog.LevelError, impactsync.ExitState: slog.LevelError, impactsync.ExitUsage: slog.LevelError, impactsync.ExitLocked: slog.LevelError,
	} {
		require.Equal(t, want, levelOf(&failure{code: code, err: errors.New("x")}), "%d", code)
	}
}
