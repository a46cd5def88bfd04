package main

import (
	"testing"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/state/rules"
	"github.com/stretchr/testify/require"
)

func guard(percent float64) config.Guard {
	return config.Guard{MaxExits: config.MaxExits{Percent: percent, AtLeast: 10}}
}

func TestRulesAnswerByKey(t *testing.T) {
	t.Parallel()
	r := ruleTable(&config.Config{Guard: config.Guards{Guard: guard(30), Keys: map[string]config.Guard{"stream": guard(7)}}, Sources: []config.Source{{Audiences: []config.Audience{
		{Pattern: "a.csv", Key: "vip", Authority: "list", Guard: guard(1)},
		{Pattern: "delta-*.csv", Key: "vip", Guard: guard(30)},
		{Pattern: "b.csv", Name: "Big Spenders", Guard: guard(2)},
		{Pattern: "shop_*.csv", Authority: "latest", Guard: guard(3)},
		{Pattern: "odd name.csv", Guard: guard(4)},
	}}}})
	r = r.With(map[string]rules.Rule{"odd_name": rule(config.Audience{Guard: guard(4)}), "vip": {}})

	for key, want := range map[string]float64{"vip": 1, "big_spenders": 2, "shop_a": 3, "odd_name": 4, "stream": 7, "else": 30} {
		require.Equal(t, state.Guard{Exits: &state.Limit{Percent: want, AtLeast: 10}}, r.Of(key).Guard, key)
	}
	require.Equal(t, state.Authority("list"), r.Of("vip").Authority)
	require.Equal(t, state.Authority("latest"), r.Of("shop_a").Authority)
	require.Empty(t, r.Of("else").Authority)
}

func TestOnlyWhatIsConfiguredLimitsJoinsAndConversions(t *testing.T) {
	t.Parallel()
	g := guards(&config.Config{Guard: config.Guards{}})
	require.Nil(t, g.Traits.Of("vip").Guard.Joins)
	require.Equal(t, state.ConversionGuard{}, g.Conversions)

	g = guards(&config.Config{Guard: config.Guards{
		Guard:       config.Guard{MaxJoins: &config.MaxJoins{Percent: 5, AtLeast: 7}, FirstSync: "hold"},
		Conversions: &config.MaxConversions{Percent: 200, AtLeast: 3, Money: 1234.56},
	}})
	require.Equal(t, state.Guard{Exits: &state.Limit{}, Joins: &state.Limit{Percent: 5, AtLeast: 7}, FirstSync: true}, g.Traits.Of("vip").Guard)
	require.Equal(t, state.ConversionGuard{
		Count: &state.Limit{Percent: 200, AtLeast: 3}, Money: &state.Limit{Percent: 200, AtLeast: 1234_5600}, FirstSync: true,
	}, g.Conversions)
}
