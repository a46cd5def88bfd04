package main

import (
	"errors"
	"testing"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/stretchr/testify/require"
)

func guard(percent float64) config.Guard {
	return config.Guard{MaxExits: config.MaxExits{Percent: percent, AtLeast: 10}}
}

func TestRulesAnswerByKey(t *testing.T) {
	t.Parallel()
	own := config.KeyGuard{Key: "stream", MaxExits: guard(7).MaxExits}
	r := newRules(&config.Config{Guard: config.Guards{MaxExits: guard(30).MaxExits, Keys: []config.KeyGuard{own}}, Sources: []config.Source{{Audiences: []config.Audience{
		{Pattern: "a.csv", Key: "vip", Authority: "list", Guard: guard(1)},
		{Pattern: "delta-*.csv", Key: "vip", Guard: guard(30)},
		{Pattern: "b.csv", Name: "Big Spenders", Guard: guard(2)},
		{Pattern: "shop_*.csv", Authority: "latest", Guard: guard(3)},
		{Pattern: "odd name.csv", Guard: guard(4)},
	}}}})
	r.seen["odd_name"] = config.Audience{Guard: guard(4)}

	for key, want := range map[string]float64{"vip": 1, "big_spenders": 2, "shop_a": 3, "odd_name": 4, "stream": 7, "else": 30} {
		require.Equal(t, state.Guard{Exits: &state.Limit{Percent: want, AtLeast: 10}}, r.guard(key), key)
	}
	require.Equal(t, state.Authority("list"), r.authority("vip"))
	require.Equal(t, state.Authority("latest"), r.authority("shop_a"))
	require.Empty(t, r.authority("else"))
}

func TestOnlyWhatIsConfiguredLimitsJoinsAndConversions(t *testing.T) {
	t.Parallel()
	g := newRules(&config.Config{Guard: config.Guards{MaxJoins: config.MaxJoins{Percent: 5}, Conversions: config.MaxConversions{Percent: 5}}}).guards()
	require.Nil(t, g.Trait("vip").Joins)
	require.Equal(t, state.ConversionGuard{}, g.Conversions)

	g = newRules(&config.Config{Guard: config.Guards{
		MaxJoins: config.MaxJoins{On: true, Percent: 5, AtLeast: 7}, FirstSync: "hold",
		Conversions: config.MaxConversions{On: true, Percent: 200, AtLeast: 3, Money: 1234.56},
	}}).guards()
	require.Equal(t, state.Guard{Exits: &state.Limit{}, Joins: &state.Limit{Percent: 5, AtLeast: 7}, FirstSync: true}, g.Trait("vip"))
	require.Equal(t, state.ConversionGuard{
		Count: &state.Limit{Percent: 200, AtLeast: 3}, Money: &state.Limit{Percent: 200, AtLeast: 123456}, FirstSync: true,
	}, g.Conversions)
}

func TestOfSeveralExitCodesTheDocumentedOneCounts(t *testing.T) {
	t.Parallel()
	require.Equal(t, 12, firstOf(4, 12))
	require.Equal(t, 130, firstOf(130, 1))
	require.Equal(t, 5, firstOf(5, 3))
	require.Equal(t, 3, firstOf(0, 3))
	require.Equal(t, 0, firstOf(0, 0))

	// The joined errors of a run have the first code that applies to any of them.
	require.Equal(t, 11, exitCode(errors.Join(errors.New("a source"), impactsync.ErrCredentials)))
	require.Equal(t, 12, exitCode(errors.Join(state.ErrLocked, state.ErrBound)))
}

func TestOnlyImpactComsOwnHostsAreOfficial(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]bool{
		"https://api.impact.com": true, "https://trkapi.impact.com/x": true,
		"https://api.impact.com.example.com": false, "https://notimpact.com": false, "http://127.0.0.1:8090": false,
	} {
		require.Equal(t, want, official(base), base)
	}
}
