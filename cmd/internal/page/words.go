package page

import (
	"fmt"
	"time"

	impactsync "github.com/impactsync/impactsync/sync"
)

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }

func (p *Page) title() string { return "impactsync · " + p.where() + " · " + p.headline() }

// where names the destination.
func (p *Page) where() string {
	switch {
	case p.Name != "":
		return p.Name + " (" + p.Account + "/" + p.Program + ")"
	case p.Account == "" && p.Program == "":
		return "destination not known"
	case p.Program == "":
		return p.Account
	}
	return p.Account + "/" + p.Program
}

// blocks returns the anchors and the names of the page's parts.
func (p *Page) blocks() [][2]string {
	return [][2]string{
		{"do", "Do this"}, {"runs", "Runs"}, {"audiences", "Audiences"}, {"flow", "Last run"}, {"hosts", "Hosts"},
		{"orders", "Orders"}, {"refused", "Refused"}, {"sources", "Sources"}, {"names", "Unmapped"}, {"search", "Search"},
	}
}

// class returns the class of the style for a level.
func (l Level) class() string { return [...]string{"bad", "warn", "info"}[l] }

func (l Level) String() string { return [...]string{"Urgent", "Attention", "For information"}[l] }

// face returns the class of the last run.
func (p *Page) face() string {
	last := p.Runs.Last()
	switch {
	case last == nil:
		return "due"
	case len(p.noRun()) > 0:
		return "bad"
	}
	return last.class()
}

// headline says how things are.
func (p *Page) headline() string {
	last := p.Runs.Last()
	if last == nil {
		return "No run so far"
	}
	switch {
	case last.Ongoing:
		return "A run is under way"
	case last.Exit == impactsync.ExitOK:
		return "Everything was delivered"
	case last.Exit == impactsync.ExitHeld:
		return counted(last.Held, "change") + " held, nothing lost"
	case last.Exit == impactsync.ExitUnfinished:
		return counted(last.Pending, "change") + " still due, nothing lost"
	case last.Exit == impactsync.ExitRefused:
		return "Delivered, but some of it was refused, rejected or stale"
	}
	return "The last run failed"
}

func (p *Page) lastRun() string {
	last := p.Runs.Last()
	switch {
	case last == nil:
		return "impactsync run makes the first one."
	case last.Ongoing:
		return fmt.Sprintf("Run %d began %s and has not ended.", last.Run, p.ago(last.StartedAt))
	}
	text := fmt.Sprintf("Run %d ended %s with exit %d, after %s.", last.Run, p.ago(last.Ended), last.Exit, last.took())
	if last.Note != "" {
		text += " " + last.Note + "."
	}
	if last.NextAt.After(p.Now) {
		text += " The daemon's next one is " + p.ago(last.NextAt) + "."
	}
	return text
}

// tile is a number at the top of the page.
type tile struct{ name, value, query string }

func (p *Page) tiles() []tile {
	d := &p.Due
	all := []tile{
		{"still due", number(d.Open), dueSQL.Name}, {"held", number(d.Held), heldSQL.Name},
		{"refused", number(d.Refused), dueSQL.Name}, {"without an answer", number(d.Unknown), dueSQL.Name},
	}
	if d.Oldest.IsZero() {
		return append(all, tile{"oldest undelivered", "none", oldestSQL.Name})
	}
	return append(all, tile{"oldest undelivered", span(p.Now.Sub(d.Oldest)), oldestSQL.Name})
}

// label returns the audience's name, if that says more than its key.
func (a *Audience) label() string {
	if a.Name == a.Key {
		return ""
	}
	return a.Name
}

// about says what kind of trait it is, and where it comes from.
func (a *Audience) about() string {
	text := a.Class
	if a.label() != "" {
		text = " · " + text
	}
	if a.Source != "" {
		text += " · " + a.Source
	}
	return text
}

// share returns how much of what is wanted impact.com was told, in percent.
func (a *Audience) share() string {
	if a.Wanted == 0 {
		return "0"
	}
	return plot(min(float64(a.Delivered*100/a.Wanted), 100))
}

// tags say what is the matter with an audience.
func (a *Audience) tags() (all [][2]string) {
	if !a.GoneAt.IsZero() {
		all = append(all, [2]string{"bad", "file gone since " + short(a.GoneAt)})
	}
	for _, t := range []struct {
		n           int64
		class, word string
	}{{a.Held, "held", "held"}, {a.Refused, "warn", "refused"}, {a.Pending, "due", "due"}} {
		if t.n > 0 {
			all = append(all, [2]string{t.class, number(t.n) + " " + t.word})
		}
	}
	if len(all) == 0 {
		return [][2]string{{"ok", "in step"}}
	}
	return all
}

func (a *Audience) age(p *Page) string {
	if a.ListedAt.IsZero() {
		return ""
	}
	return span(p.Now.Sub(a.ListedAt))
}
