package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/dustin/go-humanize"
)

// spent is what one round cost.
type spent struct {
	wall, cpu time.Duration
	memory    int64   // peak, bytes
	written   int64   // bytes, see spentBy
	done      float64 // how many requests or messages, where a rate counts
	size      float64 // bytes, where a file is weighed
	messages  float64 // read
	found     float64 // changes and events to send
	out       string  // what it printed
}

// unit is what a line is about.
type unit struct {
	number, name string // number is a format of humanize.FormatFloat
	of           func(spent) float64
}

const perCPU = 10_000 // requests that a rate's CPU time is given for

var (
	seconds   = unit{"#,###.##", "s", func(s spent) float64 { return s.wall.Seconds() }}
	perSecond = unit{"#,###.", "a second", func(s spent) float64 { return s.done / s.wall.Seconds() }}
	bytes     = unit{"#,###.#", "bytes", func(s spent) float64 { return s.size }}
	eachWrote = unit{"#,###.", "bytes written", func(s spent) float64 { return float64(s.written) / s.found }}
	eachTook  = unit{"#,###.#", "us of CPU", func(s spent) float64 { return s.cpu.Seconds() / s.messages * 1e6 }}
	perCore   = unit{"#,###.", "MB a second of CPU", func(s spent) float64 { return s.size / 1e6 / s.cpu.Seconds() }}
	wrote     = unit{"#,###.#", "MB written", func(s spent) float64 { return float64(s.written) / 1e6 }}
	megabytes = unit{"#,###.", "MB", func(s spent) float64 { return float64(s.memory) / 1e6 }}
	cpu       = unit{"#,###.##", "s CPU", func(s spent) float64 {
		if s.done > 0 {
			return s.cpu.Seconds() / s.done * perCPU
		}
		return s.cpu.Seconds()
	}}
)

func (u unit) write(x float64) string { return humanize.FormatFloat(u.number, x) }

// line is one line of the table: our work next to one peer's.
type line struct {
	work, peer string
	unit       unit
	must       []limit
	run        func() (spent, error) // the peer's round; nil without a peer, or if it is not installed

	ours, theirs []spent
}

// limit is what a figure of a line must be.
type limit struct {
	format string // of the bound
	least  bool   // the bound is the least and not the most
	bound  float64
	of     func(line) float64 // NaN when it was not measured
}

func ratioAtMost(x float64) limit {
	return limit{format: "%gx", bound: x, of: line.ratio}
}

func ratioAtLeast(x float64) limit {
	return limit{format: "%gx", bound: x, of: line.ratio, least: true}
}

func cpuAtMost(x float64) limit {
	return limit{format: "%gx CPU", bound: x, of: line.cpuRatio}
}

// oursAtMost and oursAtLeast are for a figure of our own.
func oursAtMost(x float64, u unit) limit {
	return limit{format: "%g " + u.name, bound: x, of: func(l line) float64 {
		mid, _, _ := spread(l.ours, u)
		return mid
	}}
}

func oursAtLeast(x float64, u unit) limit {
	l := oursAtMost(x, u)
	l.least = true
	return l
}

func peakAtMost(mb float64) limit {
	return limit{format: "%g MB", bound: mb, of: func(l line) float64 {
		_, _, most := spread(l.ours, megabytes)
		return most
	}}
}

func (l limit) String() string {
	sign := "<= "
	if l.least {
		sign = ">= "
	}
	return sign + fmt.Sprintf(l.format, l.bound)
}

// met says yes, no, or - when it was not measured.
func (l limit) met(of line) string {
	switch x := l.of(of); {
	case math.IsNaN(x):
		return "-"
	case l.least && x >= l.bound, !l.least && x <= l.bound:
		return "yes"
	}
	return "no"
}

// compare does our work and the peers' in turn, round by round, and fills the
// lines. Before each round prepare is called, untimed.
func (b *bench) compare(prepare func() error, ours func() (spent, error), lines ...line) ([]line, error) {
	for range b.rounds {
		if err := prepare(); err != nil {
			return nil, err
		}
		s, err := ours()
		if err != nil {
			return nil, fmt.Errorf("ours: %w", err)
		}
		for i := range lines {
			lines[i].ours = append(lines[i].ours, s)
			if lines[i].run == nil {
				continue
			}
			s, err := lines[i].run()
			if err != nil {
				return nil, fmt.Errorf("peer: %w", err)
			}
			lines[i].theirs = append(lines[i].theirs, s)
		}
	}
	return lines, nil
}

// spread is the median of a figure, its lowest and its highest.
func spread(all []spent, u unit) (mid, low, high float64) {
	var v []float64
	for _, s := range all {
		v = append(v, u.of(s))
	}
	if len(v) == 0 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	return middle(v), slices.Min(v), slices.Max(v)
}

func middle(v []float64) float64 {
	slices.SortFunc(v, cmp.Compare)
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

func (l line) ratio() float64    { return l.ratioOf(l.unit) }
func (l line) cpuRatio() float64 { return l.ratioOf(cpu) }

// ratioOf is the median of the rounds' ratios: the machine's drift is in both
// halves of one. NaN when there is no peer, or it has no such figure.
func (l line) ratioOf(u unit) float64 {
	var v []float64
	for i := range l.theirs {
		v = append(v, u.of(l.ours[i])/u.of(l.theirs[i]))
	}
	if len(v) == 0 {
		return math.NaN()
	}
	if m := middle(v); !math.IsInf(m, 0) {
		return m
	}
	return math.NaN()
}
