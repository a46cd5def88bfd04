package main

import (
	"context"
	"iter"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/audiences"
)

// rules answers for a trait key what the configuration says by file pattern:
// its guard and its authority.
type rules struct {
	general config.Guards
	seen    map[string]config.Audience // by key, from the files as they were listed
	named   map[string]config.Audience // by key, where the configuration tells it
	loose   []config.Audience          // entries whose key only a file's name tells
}

func newRules(c *config.Config) *rules {
	r := &rules{general: c.Guard, seen: map[string]config.Audience{}, named: map[string]config.Audience{}}
	for _, s := range c.Sources {
		for _, a := range s.Audiences {
			key := a.Key
			if key == "" {
				key = segment.TraitKey(a.Name)
			}
			if key == "" {
				r.loose = append(r.loose, a)
				continue
			}
			// Of a list and changes for one key, the entry that says who is right counts.
			if other, twice := r.named[key]; !twice || other.Authority == "" {
				r.named[key] = a
			}
		}
	}
	return r
}

func (r *rules) find(key string) (config.Audience, bool) {
	if a, ok := r.named[key]; ok {
		return a, true
	}
	if a, ok := r.seen[key]; ok {
		return a, true
	}
	for _, a := range r.loose {
		stem, _, _ := strings.Cut(path.Base(a.Pattern), ".")
		if ok, _ := path.Match(stem, key); ok {
			return a, true
		}
	}
	return config.Audience{}, false
}

func (r *rules) authority(key string) state.Authority {
	a, _ := r.find(key)
	return state.Authority(a.Authority)
}

func (r *rules) guard(key string) state.Guard {
	g := r.general.Guard()
	if i := slices.IndexFunc(r.general.Keys, func(k config.KeyGuard) bool { return k.Key == key }); i >= 0 {
		g = r.general.Keys[i].Guard()
	} else if a, ok := r.find(key); ok {
		g = a.Guard
	}
	most := state.Guard{Exits: &state.Limit{Percent: g.MaxExits.Percent, AtLeast: int64(g.MaxExits.AtLeast)}, FirstSync: g.FirstSync == "hold"}
	if g.MaxJoins.On {
		most.Joins = &state.Limit{Percent: g.MaxJoins.Percent, AtLeast: int64(g.MaxJoins.AtLeast)}
	}
	return most
}

func (r *rules) guards() state.Guards {
	c := r.general.Conversions
	g := state.Guards{Trait: r.guard, Conversions: state.ConversionGuard{FirstSync: r.general.FirstSync == "hold"}}
	g.Suppressions = &state.Limit{Percent: r.general.MaxSuppressions.Percent, AtLeast: int64(r.general.MaxSuppressions.AtLeast)}
	if c.On {
		g.Conversions.Count = &state.Limit{Percent: c.Percent, AtLeast: int64(c.AtLeast)}
		if c.Money > 0 {
			g.Conversions.Money = &state.Limit{Percent: c.Percent, AtLeast: int64(math.Round(c.Money * 100))}
		}
	}
	return g
}

// listed is a source of lists that notes which entry of the configuration the
// key of each file goes by.
type listed struct {
	*audiences.Source
	rules   *rules
	entries []config.Audience
}

// Inputs implements [source.Source].
func (l *listed) Inputs(ctx context.Context, reject func(source.Object, int64, string)) iter.Seq2[source.Input, error] {
	return func(yield func(source.Input, error) bool) {
		for in, err := range l.Source.Inputs(ctx, reject) {
			l.note(in)
			if !yield(in, err) {
				return
			}
		}
	}
}

func (l *listed) note(in source.Input) {
	if in.Key == "" || len(in.Objects) == 0 {
		return
	}
	pattern := l.Pattern(in.Objects[0].Name)
	for _, a := range l.entries {
		if a.Pattern == pattern {
			l.rules.seen[in.Key] = a
		}
	}
}
