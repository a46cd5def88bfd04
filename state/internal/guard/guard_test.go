package guard

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state/rules"
)

func limit(percent float64, atLeast int64) *rules.Limit {
	return &rules.Limit{Percent: percent, AtLeast: atLeast}
}

func TestAgainst(t *testing.T) {
	t.Parallel()
	of := func(d Direction, m ...Measure) Set { return Set{Direction: d, Measures: m} }
	for name, tt := range map[string]struct {
		set  Set
		want string
	}{
		"nothing changed": {of(Exits, Measure{Limit: limit(0, 0), Base: 100}), ""},
		"no limit":        {of(Exits, Measure{Fresh: 100, Base: 100}), ""},
		"a percentage is reached and not exceeded":      {of(Exits, Measure{Limit: limit(30, 10), Fresh: 30, Base: 100}), ""},
		"a large part of few":                           {of(Exits, Measure{Limit: limit(30, 10), Fresh: 9, Base: 9}), ""},
		"an exit more than the percentage":              {of(Exits, Measure{Limit: limit(30, 10), Fresh: 31, Base: 100}), "31 of 100 people told true would leave within 24 hours (31 %): more than 30 % and at least 10"},
		"what is held counts, and what was let through": {of(Exits, Measure{Limit: limit(30, 10), Fresh: 1, Held: 10, Passed: 20, Base: 100}), "31 of 100 people told true would leave within 24 hours (31 %): more than 30 % and at least 10"},
		"joins":           {of(Joins, Measure{Limit: limit(12.5, 5), Fresh: 11, Base: 20}), "11 people would join 20 told true within 24 hours (55 %): more than 12.5 % and at least 5"},
		"joins of a list": {Set{Direction: Joins, Whole: true, Measures: []Measure{{Limit: limit(50, 5), Fresh: 11, Base: 20}}}, "11 people would join 20 told true (55 %): more than 50 % and at least 5"},
		"a first sync":    {Set{Direction: Joins, Exempt: true, Measures: []Measure{{Limit: limit(50, 5), Fresh: 11}}}, ""},
		"a first sync that is judged has nothing to show as %": {of(Joins, Measure{Limit: limit(50, 5), Fresh: 11}), "11 people would join 0 told true within 24 hours: more than 50 % and at least 5"},
		"an objection is held whatever the limit":              {Set{Direction: Exits, Objection: "odd", Measures: []Measure{{Fresh: 1, Base: 100}}}, "odd"},
		"an objection to a first sync":                         {Set{Direction: Joins, Exempt: true, Objection: "odd"}, "odd"},
		"suppressions":                                         {Set{Direction: Suppressions, Whole: true, Measures: []Measure{{Limit: limit(30, 10), Fresh: 40, Base: 100}}}, "40 of 100 people known would be suppressed (40 %): more than 30 % and at least 10"},
		"conversions":                                          {of(Conversions, Measure{Limit: limit(200, 5), Fresh: 17, Base: 8}), "17 conversions within 24 hours, 8 a day on average (212 %): more than 200 % and at least 5"},
		"money": {
			of(Conversions, Measure{Limit: limit(200, 100), Fresh: 1, Base: 8}, Measure{Unit: "EUR", Limit: limit(200, 100_0000), Fresh: 500_0500}),
			"conversions of 500.05 EUR within 24 hours, 0.00 a day on average: more than 200 % and at least 100.00",
		},
		"number and money": {
			of(Conversions, Measure{Limit: limit(200, 1), Fresh: 3, Base: 1}, Measure{Unit: "USD", Limit: limit(200, 100_0000), Fresh: 300_0000, Base: 80_0000}),
			"3 conversions within 24 hours, 1 a day on average (300 %): more than 200 % and at least 1; " +
				"conversions of 300.00 USD within 24 hours, 80.00 a day on average (375 %): more than 200 % and at least 100.00",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, tt.set.Against())
		})
	}
}

func TestSetsOfAnAudience(t *testing.T) {
	t.Parallel()
	a := rules.Guard{Exits: limit(30, 10), Joins: limit(50, 5)}
	require.Equal(t, Set{Direction: Exits, Measures: []Measure{{Limit: a.Exits, Fresh: 1}}}, Of(Exits, a, Measure{Fresh: 1}))
	require.Equal(t, Set{Direction: Joins, Exempt: true, Measures: []Measure{{Limit: a.Joins, Fresh: 1}}}, Of(Joins, a, Measure{Fresh: 1}), "nobody was told true")
	require.False(t, Of(Joins, a, Measure{Fresh: 1, Base: 1}).Exempt)
	a.FirstSync = true
	require.False(t, Of(Joins, a, Measure{Fresh: 1}).Exempt)
}

func TestLists(t *testing.T) {
	t.Parallel()
	limits := rules.Guard{Exits: limit(30, 10), Joins: limit(50, 10)}
	const (
		odd    = "the user ids have another form"
		empty  = "the list is empty and would end all 5 memberships"
		broken = "2 lines of the list do not say whom they are about, so that nobody can be said to have left"
	)
	for name, tt := range map[string]struct {
		list         List
		exits, joins string
	}{
		"as before":                            {List{Members: 100, Told: 100}, "", ""},
		"a first list":                         {List{Members: 100, Joins: 100}, "", ""},
		"many leave":                           {List{Members: 69, Told: 100, Exits: 31}, "31 of 100 people told true would leave (31 %): more than 30 % and at least 10", ""},
		"many join":                            {List{Members: 151, Told: 100, Joins: 51}, "", "51 people would join 100 told true (51 %): more than 50 % and at least 10"},
		"empty, of few":                        {List{Told: 5, Exits: 5}, empty, ""},
		"empty, and nobody was on it":          {List{}, "", ""},
		"lines without an id":                  {List{Members: 100, Told: 100, Exits: 1, Joins: 1, Unreadable: 2}, broken, ""},
		"lines without an id, nobody left":     {List{Members: 100, Told: 100, Joins: 1, Unreadable: 2}, "", ""},
		"ids of another form":                  {List{Members: 100, Told: 100, Exits: 1, Joins: 1, Unreadable: 2, Suspicion: odd}, odd, odd},
		"ids of another form, a first list":    {List{Members: 100, Joins: 100, Suspicion: odd}, "", odd},
		"ids of another form, and nobody new":  {List{Members: 99, Told: 100, Exits: 1, Suspicion: odd}, odd, ""},
		"ids of another form, nothing changed": {List{Members: 100, Told: 100, Suspicion: odd}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			exits, joins := tt.list.Sets(limits)
			require.Equal(t, tt.exits, exits.Against())
			require.Equal(t, tt.joins, joins.Against())
		})
	}
	exits, joins := (List{Told: 5, Exits: 5}).Sets(rules.Guard{})
	require.Equal(t, empty, exits.Against(), "also without limits")
	require.Empty(t, joins.Against())
}

func TestJoin(t *testing.T) {
	t.Parallel()
	require.Empty(t, Join("", ""))
	require.Equal(t, "a", Join("a", ""))
	require.Equal(t, "b", Join("", "b"))
	require.Equal(t, "a", Join("a", "a"))
	require.Equal(t, "a; b", Join("a", "b"))
}
