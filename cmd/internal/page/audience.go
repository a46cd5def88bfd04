package page

import (
	"cmp"
	"slices"
	"time"

	"github.com/impactsync/impactsync/state"
)

// Audience is an audience or a computed trait.
type Audience struct {
	Key, Name, Class, Source string
	Wanted, Delivered        int64
	Pending, Held, Refused   int64
	ChangedAt, ListedAt      time.Time
	Why                      string // the guard's words
	Lists                    []List
}

// List is a full list that was read.
type List struct {
	At                    time.Time
	Members, Joins, Exits int64
	State, Verdict        string
}

func (p *Page) readAudiences(s *state.Snapshot) (err error) {
	p.Audiences, err = state.Select(s, audiencesSQL.SQL, func(a *Audience) []any {
		return []any{
			&a.Key, &a.Name, &a.Class, &a.Source, &a.Wanted, &a.Delivered, &a.Pending, &a.Held, &a.Refused,
			moment{&a.ChangedAt}, moment{&a.ListedAt},
		}
	})
	if err != nil {
		return err
	}
	for i := range p.Audiences {
		for _, known := range p.status.Audiences {
			if known.Key == p.Audiences[i].Key {
				p.Audiences[i].Why = known.Guard
			}
		}
	}
	if err := p.readLists(s); err != nil {
		return err
	}
	slices.SortStableFunc(p.Audiences, func(a, b Audience) int { return cmp.Compare(b.trouble(), a.trouble()) })
	return nil
}

// trouble orders audiences: what needs a look comes first.
func (a *Audience) trouble() int {
	switch {
	case a.Held > 0:
		return 3
	case a.Refused > 0:
		return 2
	case a.Pending > 0:
		return 1
	}
	return 0
}

func (p *Page) readLists(s *state.Snapshot) error {
	type line struct {
		key string
		List
	}
	lines, err := state.Select(s, listsSQL.SQL, func(l *line) []any {
		return []any{&l.key, moment{&l.At}, &l.Members, &l.Joins, &l.Exits, &l.State, &l.Verdict}
	})
	byKey := map[string][]List{}
	for _, l := range lines {
		byKey[l.key] = append(byKey[l.key], l.List)
	}
	for i := range p.Audiences {
		p.Audiences[i].Lists = byKey[p.Audiences[i].Key]
	}
	return err
}
