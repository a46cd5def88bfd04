package rules

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func guard(percent float64) Guard { return Guard{Exits: &Limit{Percent: percent, AtLeast: 10}} }

func TestTheClosestRuleCounts(t *testing.T) {
	t.Parallel()
	table := Table{
		General:  guard(30),
		Guards:   map[string]Guard{"own": guard(1), "stream": guard(2)},
		Keys:     map[string]Rule{"own": {List, guard(3)}, "vip": {Changes, guard(4)}},
		Patterns: []Pattern{{"shop_*", Rule{Latest, guard(5)}}, {"*", Rule{"", guard(6)}}},
	}
	for key, want := range map[string]Rule{
		"own": {List, guard(1)}, "vip": {Changes, guard(4)}, "shop_a": {Latest, guard(5)}, "stream": {"", guard(2)}, "else": {"", guard(6)},
	} {
		require.Equal(t, want, table.Of(key), key)
	}

	more := table.With(map[string]Rule{"vip": {List, guard(7)}, "shop_b": {List, guard(8)}})
	require.Equal(t, Rule{Changes, guard(4)}, more.Of("vip"), "what the configuration names wins")
	require.Equal(t, Rule{List, guard(8)}, more.Of("shop_b"))
	require.Equal(t, Rule{Latest, guard(5)}, table.Of("shop_b"), "the table itself is as before")

	none := Table{General: guard(9)}
	require.Equal(t, Rule{Guard: guard(9)}, none.Of("vip"))
}

func TestALimitWantsBoth(t *testing.T) {
	t.Parallel()
	l := &Limit{Percent: 30, AtLeast: 10}
	require.True(t, l.Exceeded(10, 33))
	require.False(t, l.Exceeded(10, 34), "not more than the share")
	require.False(t, l.Exceeded(9, 1), "not so many")
	require.False(t, (*Limit)(nil).Exceeded(1_000, 1), "no limit")
}
