// Package guard decides which changes are too many to be believed. It only
// computes: the caller gathers the facts, and holds or releases the changes.
package guard

import (
	"fmt"

	"github.com/dustin/go-humanize/english"
	"github.com/impactsync/impactsync/state/rules"
	"github.com/impactsync/impactsync/sync/money"
)

// Direction says which way a set of changes goes, and with that how it is judged.
type Direction string

// The directions. Changes of a new Computation are held without a judgement.
const (
	Exits        Direction = "exits"
	Joins        Direction = "joins"
	Conversions  Direction = "conversions"
	Suppressions Direction = "suppressions"
	Computation  Direction = "computation"
	Reversals    Direction = "reversals"
)

// Set is the changes of one scope that go in one direction and are judged at once.
type Set struct {
	Direction Direction
	Whole     bool   // a list names everybody again: no other changes count, and what is held is judged anew
	Exempt    bool   // a first sync: there is nothing to compare with
	Remark    string // goes with the reason to hold it
	Objection string // a reason to hold the set, whatever its size
	Measures  []Measure
}

// Measure is one way to count a set: its rows, or the money of one currency.
type Measure struct {
	Unit   string       // "": rows; else a currency, whose amounts are [money.Amount]s
	Limit  *rules.Limit // nil: none
	Fresh  int64        // waits for a verdict
	Held   int64        // is held by an earlier verdict
	Passed int64        // was let through within the last 24 hours, and is not among these
	Base   int64        // what they are compared with
}

func (m *Measure) total() int64 { return m.Fresh + m.Held + m.Passed }

// Against returns the reason to hold the set, "" if it may go.
func (s *Set) Against() string {
	if s.Objection != "" || s.Exempt {
		return s.Objection
	}
	reason := ""
	for i := range s.Measures {
		if m := &s.Measures[i]; m.Limit.Exceeded(m.total(), m.Base) {
			reason = Join(reason, s.tooMany(m))
		}
	}
	if reason != "" {
		reason = Join(reason, s.Remark)
	}
	return reason
}

// Join puts two reasons into one text. Either may be "".
func Join(a, b string) string {
	switch {
	case a == "" || a == b:
		return b
	case b == "":
		return a
	}
	return a + "; " + b
}

func (s *Set) tooMany(m *Measure) string {
	within := " within 24 hours"
	if s.Whole {
		within = ""
	}
	n, base := m.total(), m.Base
	text := ""
	switch {
	case m.Unit != "" && s.Direction == Reversals:
		text = fmt.Sprintf("%s %s would be taken back%s, %s a day on average", m.amount(n), m.Unit, within, m.amount(base))
	case s.Direction == Reversals:
		text = fmt.Sprintf("%d %s would be taken back%s, %d a day on average", n, word(n, "order"), within, base)
	case m.Unit != "":
		text = fmt.Sprintf("conversions of %s %s%s, %s a day on average", m.amount(n), m.Unit, within, m.amount(base))
	case s.Direction == Exits:
		text = fmt.Sprintf("%d of %d %s told true would leave%s", n, base, word(base, "person"), within)
	case s.Direction == Joins:
		text = fmt.Sprintf("%d %s would join %d told true%s", n, word(n, "person"), base, within)
	case s.Direction == Suppressions:
		text = fmt.Sprintf("%d of %d %s known would be suppressed", n, base, word(base, "person"))
	default:
		text = fmt.Sprintf("%d %s%s, %d a day on average", n, word(n, "conversion"), within, base)
	}
	if base > 0 {
		text += fmt.Sprintf(" (%d %%)", n*100/base)
	}
	return text + fmt.Sprintf(": more than %g %% and at least %s", m.Limit.Percent, m.amount(m.Limit.AtLeast))
}

// word returns a noun for so many of it.
func word(n int64, one string) string {
	more := ""
	if one == "person" {
		more = "people"
	}
	return english.PluralWord(int(n), one, more)
}

func (m *Measure) amount(n int64) string {
	if m.Unit == "" {
		return fmt.Sprint(n)
	}
	return money.Amount(n).Format(m.Unit)
}
