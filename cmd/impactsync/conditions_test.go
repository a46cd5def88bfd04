package main

import (
	"testing"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/cmd/internal/notify"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/stretchr/testify/require"
)

// TestConditions holds each condition to what it is told of by a run's end: "+" where it
// holds, "-" where it does not, and nothing where the run does not say.
func TestConditions(t *testing.T) {
	t.Parallel()
	ran := func(exit int, delivered, refused int64, stale ...impactsync.StaleSource) ending {
		return ending{known: true, err: outcome(impactsync.Report{Run: 7, ExitCode: exit}, nil), report: impactsync.Report{
			Run: 7, Counts: map[string]int64{"delivered": delivered, "refused": refused}, Stale: stale,
		}}
	}
	narrowed := ran(3, 1, 100)
	narrowed.narrowed = true
	held, money := ran(5, 1, 0), ran(3, 100, 1)
	held.counts.Held = []state.HeldCount{{Trait: "vip", Direction: "exits", Count: 3}}
	money.counts.Money = []state.RefusedMoney{{Currency: "EUR", Conversions: 2, Amount: 12_0500}, {Amount: 1_0000}}
	unreadable := ran(3, 100, 1)
	unreadable.counts.Unreadable = 1
	noState := ending{err: &failure{code: impactsync.ExitState, err: state.ErrUnusable}}
	for name, c := range map[string]struct {
		ending ending
		want   string
	}{
		"all is well":              {ran(0, 10, 0), "-failed -held -money -refused -stale"},
		"nothing was sent":         {ran(0, 0, 0), "-failed -held -money -stale"},
		"too much refused":         {ran(3, 100, 10), "-failed -held -money +refused -stale"},
		"too few refused":          {ran(3, 1, 9), "-failed -held -money -refused -stale"},
		"too small a share":        {ran(3, 1000, 10), "-failed -held -money -refused -stale"},
		"work is left":             {ran(4, 10, 0), "-failed -held -money -refused -stale"},
		"held":                     {held, "-failed +held -money -refused -stale"},
		"refused money":            {money, "-failed -held +money -refused -stale"},
		"money nobody can read":    {unreadable, "-failed -held +money -refused -stale"},
		"stale":                    {ran(3, 10, 0, impactsync.StaleSource{Source: "web", Why: "x"}), "-failed -held -money -refused +stale"},
		"failed":                   {ran(1, 10, 0), "+failed -held -money -refused"},
		"credentials":              {ran(11, 0, 0), "+failed -held -money"},
		"interrupted by hand":      {ran(130, 10, 0), "-held -money -refused"},
		"another run":              {ending{known: true, err: state.ErrLocked}, "-held -money"},
		"of some people":           {narrowed, "-failed -held -money"},
		"the state cannot be read": {noState, "+failed"},
	} {
		got := ""
		for _, one := range c.ending.withLimits().conditions() {
			got += map[bool]string{true: " +", false: " -"}[one.holds] + one.name
			require.True(t, one.summary != "" || !one.holds)
			require.NotEmpty(t, one.over)
		}
		require.Equal(t, " "+c.want, got, name)
	}

	money.counts.Unreadable = 2
	for _, c := range money.withLimits().conditions() {
		if c.name == notify.Money {
			require.Equal(t, "refused conversions are worth 12.05 EUR and 1.00; no amount can be read of 2 refused conversions", c.summary)
			n := money.withLimits().notice(c, notify.Notice{})
			require.Equal(t, []notify.Amount{{Currency: "EUR", Amount: "12.05", Conversions: 2}, {Amount: "1.00"}}, n.Money)
			require.EqualValues(t, 2, n.Unreadable)
		}
	}
}

func (e ending) withLimits() *ending {
	e.config = &config.Config{Notify: config.Notify{Refused: config.RefusedShare{Percent: 5, AtLeast: 10}}}
	return &e
}
