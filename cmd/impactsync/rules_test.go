package main

import (
	"testing"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/state"
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
