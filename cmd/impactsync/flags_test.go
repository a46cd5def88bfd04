package main

import (
	"testing"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

func TestApprovals(t *testing.T) {
	t.Parallel()
	// In the order of approvable: exits, joins, conversions, suppressions.
	for name, tt := range map[string]struct {
		numbers     []int64
		computation string
		args        []string
		want        state.Approval
		problem     string
	}{
		"exits":            {[]int64{3, 0, 0, 0}, "", []string{"vip"}, state.Approval{Key: "vip", Direction: state.Exits, Most: 3}, ""},
		"joins":            {[]int64{0, 4, 0, 0}, "", []string{"vip"}, state.Approval{Key: "vip", Direction: state.Joins, Most: 4}, ""},
		"a computation":    {make([]int64, 4), "c1", []string{"vip"}, state.Approval{Key: "vip", Direction: state.NewComputation, Computation: "c1"}, ""},
		"conversions":      {[]int64{0, 0, 5, 0}, "", nil, state.Approval{Direction: state.ConversionBatch, Most: 5}, ""},
		"suppressions":     {[]int64{0, 0, 0, 6}, "", nil, state.Approval{Direction: state.Suppressions, Most: 6}, ""},
		"nothing":          {make([]int64, 4), "", []string{"vip"}, state.Approval{}, "is required"},
		"less than one":    {[]int64{-1, 0, 0, 0}, "", []string{"vip"}, state.Approval{}, "more than 0"},
		"two at a time":    {[]int64{1, 1, 0, 0}, "", []string{"vip"}, state.Approval{}, "at a time"},
		"two of any kind":  {[]int64{0, 0, 1, 0}, "c1", nil, state.Approval{}, "at a time"},
		"exits of no key":  {[]int64{1, 0, 0, 0}, "", nil, state.Approval{}, "a trait key goes with"},
		"a key of no use":  {[]int64{0, 0, 1, 0}, "", []string{"vip"}, state.Approval{}, "a trait key goes with"},
		"a computation, 0": {make([]int64, 4), "c1", nil, state.Approval{}, "a trait key goes with"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := approval(tt.numbers, tt.computation, tt.args)
			if tt.problem != "" {
				require.ErrorContains(t, err, tt.problem)
				require.Equal(t, impactsync.ExitUsage, impactsync.ExitCode(err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestChoiceAmongRefusedDeliveries(t *testing.T) {
	t.Parallel()
	chosen := func(args ...string) (state.Filter, error) {
		c := &cobra.Command{}
		f := choice(c, []string{"class", "audience", "source", "older-than", "limit", "all"})
		require.NoError(t, c.ParseFlags(args))
		return f(), c.PreRunE(c, nil)
	}
	f, err := chosen("--class", "order", "--audience", "vip", "--source", "web", "--older-than", "1h", "--limit", "7")
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(-time.Hour), f.Before, time.Minute)
	f.Before = time.Time{}
	require.Equal(t, state.Filter{Class: "order", Trait: "vip", Source: "web", Limit: 7}, f)

	_, err = chosen("--limit", "0")
	require.ErrorContains(t, err, "name a flag, or --all")
	f, err = chosen("--all", "--limit", "0")
	require.NoError(t, err)
	require.Equal(t, state.Filter{}, f)

	_, err = chosen("--class", "scope")
	require.ErrorContains(t, err, "mark nothing refused")
	_, err = chosen("--class", "no-such")
	require.ErrorContains(t, err, `"no-such" is not one of`)
}

func TestFlagsThatLimitARun(t *testing.T) {
	t.Parallel()
	c := &config.Config{Sources: []config.Source{{Name: "web"}, {Name: "exports"}}}
	o, err := (&narrow{sources: []string{"exports"}, audience: "vip", limit: 3}).options(c)
	require.NoError(t, err)
	require.Equal(t, impactsync.Options{Sources: []string{"exports"}, Trait: "vip", People: 3}, o)
	o, err = (&narrow{deadline: time.Hour}).options(c)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Hour), o.Deadline, time.Minute)
	for _, n := range []narrow{{limit: -1}, {deadline: -1}, {sources: []string{"web", "wbe"}}} {
		_, err := n.options(c)
		require.Equal(t, impactsync.ExitUsage, impactsync.ExitCode(err), "%v", n)
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	report := func(code int) impactsync.Report { return impactsync.Report{Run: 1, ExitCode: code, Note: "a note"} }
	require.NoError(t, outcome(report(0), nil))
	require.ErrorIs(t, outcome(impactsync.Report{}, state.ErrLocked), state.ErrLocked, "a run that did not begin")

	err := outcome(report(impactsync.ExitHeld), nil)
	require.EqualError(t, err, "a note")
	require.Equal(t, impactsync.ExitHeld, impactsync.ExitCode(err))
	require.Contains(t, hintFor(err), "impactsync approve")

	err = outcome(report(impactsync.ExitRefused), impactsync.ErrBreaker)
	require.Equal(t, impactsync.ExitFailed, impactsync.ExitCode(err), "the first in the table counts")

	require.Equal(t, 0, impactsync.ExitCode(forgiven(outcome(report(5), nil), []int{3, 5})))
	require.Equal(t, 5, impactsync.ExitCode(forgiven(outcome(report(5), nil), []int{3, 4})))
	require.NoError(t, forgiven(nil, []int{3}))
	require.NoError(t, checkZero([]int{3, 4, 5}))
	require.Error(t, checkZero([]int{3, 1}))
}
