package sync

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/impactsync/impactsync/state"
)

// Exit codes of the program, as the state's history records them.
const (
	ExitOK          = 0   // nothing is left to send
	ExitFailed      = 1   // failed; nothing lost, run again
	ExitRefused     = 3   // finished, but something was refused or rejected, or a source is stale
	ExitUnfinished  = 4   // stopped in good order with work still due
	ExitHeld        = 5   // finished, but the guard, or the policy Hold, holds changes back
	ExitLocked      = 10  // another run holds the state
	ExitCredentials = 11  // impact.com refused the credentials
	ExitState       = 12  // the state cannot be used, or belongs to another destination
	ExitUsage       = 64  // usage or configuration
	ExitInterrupted = 130 // SIGINT
)

// Causes with which a caller cancels a run.
var (
	ErrInterrupted = errors.New("interrupted")
	ErrTerminated  = errors.New("asked to stop")
)

// Errors that end a run.
var (
	// ErrCredentials: impact.com refused them. Nothing was marked refused.
	ErrCredentials = errors.New("impact.com refused the credentials")
	// ErrConfig: the configuration contradicts the input. Nothing was changed.
	ErrConfig = errors.New("configuration")
	// ErrBreaker: too many requests failed in a row. Everything stays pending.
	ErrBreaker = errors.New("too many requests failed in a row")
	// ErrHostDown: a host failed all that this run asked of it. Everything stays due.
	ErrHostDown = errors.New("every request failed")
)

// Cause adds to an error why the context ended, where that is all that the
// error knows: a run that is asked to stop in the middle of a query has not
// failed.
func Cause(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if cause == nil || !errors.Is(err, context.Canceled) || errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// ExitCode gives an error's exit code, the first of 130, 12, 11, 10, 64, 1
// that applies; 0 for nil.
func ExitCode(err error) int {
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, ErrInterrupted):
		return ExitInterrupted
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE): // whatever could not be opened is none the worse
		return ExitFailed
	case errors.Is(err, state.ErrUnusable), errors.Is(err, state.ErrNewer), errors.Is(err, state.ErrBound):
		return ExitState
	case errors.Is(err, ErrCredentials):
		return ExitCredentials
	case errors.Is(err, state.ErrLocked):
		return ExitLocked
	case errors.Is(err, ErrConfig), errors.Is(err, state.ErrAuthority), errors.Is(err, state.ErrHashKey):
		return ExitUsage
	case errors.Is(err, ErrTerminated), errors.Is(err, context.DeadlineExceeded):
		return ExitUnfinished
	}
	return ExitFailed
}
