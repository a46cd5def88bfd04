package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/limit"
	"github.com/impactsync/impactsync/sync/told"
)

// Exit codes of the program, as the state's history records them. [ExitStatuses]
// says what they mean.
const (
	ExitOK          = 0
	ExitFailed      = 1
	ExitRefused     = 3
	ExitUnfinished  = 4
	ExitHeld        = 5
	ExitLocked      = 10
	ExitCredentials = 11
	ExitState       = 12
	ExitUsage       = 64
	ExitInterrupted = 130
)

// ExitStatus is a row of the table of exit codes.
type ExitStatus struct {
	Code    int
	Meaning string
	Errors  []error // that end the program with this code
}

// ExitStatuses is the table of exit codes in order of precedence: where several
// apply, the first one counts. Errors that are in no row end with ExitFailed.
var ExitStatuses = []ExitStatus{
	{ExitInterrupted, "interrupted by SIGINT", []error{ErrInterrupted}},
	{
		ExitState, "the state, or its table in a warehouse, is damaged, missing, newer than this program, or of another destination",
		[]error{state.ErrUnusable, state.ErrNewer, state.ErrBound, told.ErrGone, told.ErrForeign, told.ErrOld},
	},
	{ExitCredentials, "impact.com refused the credentials", []error{ErrCredentials}},
	{ExitLocked, "another run holds the state, or its table in a warehouse", []error{state.ErrLocked, told.ErrLeased}},
	{ExitUsage, "usage or configuration", []error{ErrConfig, state.ErrElsewhere, state.ErrAuthority, state.ErrHashKey, state.ErrNoFolder}},
	{ExitFailed, "failed; nothing is lost, run again", []error{ErrBreaker, ErrHostDown}},
	{ExitUnfinished, "stopped in good order with work still due (deadline, rate limit, SIGTERM, --limit, --source)", []error{ErrTerminated, limit.ErrNoRoom}},
	{ExitHeld, "finished, but changes are held back (guard, or delivery.unknown: hold)", nil},
	{ExitRefused, "finished, but something was refused or rejected in this run, a source is stale, or an order needs a person (reconcile)", nil},
	{ExitOK, "nothing pending, in flight, doubtful or awaiting a retry is left", nil},
}

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
	ErrBreaker = limit.ErrBreaker
	// ErrHostDown: every request of this run to a host failed. Everything stays due.
	ErrHostDown = limit.ErrDown
)

// Cause adds to an error why the context ended, if the error only says that it did:
// a run that is asked to stop in the middle of a query has not failed. A context's
// own deadline is such a request, too.
func Cause(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.DeadlineExceeded) {
		cause = ErrTerminated
	}
	if cause == nil || !endOfContext(err) || errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// ExitCode returns an error's exit code, the first in the order of
// [ExitStatuses] of all that it wraps and joins. An error with a method
// ExitCode() int has that code.
func ExitCode(err error) int {
	switch {
	case err == nil:
		return ExitOK
	case OutOfFiles(err) && !errors.Is(err, ErrInterrupted):
		return ExitFailed // the file that could not be opened is not at fault
	}
	if codes := exitCodes(err); len(codes) > 0 {
		return FirstExit(codes...)
	}
	return ExitFailed
}

// FirstExit returns which of some exit codes counts.
func FirstExit(codes ...int) int {
	for _, s := range ExitStatuses {
		if slices.Contains(codes, s.Code) {
			return s.Code
		}
	}
	return ExitFailed
}

// OutOfFiles reports whether the process, or the machine, could open no more
// files: neither the configuration nor the state is at fault then.
func OutOfFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// exitCodes returns the codes of an error and of all that it wraps. The end of a
// context has none; its cause, which is wrapped beside it, has.
func exitCodes(err error) (codes []int) {
	if coded, ok := err.(interface{ ExitCode() int }); ok {
		return []int{coded.ExitCode()}
	}
	for _, s := range ExitStatuses {
		if slices.Contains(s.Errors, err) {
			return []int{s.Code}
		}
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			codes = append(codes, exitCodes(one)...)
		}
		return codes
	}
	if inner := errors.Unwrap(err); inner != nil {
		return exitCodes(inner)
	}
	if endOfContext(err) {
		return nil
	}
	return []int{ExitFailed}
}

func endOfContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
