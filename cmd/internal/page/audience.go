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
	GoneAt                   time.Time // since when no file of its list is there
	Why                      string    // the guard's words
	Lists                    []List
	Days                     []Day
}

// Day is how an audience stood at the end of a day that changed something of it.
type Day struct {
	At                time.Time
	Wanted, Delivered int64
	Joins, Leaves     int64
}

// Approval is something that somebody let through.
type Approval struct {
	Key, Direction   string
	Amount, Used     int64
	Open             bool
	At               time.Time
	Run              int64
	User, Host, Name string
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
			moment{&a.ChangedAt}, moment{&a.ListedAt}, moment{&a.GoneAt},
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
	for _, read := range []func(*state.Snapshot) error{p.readLists, p.readHistory, p.readApprovals} {
		if err := read(s); err != nil {
			return err
		}
	}
	slices.SortStableFunc(p.Audiences, func(a, b Audience) int {
		return cmp.Or(cmp.Compare(b.trouble(), a.trouble()), cmp.Compare(b.Wanted, a.Wanted))
	})
	return nil
}

// trouble orders audiences: what needs a look comes first.
func (a *Audience) trouble() int {
	switch {
	case a.Held > 0:
		return 4
	case !a.GoneAt.IsZero():
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

func (p *Page) readHistory(s *state.Snapshot) error {
	type line struct {
		key string
		Day
	}
	lines, err := state.Select(s, historySQL.SQL, func(l *line) []any {
		return []any{&l.key, day{&l.At}, new(int64), &l.Wanted, &l.Delivered, &l.Joins, &l.Leaves}
	})
	byKey := map[string][]Day{}
	for _, l := range lines {
		byKey[l.key] = append(byKey[l.key], l.Day)
	}
	for i := range p.Audiences {
		p.Audiences[i].Days = byKey[p.Audiences[i].Key]
	}
	return err
}

func (p *Page) readApprovals(s *state.Snapshot) (err error) {
	p.Approvals, err = state.Select(s, approvalsSQL.SQL, func(a *Approval) []any {
		return []any{
			null(&a.Key), &a.Direction, &a.Amount, used{a}, moment{&a.At}, null(&a.Run), null(&a.User), null(&a.Host), null(&a.Name),
		}
	})
	return err
}

// used scans how much of an approval was used; NULL if it is open.
type used struct{ of *Approval }

func (u used) Scan(from any) error {
	u.of.Open = from == nil
	return null(&u.of.Used).Scan(from)
}

// who returns who gave an approval.
func (a *Approval) who() string {
	text := a.User
	if a.Host != "" {
		text += " on " + a.Host
	}
	if a.Name != "" {
		text = a.Name + " (" + text + ")"
	}
	return cmp.Or(text, "not recorded")
}

func (a *Approval) state() string {
	if a.Open {
		return "open"
	}
	return number(a.Used) + " let through by run " + number(a.Run)
}
