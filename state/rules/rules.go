// Package rules holds what the configuration says of single traits: which of a
// trait's feeds is right, and how many people may join or leave at a time.
package rules

import (
	"maps"
	"path"
)

// Authority says which of two feeds of one trait counts.
type Authority string

// The authorities. Without one, two feeds of a trait are an error.
const (
	List    Authority = "list"
	Changes Authority = "changes"
	Latest  Authority = "latest"
)

// Guard says which changes of one audience are too many to be believed.
type Guard struct {
	Exits     *Limit // people told true who leave; nil means no limit
	Joins     *Limit // people who join; nil means no limit
	FirstSync bool   // judge joins even while nobody is told true
}

// Limit is exceeded by at least AtLeast changes that are more than Percent of
// what they are compared with.
type Limit struct {
	Percent float64
	AtLeast int64
}

// Exceeded reports whether n changes exceed the limit, compared with base. A nil
// limit is never exceeded.
func (l *Limit) Exceeded(n, base int64) bool {
	return l != nil && n >= l.AtLeast && float64(n)*100 > l.Percent*float64(base)
}

// Rule is what is said of one trait.
type Rule struct {
	Authority Authority
	Guard     Guard
}

// Pattern is the rule of the traits whose keys match it, as in [path.Match].
type Pattern struct {
	Key string
	Rule
}

// Table has the rules of all traits. The zero value says nothing of any.
type Table struct {
	General  Guard            // of traits of which nothing else is said
	Guards   map[string]Guard // by key; they win over the guards of Keys and Patterns
	Keys     map[string]Rule
	Patterns []Pattern // for keys that are not in Keys; the first that matches counts
}

// Of returns the rule of a trait key.
func (t *Table) Of(key string) Rule {
	r := t.entry(key)
	if own, ok := t.Guards[key]; ok {
		r.Guard = own
	}
	return r
}

func (t *Table) entry(key string) Rule {
	if r, ok := t.Keys[key]; ok {
		return r
	}
	for _, p := range t.Patterns {
		if ok, _ := path.Match(p.Key, key); ok {
			return p.Rule
		}
	}
	return Rule{Guard: t.General}
}

// With returns a table that also has the rules of more keys. What t.Keys says wins.
func (t *Table) With(more map[string]Rule) Table {
	all := *t
	all.Keys = maps.Clone(more)
	maps.Copy(all.Keys, t.Keys)
	return all
}
