package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/cmd/internal/telemetry"
	"github.com/impactsync/impactsync/cmd/internal/terminal"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/transport"
)

// failure is an error with its exit code and a hint what to do about it. Code 0 is
// a success that is reported as an error, as --exit-zero-on makes it.
type failure struct {
	code int
	err  error
	hint string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }
func (f *failure) ExitCode() int { return f.code }

// usage returns an error of the command line or of the configuration.
func usage(hint, format string, args ...any) error {
	return &failure{impactsync.ExitUsage, fmt.Errorf(format, args...), hint}
}

// fail prints an error and what to do about it, and returns its exit code.
func (a *app) fail(err error) int {
	if err == nil {
		return impactsync.ExitOK
	}
	if known := new(said); errors.As(err, &known) {
		if known.err != nil {
			a.fail(known.err)
		}
		return known.code
	}
	code, hint := impactsync.ExitCode(err), a.here(hintFor(err))
	if a.json {
		_ = json.NewEncoder(telemetry.Plain(a.stderr)).Encode(struct {
			Destination string `json:"destination,omitempty"`
			Error       string `json:"error"`
			Hint        string `json:"hint,omitempty"`
			ExitCode    int    `json:"exit_code"`
		}{a.destination, err.Error(), hint, code})
		return code
	}
	tint, of := exitTint(code), ""
	if a.turn != nil {
		of = a.destination + ": "
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintln(a.stderr, a.errScreen.Paint(tint, "impactsync:"), of+plain(strings.TrimRight(line, "\n")))
	}
	if hint != "" {
		fmt.Fprintln(a.stderr, a.errScreen.Paint(terminal.Now, "impactsync: hint:"), of+hint)
	}
	return code
}

// hints say what to do about an error. The first that matches counts.
var hints = []struct {
	is   error
	hint string
}{
	{syscall.EMFILE, "too many files are open: raise the limit (ulimit -n, LimitNOFILE), then run again; nothing is lost"},
	{syscall.ENFILE, "this machine has too many open files: look for what holds them, then run again; nothing is lost"},
	{state.ErrBound, "give each destination a state file of its own (state.path); a trial must not make production look delivered"},
	{state.ErrNewer, "use the version of impactsync that wrote the state, or a newer one"},
	{state.ErrOlder, "impactsync state backup FILE, then impactsync state migrate; the next run migrates it, too"},
	{state.ErrNetwork, "put the state on a local disk or a block volume; --allow-network-filesystem overrides, where one host alone uses it and its locks and shared memory hold"},
	{state.ErrMoved, "put the old file back before the next run: without it impact.com is sent everybody again"},
	{state.ErrNotWritable, "look at the owner and the mode of the state file, its lock file and its folder, and at the user that the job runs as; nothing is lost"},
	{state.ErrBackup, "the state is as it was: copy the backup again, or restore another one"},
	{state.ErrUnusable, "look with impactsync doctor and impactsync state check; impactsync state restore FILE restores a backup"},
	{impactsync.ErrCredentials, "impactsync doctor checks the credentials; nothing was marked refused, and everything stays pending"},
	{state.ErrHashKey, "put the hash key back (privacy.hashKey or hashKeyFile): without it forgotten people would come back"},
	{state.ErrLocked, "wait for that run to end; one run at a time holds the state (impactsync status shows it)"},
	{state.ErrNoFolder, noFolderHint},
	{state.ErrMissing, "nothing was run with this state.path yet; impactsync plan shows what a first run would send"},
	{transport.ErrHostKey, "send nothing before you know whose key that is: compare it with what impact.com says; if it is impact.com's, put it into conversions.file.hostKeys"},
	{transport.ErrLogin, "compare the user in conversions.file.url with impact.com's, and give impact.com the public key of privateKeyFile (ssh-keygen -y -f FILE shows it)"},
	{transport.ErrConnect, "look at host and port in conversions.file.url, name resolution and firewall"},
	{transport.ErrFolder, "look at the path in conversions.file.url, at what its user may do there, and whether it is full; nothing is lost"},
	// Else only temporary files report ENOSPC: for the state's volume SQLite has an error of its own.
	{syscall.ENOSPC, "free some space in the temporary folder, or set TMPDIR to a larger one, then run again; nothing is lost"},
	{state.ErrFull, "nothing is lost; if there is nothing to remove, enlarge the volume"},
	{state.ErrDisk, "look at the disk and at the system's log (dmesg), and copy the state elsewhere; then: impactsync state check"},
	{state.ErrAuthority, "set authority: list, changes or latest for the key, under audiences in the configuration; or leave it out of the messages with traits.exclude"},
	{impactsync.ErrConfig, "nothing was changed; correct the configuration, then: impactsync plan"},
	{impactsync.ErrBreaker, "nothing is lost; impactsync doctor shows whether impact.com answers; then run again"},
	{impactsync.ErrHostDown, "nothing is lost; impactsync doctor shows whether impact.com answers; then run again"},
	{impactsync.ErrInterrupted, "nothing is lost; run again to continue from here"},
	{impactsync.ErrTerminated, "nothing is lost; run again to continue from here"},
	{source.ErrEmpty, "look at the source's url; impactsync doctor lists what it finds"},
}

const noFolderHint = "make the folder (mkdir -p -m 700) or mount its volume, or correct state.path; a folder that is not there may be a volume that is not mounted, and a new state would send everybody again"

// hintFor returns what to do about an error, or "".
func hintFor(err error) string {
	var f *failure
	if errors.As(err, &f) && f.hint != "" {
		return f.hint
	}
	for _, h := range hints {
		if errors.Is(err, h.is) {
			return h.hint
		}
	}
	if errors.As(err, new(config.Problems)) {
		return "impactsync config schema describes every key; then: impactsync config check"
	}
	return ""
}

// exits returns the section on exit codes in a command's help: what 0 means, and a
// line for each other code.
func exits(ok string, others ...string) string {
	return strings.Join(append([]string{"\n\nEXIT STATUS", "0   " + ok}, others...), "\n  ")
}

// exitLine returns the line of a code from the table of exit codes.
func exitLine(code int) string {
	for _, s := range impactsync.ExitStatuses {
		if s.Code == code {
			return fmt.Sprintf("%-3d %s", code, s.Meaning)
		}
	}
	panic(fmt.Sprintf("exit code %d is not in the table", code))
}

// The lines that many commands share.
var (
	exitUsageLine = exitLine(impactsync.ExitUsage)
	exitStateLine = exitLine(impactsync.ExitState)
	exitLockLine  = exitLine(impactsync.ExitLocked)
	exitFailLine  = exitLine(impactsync.ExitFailed)
)

const exitReadLine = "12  the state is damaged, unreadable, or newer than this program"

// exitsOfRun returns the whole table, for the help of the run command.
func exitsOfRun() string {
	byCode := slices.SortedFunc(slices.Values(impactsync.ExitStatuses), func(a, b impactsync.ExitStatus) int { return a.Code - b.Code })
	var lines []string
	for _, s := range byCode[1:] {
		lines = append(lines, exitLine(s.Code))
	}
	return exits(byCode[0].Meaning, lines...) + "\n" + precedence()
}

// precedence says which code counts where several apply.
func precedence() string {
	var order []string
	for _, s := range impactsync.ExitStatuses[:len(impactsync.ExitStatuses)-1] { // 0 is the last
		order = append(order, strconv.Itoa(s.Code))
	}
	return "Where several apply, the first of " + strings.Join(order, ", ") + " counts."
}
