package page

import (
	"cmp"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/cmd/internal/words"
	"github.com/impactsync/impactsync/state"
)

// Flow is what the last run made of what it read.
type Flow struct {
	Run    *Run
	Counts map[string]int64
}

// amount is a number with what it counts.
type amount struct {
	name, class string
	n           int64
	share       float64 // of the largest, in percent
	from        query   // that gives it, if not the table's
}

// source returns the query that gives a number of a table.
func (a *amount) source(table query) query {
	if a.from.Name != "" {
		return a.from
	}
	return table
}

func (p *Page) readFlow(s *state.Snapshot) error {
	type count struct {
		name string
		n    int64
	}
	all, err := state.Select(s, countsSQL.SQL, func(c *count) []any { return []any{&c.name, &c.n} })
	p.Flow.Counts = make(map[string]int64, len(all))
	for _, c := range all {
		p.Flow.Counts[c.name] = c.n
	}
	for i := range p.Runs.All {
		if r := &p.Runs.All[i]; r.Kind == "run" {
			p.Flow.Run = r
		}
	}
	return err
}

// outcomes returns what became of the changes, in the order of the picture.
func (f *Flow) outcomes() []amount {
	n := f.Counts
	return shares([]amount{
		{name: "delivered", class: "ok", n: n["delivered"]},
		{name: "overtaken by a newer value", n: n["superseded"]},
		{name: "refused", class: "warn", n: n["refused"]},
		{name: "without an answer", class: "due", n: n["unknown"]},
		{name: "given up", class: "bad", n: n["dropped"]},
		{name: "held at its end", class: "held", n: f.Run.Held, from: runsSQL},
		{name: "still due at its end", class: "due", n: f.Run.Pending, from: runsSQL},
	})
}

// unsent returns why messages and values were not sent, the most frequent first.
func (f *Flow) unsent() []amount {
	var all []amount
	for name, n := range f.Counts {
		if reason, ok := strings.CutPrefix(name, "not_sent_"); ok {
			all = append(all, amount{name: "messages: " + strings.ReplaceAll(reason, "_", " "), n: n})
		} else if slices.Contains(unsent, name) {
			all = append(all, amount{name: words.Counters[name], n: n})
		}
	}
	slices.SortFunc(all, func(a, b amount) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.name, b.name)) })
	return shares(all)
}

// unsent are the counters of what was read and gave nothing to send.
var unsent = []string{
	"too_old", "duplicate_message", "duplicate_order", "late", "stale_list", "kept_out", "no_consent", "integrations",
	"before_start", "trait_not_included", "unusable_value", "cleared",
}

// shares sets the shares, and leaves out what is zero.
func shares(all []amount) []amount {
	all = slices.DeleteFunc(all, func(a amount) bool { return a.n == 0 })
	var most int64
	for _, a := range all {
		most = max(most, a.n)
	}
	for i := range all {
		all[i].share = max(float64(int(float64(all[i].n)*1000/float64(most)))/10, 0.5)
	}
	return all
}
