package page

import (
	"strings"
	"time"

	"github.com/impactsync/impactsync/state"
)

// Source is a source and how fresh its input is.
type Source struct {
	Name             string
	Newest, Read     time.Time
	MaxAge           time.Duration
	Stale            bool
	Why, Error       string
	Objects, Problem int64
	Missing          string
}

// Rejection is a reason why input could not be used.
type Rejection struct {
	Source, Object, Reason string
	Lines                  int64
	Last                   time.Time
}

// Unlisted is a name that the configuration does not mention.
type Unlisted struct {
	Kind, Name string
	Count      int64
	Last       time.Time
}

// Warning is a remark of impact.com's on requests that it took.
type Warning struct {
	Kind, Field, Level, Message string
	Count                       int64
	Last                        time.Time
}

func (p *Page) readSources(s *state.Snapshot) (err error) {
	p.Sources, err = state.Select(s, sourcesSQL.SQL, func(v *Source) []any {
		return []any{
			&v.Name, moment{&v.Newest}, moment{&v.Read}, inSeconds{&v.MaxAge}, null(&v.Stale), null(&v.Why), null(&v.Error),
			&v.Objects, &v.Problem, null(&v.Missing),
		}
	})
	if err != nil {
		return err
	}
	p.Rejected, err = state.Select(s, rejectedSQL.SQL, func(r *Rejection) []any {
		return []any{&r.Source, &r.Object, &r.Reason, &r.Lines, moment{&r.Last}}
	})
	if err != nil {
		return err
	}
	p.Unlisted, err = state.Select(s, unlistedSQL.SQL, func(u *Unlisted) []any {
		return []any{&u.Kind, &u.Name, &u.Count, moment{&u.Last}}
	})
	if err != nil {
		return err
	}
	p.Warnings, err = state.Select(s, warningsSQL.SQL, func(w *Warning) []any {
		return []any{&w.Kind, &w.Field, &w.Level, &w.Message, &w.Count, moment{&w.Last}}
	})
	return err
}

// inSeconds scans a duration in seconds.
type inSeconds struct{ to *time.Duration }

func (s inSeconds) Scan(from any) error {
	var n int64
	err := null(&n).Scan(from)
	*s.to = time.Duration(n) * time.Second
	return err
}

// class returns the class of a source's state.
func (s *Source) class() string {
	if s.Stale || s.Missing != "" || s.Problem > 0 {
		return "warn"
	}
	return "ok"
}

func (s *Source) words() string {
	switch {
	case s.Error != "":
		return "cannot be read"
	case s.Stale:
		return "stale"
	case s.Missing != "":
		return "lists missing"
	case s.Problem > 0:
		return counted(s.Problem, "faulty object")
	}
	return "fresh"
}

// why returns what is the matter, in one line.
func (s *Source) why() string {
	var all []string
	if s.Error != "" {
		all = append(all, s.Error)
	}
	if s.Why != "" {
		all = append(all, strings.ReplaceAll(s.Why, "\n", "; "))
	}
	if s.Missing != "" {
		all = append(all, "no file for: "+strings.ReplaceAll(s.Missing, "\n", ", "))
	}
	return strings.Join(all, "; ")
}

// age returns how much of its greatest age a source's input has, in percent.
func (s *Source) age(now time.Time) float64 {
	if s.MaxAge == 0 || s.Newest.IsZero() {
		return 0
	}
	return min(float64(int(float64(now.Sub(s.Newest))*1000/float64(s.MaxAge)))/10, 100)
}
