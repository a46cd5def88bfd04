package page

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/words"
)

// curve is an audience's line of 30 days.
type curve struct{ wanted, told, joins, leaves string }

// curve draws an audience. A day without a change has the numbers of the day before.
func (a *Audience) curve(now time.Time) curve {
	if len(a.Days) == 0 {
		return curve{}
	}
	low, high := a.bounds()
	y := func(n int64) float64 {
		if high == low {
			return 14
		}
		return float64(int(260-float64(n-low)*240/float64(high-low))) / 10
	}
	first := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1-days)
	var wanted, told strings.Builder
	for i, d := range a.Days {
		x := max(float64(d.At.Sub(first)/(24*time.Hour))*10, 0)
		if i == 0 {
			fmt.Fprintf(&wanted, "M%s %s", plot(x), plot(y(d.Wanted)))
			fmt.Fprintf(&told, "M%s %s", plot(x), plot(y(d.Delivered)))
			continue
		}
		fmt.Fprintf(&wanted, "H%sV%s", plot(x), plot(y(d.Wanted)))
		fmt.Fprintf(&told, "H%sV%s", plot(x), plot(y(d.Delivered)))
	}
	wanted.WriteString("H300")
	told.WriteString("H300")
	c := curve{wanted: wanted.String(), told: told.String()}
	c.joins, c.leaves = a.moves(first)
	return c
}

// bounds returns the least and the most that the line shows.
func (a *Audience) bounds() (low, high int64) {
	low, high = a.Days[0].Wanted, a.Days[0].Wanted
	for _, d := range a.Days {
		low, high = min(low, d.Wanted, d.Delivered), max(high, d.Wanted, d.Delivered)
	}
	return low, high
}

// moves draws joins and leaves below the line, up and down.
func (a *Audience) moves(first time.Time) (joins, leaves string) {
	var most int64
	for _, d := range a.Days {
		most = max(most, d.Joins, d.Leaves)
	}
	if most == 0 {
		return "", ""
	}
	var up, down strings.Builder
	for _, d := range a.Days {
		x := max(float64(d.At.Sub(first)/(24*time.Hour))*10, 0)
		if h := float64(d.Joins*80/most) / 10; h > 0 {
			box(&up, x+1, 38-h, 7, h)
		}
		if h := float64(d.Leaves*80/most) / 10; h > 0 {
			box(&down, x+1, 38.4, 7, h)
		}
	}
	return up.String(), down.String()
}

// describe says in words what the line shows.
func (a *Audience) describe() string {
	var joins, leaves int64
	for _, d := range a.Days {
		joins += d.Joins
		leaves += d.Leaves
	}
	return fmt.Sprintf("%s: in 30 days %s and %s; wanted from %s to %s", a.Key, counted(joins, "join"), counted(leaves, "leave"), number(a.Days[0].Wanted), number(a.Wanted))
}

func (a *Audience) fill() string {
	switch {
	case a.Held > 0:
		return "f-held"
	case a.Refused > 0:
		return "f-refused"
	}
	return "f-due"
}

// listed returns the audiences that have lists.
func (p *Page) listed() (all []*Audience) {
	for i := range p.Audiences {
		if len(p.Audiences[i].Lists) > 0 {
			all = append(all, &p.Audiences[i])
		}
	}
	return all
}

func (a *amount) fill() string {
	fill := map[string]string{"ok": "f-ok", "warn": "f-refused", "bad": "f-refused", "held": "f-held", "due": "f-due"}[a.class]
	return cmp.Or(fill, "f-other")
}

// fill returns the class of the quota's gauge: the last tenth is a warning.
func (h *Host) fill() string {
	if h.used() > 90 {
		return "f-refused"
	}
	return "f-due"
}

func (s *Source) fill(now time.Time) string {
	if s.age(now) >= 100 {
		return "f-refused"
	}
	return "f-ok"
}

func (p *Page) unlisted(kind string) (all []amount) {
	for _, u := range p.Unlisted {
		if u.Kind == kind {
			all = append(all, amount{name: u.Name, n: u.Count})
		}
	}
	return shares(all)
}

// month returns the texts below bars of 30 days.
func (p *Page) month() (texts []string) {
	for i := days - 1; i >= 0; i -= 7 {
		texts = append(texts, p.Now.UTC().AddDate(0, 0, -i).Format("2 Jan"))
	}
	return append(texts, "today")
}

func (m *takings) title() string {
	if m.currency == "" {
		return "No currency"
	}
	return m.currency
}

func (m *takings) of(outcome string) string {
	if v, ok := m.by[outcome]; ok && v != 0 {
		return amountText(v, m.currency)
	}
	return "-"
}

func (o *outcome) meaning() string { return words.Verdicts[o.name] }

// spaced returns a name of the state's as words.
func spaced(name string) string { return strings.ReplaceAll(name, "_", " ") }
