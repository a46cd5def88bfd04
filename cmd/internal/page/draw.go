package page

import (
	"fmt"
	"slices"
	"strings"
	"time"

	impactsync "github.com/impactsync/impactsync/sync"
)

// shape is a part of a picture.
type shape struct{ class, path, x, w, title string }

const slotUnits = 10 // how wide a slot is in the picture

func (r *Runs) viewBox(height int) string {
	return fmt.Sprintf("0 0 %d %d", len(r.Slots)*slotUnits, height)
}

// stacks returns the bars, one path for all parts of a kind.
func (r *Runs) stacks() []shape {
	shapes := []shape{{class: "f-ok"}, {class: "f-refused"}, {class: "f-held"}, {class: "f-due"}}
	paths := make([]strings.Builder, len(shapes))
	for i := range r.Slots {
		s := &r.Slots[i]
		top := 100.0
		for k, n := range []int64{s.Delivered, s.Refused, s.Held, s.Pending} {
			if h := r.height(n, top); h > 0 {
				top -= h
				box(&paths[k], float64(i*slotUnits+1), top, slotUnits-2, h)
			}
		}
	}
	for k := range shapes {
		shapes[k].path = paths[k].String()
	}
	return slices.DeleteFunc(shapes, func(s shape) bool { return s.path == "" })
}

// height returns how high a part is, with this much room above it. What is there
// shows, however little it is.
func (r *Runs) height(n int64, room float64) float64 {
	if n == 0 || r.Scale == 0 {
		return 0
	}
	return min(max(float64(int(float64(n)*1000/float64(r.Scale)))/10, 1.5), room)
}

func box(b *strings.Builder, x, y, w, h float64) {
	fmt.Fprintf(b, "M%s %sh%sv%sh-%sz", plot(x), plot(float64(int(y*10))/10), plot(w), plot(h), plot(w))
}

// exits returns the marks below the bars: the worse, the higher.
func (r *Runs) exits() (all []shape) {
	for class, height := range map[string]float64{"ok": 3, "due": 6, "warn": 8, "held": 8, "bad": 12} {
		var b strings.Builder
		for i := range r.Slots {
			if s := &r.Slots[i]; len(s.Runs) > 0 && s.Worst.class() == class {
				box(&b, float64(i*slotUnits), 0, slotUnits, height)
			}
		}
		if b.Len() > 0 {
			all = append(all, shape{class: "x-" + class, path: b.String()})
		}
	}
	slices.SortFunc(all, func(a, b shape) int { return strings.Compare(a.class, b.class) })
	return all
}

// marks say what a bar stands for.
func (r *Runs) marks() (all []shape) {
	for i := range r.Slots {
		if s := &r.Slots[i]; len(s.Runs) > 0 {
			all = append(all, shape{x: plot(float64(i * slotUnits)), title: s.title()})
		}
	}
	return all
}

func (s *Slot) title() string {
	of := fmt.Sprintf("run %d", s.Runs[0].Run)
	if n := len(s.Runs); n > 1 {
		of = fmt.Sprintf("runs %d to %d", s.Runs[0].Run, s.Runs[n-1].Run)
	}
	text := fmt.Sprintf("%s, %s, exit %s: %s delivered", short(s.Runs[0].StartedAt), of, s.Worst.exit(), number(s.Delivered))
	for _, part := range []struct {
		n    int64
		word string
	}{{s.Refused, "refused"}, {s.Held, "held"}, {s.Pending, "still due"}} {
		if part.n > 0 {
			text += ", " + number(part.n) + " " + part.word
		}
	}
	return text
}

func (r *Runs) gapBoxes() (all []shape) {
	if len(r.Slots) == 0 {
		return nil
	}
	start, width := r.Slots[0].From, r.Slots[0].To.Sub(r.Slots[0].From)
	at := func(t time.Time) float64 { return max(float64(t.Sub(start))/float64(width)*slotUnits, 0) }
	for _, g := range r.Gaps {
		from, to := at(g.From), min(at(g.To), float64(len(r.Slots)*slotUnits))
		all = append(all, shape{x: plot(float64(int(from))), w: plot(float64(int(to - from))), title: fmt.Sprintf("no run from %s to %s, %s", short(g.From), short(g.To), span(g.To.Sub(g.From)))})
	}
	return all
}

// axis returns the texts below the bars.
func (r *Runs) axis() (texts []string) {
	const marks = 5
	first, last := r.Slots[0].From, r.Slots[len(r.Slots)-1].To
	layout := "2 Jan"
	if r.Window <= 24*time.Hour {
		layout = "15:04"
	}
	for i := range marks {
		texts = append(texts, first.Add(last.Sub(first)*time.Duration(i)/(marks-1)).UTC().Format(layout))
	}
	return texts
}

func (r *Runs) about() string {
	if len(r.Slots) == 0 {
		return "none in the last 30 days"
	}
	text := fmt.Sprintf("the last %s; a bar is %s", span(r.Window), span(r.Slots[0].To.Sub(r.Slots[0].From)))
	text += fmt.Sprintf(", its full height %s", counted(r.Scale, "change"))
	if r.Cut {
		text += " (higher ones are cut off)"
	}
	return text
}

// describe says in words what the picture shows.
func (r *Runs) describe() string {
	failed, total := 0, 0
	var delivered int64
	for i := range r.Slots {
		for _, run := range r.Slots[i].Runs {
			total++
			delivered += run.Delivered
			if run.class() == "bad" {
				failed++
			}
		}
	}
	return fmt.Sprintf("%s in the last %s: %s delivered, %s failed, %s without a run", counted(int64(total), "run"), span(r.Window), number(delivered), number(int64(failed)), counted(int64(len(r.Gaps)), "long time"))
}

// newest returns the last runs, the newest first.
func (r *Runs) newest() []Run {
	const most = 25
	all := slices.Clone(r.All[max(len(r.All)-most, 0):])
	slices.Reverse(all)
	return all
}

// class returns the kind of an exit code: ok, warn, held, bad; due for none so far.
func (r *Run) class() string {
	switch {
	case r.Ongoing:
		return "due"
	case r.Exit == impactsync.ExitOK:
		return "ok"
	case r.Exit == impactsync.ExitHeld:
		return "held"
	case r.Exit == impactsync.ExitRefused, r.Exit == impactsync.ExitUnfinished, r.Exit == impactsync.ExitInterrupted:
		return "warn"
	}
	return "bad"
}

func (r *Run) exit() string {
	if r.Ongoing {
		return "running"
	}
	return fmt.Sprint(r.Exit)
}

func (r *Run) took() string {
	if r.Ended.IsZero() {
		return "-"
	}
	return span(r.Ended.Sub(r.StartedAt))
}
