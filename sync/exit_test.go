package sync_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
)

// coded is an error that knows its exit code.
type coded int

func (c coded) Error() string { return fmt.Sprint("exit ", int(c)) }
func (c coded) ExitCode() int { return int(c) }

// endings are errors and their exit codes, in the order of precedence.
var endings = []struct {
	name string
	err  error
	code int
}{
	{"interrupted", impactsync.ErrInterrupted, 130},
	{"unusable state", state.ErrUnusable, 12},
	{"newer state", state.ErrNewer, 12},
	{"older state", state.ErrOlder, 12},
	{"state of another destination", state.ErrBound, 12},
	{"state on a network file system", state.ErrNetwork, 12},
	{"credentials", impactsync.ErrCredentials, 11},
	{"locked", state.ErrLocked, 10},
	{"configuration", impactsync.ErrConfig, 64},
	{"two inputs for one trait", state.ErrAuthority, 64},
	{"another hash key", state.ErrHashKey, 64},
	{"no folder for the state", state.ErrNoFolder, 64},
	{"an error with code 64", coded(64), 64},
	{"breaker", impactsync.ErrBreaker, 1},
	{"host down", impactsync.ErrHostDown, 1},
	{"full disk", state.ErrFull, 1},
	{"any error", io.ErrUnexpectedEOF, 1},
	{"terminated", impactsync.ErrTerminated, 4},
	{"an error with code 5", coded(5), 5},
	{"an error with code 3", coded(3), 3},
	{"an error with code 0", coded(0), 0},
}

func TestExitCode(t *testing.T) {
	t.Parallel()
	require.Equal(t, 0, impactsync.ExitCode(nil))

	t.Run("of two errors the first in the order counts", func(t *testing.T) {
		t.Parallel()
		for i, a := range endings {
			require.Equal(t, a.code, impactsync.ExitCode(a.err), a.name)
			require.Equal(t, a.code, impactsync.ExitCode(fmt.Errorf("wrapped: %w", a.err)), a.name)
			for _, b := range endings[i:] {
				text := a.name + " and " + b.name
				require.Equal(t, a.code, impactsync.ExitCode(errors.Join(a.err, b.err)), text)
				require.Equal(t, a.code, impactsync.ExitCode(errors.Join(b.err, a.err)), text)
				require.Equal(t, a.code, impactsync.ExitCode(fmt.Errorf("%w: %w", b.err, fmt.Errorf("wrapped: %w", a.err))), text)
				require.Equal(t, a.code, impactsync.FirstExit(b.code, a.code), text)
			}
		}
	})

	t.Run("the end of a context says nothing beside another error", func(t *testing.T) {
		t.Parallel()
		for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
			require.Equal(t, 1, impactsync.ExitCode(end), "alone it is a failure: a bucket's own time-out, say")
			for _, e := range endings {
				require.Equal(t, e.code, impactsync.ExitCode(errors.Join(e.err, fmt.Errorf("query: %w", end))), e.name)
			}
		}
	})

	t.Run("a process without files to open says nothing of what it could not open", func(t *testing.T) {
		t.Parallel()
		for _, files := range []error{syscall.EMFILE, syscall.ENFILE} {
			for _, e := range endings[1:] {
				require.Equal(t, 1, impactsync.ExitCode(fmt.Errorf("%w: open: %w", e.err, files)), e.name)
			}
			require.Equal(t, 130, impactsync.ExitCode(errors.Join(impactsync.ErrInterrupted, files)))
		}
	})

	t.Run("every code is in the table once", func(t *testing.T) {
		t.Parallel()
		var codes []int
		for _, s := range impactsync.ExitStatuses {
			codes = append(codes, s.Code)
			require.NotEmpty(t, s.Meaning)
		}
		require.Equal(t, []int{130, 12, 11, 10, 64, 1, 4, 5, 3, 0}, codes)
	})
}

func TestCause(t *testing.T) {
	t.Parallel()
	canceled := func(cause error) context.Context {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		return ctx
	}
	late, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	query := fmt.Errorf("query: %w", context.Canceled)
	for name, tt := range map[string]struct {
		ctx  context.Context
		err  error
		want int
	}{
		"nothing went wrong":                            {t.Context(), nil, 0},
		"asked to stop":                                 {canceled(impactsync.ErrTerminated), query, 4},
		"interrupted":                                   {canceled(impactsync.ErrInterrupted), query, 130},
		"the cause itself":                              {canceled(impactsync.ErrTerminated), impactsync.ErrTerminated, 4},
		"canceled without a cause":                      {canceled(nil), query, 1},
		"the context's deadline":                        {late, context.DeadlineExceeded, 4},
		"a time-out that is not the context's":          {t.Context(), context.DeadlineExceeded, 1},
		"asked to stop, but something else failed":      {canceled(impactsync.ErrTerminated), io.ErrUnexpectedEOF, 1},
		"asked to stop, and something else failed, too": {canceled(impactsync.ErrTerminated), errors.Join(query, io.ErrUnexpectedEOF), 1},
	} {
		require.Equal(t, tt.want, impactsync.ExitCode(impactsync.Cause(tt.ctx, tt.err)), name)
	}
}
