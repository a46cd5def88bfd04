package main

import (
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/impactsync/impactsync/state"
	"github.com/stretchr/testify/require"
)

// onNetwork is the program with its state on NFS, as far as it can tell.
func onNetwork() {
	fileSystem = func(path string) error { return fmt.Errorf("%w: %s is on NFS", state.ErrNetwork, path) }
	main()
}

// TestTwoAtOnce starts two runs at the same moment, a hundred times. The
// sandbox answers nobody before one of them has given up.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	s := newStory(t, 7, sandbox.Config{})
	rounds := 30
	if testing.Short() {
		rounds = 10
	}
	for range rounds {
		s.next()
		gate := make(chan struct{})
		wait := func() { <-gate }
		s.answering.Store(&wait)
		runs := []*exec.Cmd{s.start("impactsync"), s.start("impactsync")}
		ended := make(chan int, len(runs))
		for i, c := range runs {
			go func() {
				_ = c.Wait()
				ended <- i
			}()
		}
		loser := -1
		select {
		case loser = <-ended:
		case <-time.After(30 * time.Second):
		}
		close(gate)
		require.GreaterOrEqual(t, loser, 0, "both of them run")
		winner := <-ended
		require.Equal(t, 10, runs[loser].ProcessState.ExitCode(), "%s", runs[loser].Stderr)
		require.Equal(t, 0, runs[winner].ProcessState.ExitCode(), "%s", runs[winner].Stderr)
		require.Regexp(t, fmt.Sprintf(`another run holds the state: \S+/state\.db, held by process %d on \S+ since 20\d\d-\S+Z`, runs[winner].Process.Pid),
			fmt.Sprint(runs[loser].Stderr))
		s.verify()
	}
	require.Zero(t, s.repeats)
	s.end()
}
