package page

import (
	"slices"
	"time"

	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
)

// Run is a line of the history.
type Run struct {
	Run              int64
	Kind             string
	StartedAt, Ended time.Time
	Exit             int
	Ongoing          bool // without an exit code
	Found, Delivered int64
	Refused          int64
	Rejected         int64
	Held, Pending    int64
	Note             string
	Requests         int64
	Unknown          int64
	Version          string
	SeenAt, NextAt   time.Time // the last sign of life, and when the daemon runs next
}

// Runs is the history of the last 30 days.
type Runs struct {
	All    []Run // the oldest first
	Window time.Duration
	Slots  []Slot
	Gaps   []Gap
	Scale  int64 // what a bar of full height stands for
	Cut    bool  // whether a bar is higher
}

// Last returns the newest run, or nil.
func (r *Runs) Last() *Run {
	if len(r.All) == 0 {
		return nil
	}
	return &r.All[len(r.All)-1]
}

// Slot is one bar: the runs that began within a time.
type Slot struct {
	Index                             int
	From, To                          time.Time
	Runs                              []Run
	Delivered, Refused, Held, Pending int64
	Worst                             Run
}

// Sum returns what the bar's height stands for.
func (s *Slot) Sum() int64 { return s.Delivered + s.Refused + s.Held + s.Pending }

// Gap is a time without a run that is longer than others.
type Gap struct{ From, To time.Time }

const month = 30 * 24 * time.Hour

func (p *Page) readRuns(s *state.Snapshot) (err error) {
	r := &p.Runs
	r.All, err = state.Select(s, runsSQL.SQL, func(r *Run) []any {
		return []any{
			&r.Run, &r.Kind, moment{&r.StartedAt}, moment{&r.Ended}, exitCode{r}, &r.Found, &r.Delivered,
			&r.Refused, &r.Rejected, &r.Held, &r.Pending, &r.Note,
			&r.Requests, &r.Unknown, &r.Version, moment{&r.SeenAt}, moment{&r.NextAt},
		}
	})
	if err == nil {
		r.chart(p.Now)
	}
	return err
}

// exitCode scans a run's exit code.
type exitCode struct{ of *Run }

func (e exitCode) Scan(from any) error {
	var code int64
	e.of.Ongoing = from == nil
	err := null(&code).Scan(from)
	e.of.Exit = int(code)
	return err
}

// chart puts the runs into slots of the time since the first one, at most 30 days.
func (r *Runs) chart(now time.Time) {
	recent := r.recent(now)
	if len(recent) == 0 {
		return
	}
	usual := usualPause(recent)
	r.Window = atLeast(now.Sub(recent[0].StartedAt), time.Hour, 6*time.Hour, 24*time.Hour, 7*24*time.Hour, month)
	width := slotWidth(r.Window, usual)
	r.fill(recent, now, width)
	r.findGaps(recent, now, usual)
	r.scale()
}

func (r *Runs) recent(now time.Time) []Run {
	first := slices.IndexFunc(r.All, func(one Run) bool { return one.StartedAt.After(now.Add(-month)) })
	if first < 0 {
		return nil
	}
	return r.All[first:]
}

// usualPause returns the median time from one run to the next, 0 if there are too few.
func usualPause(runs []Run) time.Duration {
	var pauses []time.Duration
	for i := 1; i < len(runs); i++ {
		pauses = append(pauses, runs[i].StartedAt.Sub(runs[i-1].StartedAt))
	}
	if len(pauses) == 0 {
		return 0
	}
	slices.Sort(pauses)
	return pauses[len(pauses)/2]
}

// mostSlots is how many bars a phone's screen can still show.
const mostSlots = 360

// slotWidth returns a round time that holds about one run.
func slotWidth(window, usual time.Duration) time.Duration {
	return atLeast(max(window/mostSlots, usual*9/10),
		10*time.Second, 30*time.Second, time.Minute, 2*time.Minute, 5*time.Minute, 10*time.Minute, 15*time.Minute, 30*time.Minute,
		time.Hour, 2*time.Hour, 3*time.Hour, 4*time.Hour, 6*time.Hour, 8*time.Hour, 12*time.Hour, 24*time.Hour)
}

// atLeast returns the first choice that is not shorter than d, else the last one.
func atLeast(d time.Duration, choices ...time.Duration) time.Duration {
	for _, c := range choices {
		if c >= d {
			return c
		}
	}
	return choices[len(choices)-1]
}

// fill makes the slots. The last run stands in the middle of its slot, and so do all
// others of a regular schedule.
func (r *Runs) fill(runs []Run, now time.Time, width time.Duration) {
	end := runs[len(runs)-1].StartedAt.Add(width / 2)
	for end.Before(now) {
		end = end.Add(width)
	}
	n := int(r.Window/width) + 1
	start := end.Add(-time.Duration(n) * width)
	r.Slots = make([]Slot, n)
	for i := range r.Slots {
		from := start.Add(time.Duration(i) * width)
		r.Slots[i] = Slot{Index: i, From: from, To: from.Add(width)}
	}
	for _, run := range runs {
		if i := int(run.StartedAt.Sub(start) / width); i >= 0 && i < n && !run.StartedAt.Before(start) {
			r.Slots[i].add(run)
		}
	}
}

func (s *Slot) add(run Run) {
	if len(s.Runs) == 0 || worse(run, s.Worst) {
		s.Worst = run
	}
	s.Runs = append(s.Runs, run)
	s.Delivered += run.Delivered
	s.Refused += run.Refused
	s.Held, s.Pending = run.Held, run.Pending // levels, as they were at the end
}

func worse(a, b Run) bool {
	if a.Ongoing != b.Ongoing {
		return a.Ongoing
	}
	return a.Exit != b.Exit && impactsync.FirstExit(a.Exit, b.Exit) == a.Exit
}

// findGaps finds times without a run that are much longer than the usual ones.
func (r *Runs) findGaps(runs []Run, now time.Time, usual time.Duration) {
	const fewRuns = 4 // of which nothing is usual
	if len(runs) < fewRuns {
		return
	}
	most := max(usual*5/2, r.Window/mostSlots)
	for i, run := range runs {
		next := now
		if i+1 < len(runs) {
			next = runs[i+1].StartedAt
		}
		last := run.StartedAt
		if run.Ended.After(last) {
			last = run.Ended
		}
		if next.Sub(last) > most {
			r.Gaps = append(r.Gaps, Gap{last, next})
		}
	}
}

// scale chooses what full height stands for, so that one large run, as the first one
// mostly is, does not make all others invisible.
func (r *Runs) scale() {
	var sums []int64
	for i := range r.Slots {
		if n := r.Slots[i].Sum(); n > 0 {
			sums = append(sums, n)
		}
	}
	if len(sums) == 0 {
		return
	}
	slices.Sort(sums)
	most, usual := sums[len(sums)-1], sums[(len(sums)-1)*9/10]
	if r.Scale = most; most > 4*usual {
		r.Scale, r.Cut = usual*3/2, true
	}
}
