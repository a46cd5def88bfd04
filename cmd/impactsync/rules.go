package main

import (
	"cmp"
	"math"
	"path"
	"strings"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/state/rules"
	"github.com/impactsync/impactsync/sync/money"
	"github.com/impactsync/impactsync/sync/segment"
)

// guards returns the configuration's limits, and its rules for single traits.
func guards(c *config.Config) state.Guards {
	g := c.Guard
	limits := state.Guards{
		Traits:       ruleTable(c),
		Conversions:  state.ConversionGuard{FirstSync: holds(g.FirstSync)},
		Suppressions: limit(g.MaxSuppressions.Percent, g.MaxSuppressions.AtLeast),
	}
	limits.Reversals.Count = limit(g.Reversals.Percent, g.Reversals.AtLeast)
	if g.Reversals.Money > 0 {
		limits.Reversals.Money = &state.Limit{Percent: g.Reversals.Percent, AtLeast: int64(math.Round(g.Reversals.Money * float64(money.Unit)))}
	}
	if sales := g.Conversions; sales != nil {
		limits.Conversions.Count = limit(sales.Percent, sales.AtLeast)
		if sales.Money > 0 {
			limits.Conversions.Money = &state.Limit{Percent: sales.Percent, AtLeast: int64(math.Round(sales.Money * float64(money.Unit)))}
		}
	}
	return limits
}

// ruleTable returns the rules of the keys that the configuration names. Where only
// a file's name tells the key, a pattern stands for it until the files are listed.
func ruleTable(c *config.Config) rules.Table {
	t := rules.Table{General: traitGuard(c.Guard.Guard), Guards: map[string]rules.Guard{}, Keys: map[string]rules.Rule{}}
	for key, g := range c.Guard.Keys {
		t.Guards[key] = traitGuard(g)
	}
	for _, s := range c.Sources {
		for _, a := range s.Audiences {
			key := cmp.Or(a.Key, segment.TraitKey(a.Name))
			if key == "" {
				stem, _, _ := strings.Cut(path.Base(a.Pattern), ".")
				t.Patterns = append(t.Patterns, rules.Pattern{Key: stem, Rule: rule(a)})
				continue
			}
			// If a list and changes have the same key, the entry with an authority counts.
			if other, twice := t.Keys[key]; !twice || other.Authority == "" {
				t.Keys[key] = rule(a)
			}
		}
	}
	return t
}

func rule(a config.Audience) rules.Rule {
	return rules.Rule{Authority: rules.Authority(a.Authority), Guard: traitGuard(a.Guard)}
}

func traitGuard(g config.Guard) rules.Guard {
	most := rules.Guard{Exits: limit(g.MaxExits.Percent, g.MaxExits.AtLeast), FirstSync: holds(g.FirstSync)}
	if g.MaxJoins != nil {
		most.Joins = limit(g.MaxJoins.Percent, g.MaxJoins.AtLeast)
	}
	return most
}

func limit(percent float64, atLeast int) *state.Limit {
	return &state.Limit{Percent: percent, AtLeast: int64(atLeast)}
}

func holds(firstSync string) bool { return firstSync == "hold" }
