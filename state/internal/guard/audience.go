package guard

import (
	"fmt"

	"github.com/impactsync/impactsync/state/rules"
)

// Of returns a set of changes of an audience, either Exits or Joins. Its base is
// the number of people told true.
func Of(d Direction, limits rules.Guard, m Measure) Set {
	if d == Exits {
		m.Limit = limits.Exits
		return Set{Direction: Exits, Measures: []Measure{m}}
	}
	m.Limit = limits.Joins
	return Set{Direction: Joins, Exempt: m.Base == 0 && !limits.FirstSync, Measures: []Measure{m}}
}

// List is what comparing a full list with the state found.
type List struct {
	Members    int64  // people on it
	Told       int64  // people told true before it
	Exits      int64  // of them, not on it
	Joins      int64  // people it adds, with those that earlier lists added and that are still held
	Unreadable int64  // lines that do not say whom they are about
	Suspicion  string // why its ids may not be those by which its people are known
	Renamed    string // the key that it probably had before: then it is no first sync
}

// renamedJoins limits the joins of a list that was probably renamed, if no limit is
// set: sending everybody again under another key is seldom meant.
var renamedJoins = rules.Limit{Percent: 100, AtLeast: 100}

// Sets returns the exits and the joins of a list. Whatever the limits are, exits
// are held of a list that is empty or not readable in full, and both are held of
// a list under suspicion.
func (l List) Sets(limits rules.Guard) (exits, joins Set) {
	exits = Of(Exits, limits, Measure{Fresh: l.Exits, Base: l.Told})
	joins = Of(Joins, limits, Measure{Fresh: l.Joins, Base: l.Told})
	exits.Whole, joins.Whole = true, true
	if l.Renamed != "" {
		if limits.Joins == nil {
			joins.Measures[0].Limit = &renamedJoins
		}
		joins.Exempt, joins.Remark = false, fmt.Sprintf("most of them are members of %q, whose list has no file any more: was it renamed?", l.Renamed)
	}
	if l.Exits > 0 {
		exits.Objection = l.objection()
	}
	if l.Joins > 0 {
		joins.Objection = l.Suspicion
	}
	return exits, joins
}

func (l List) objection() string {
	switch {
	case l.Suspicion != "":
		return l.Suspicion
	case l.Unreadable > 0:
		what := "%d lines of the list do not say whom they are about"
		if l.Unreadable == 1 {
			what = "%d line of the list does not say whom it is about"
		}
		return fmt.Sprintf(what+", so that nobody can be said to have left", l.Unreadable)
	case l.Members == 0:
		return fmt.Sprintf("the list is empty and would end all %d %s", l.Exits, word(l.Exits, "membership"))
	default:
		return ""
	}
}
