package sync

import (
	"context"
	"iter"
	"time"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/source"
)

// A source with folders of days (see [source.DayOf]) is listed whole once a day. In
// between, only the days are listed in which Segment may still be writing: years of logs
// take thousands of requests to list. What changes in an older day, since somebody's data
// was deleted there or messages were replayed into it, is seen by the next whole listing.
const (
	wholeEvery = 24 * time.Hour
	daysAgain  = 3 * 24 * time.Hour // before the newest
)

// listed is how a source was listed.
type listed struct {
	at     time.Time // when that began
	part   bool      // only the newest days were
	newest time.Time // of the inputs that are known
	day    time.Time // the newest folder of a day; zero without any
}

// inputsOf lists a source: whole, or its newest days.
func (p *pass) inputsOf(ctx context.Context, f Feed, reject func(source.Object, int64, string)) (listed, iter.Seq2[source.Input, error], error) {
	how := listed{at: p.now()}
	if f.Since == nil {
		return how, f.Inputs(ctx, reject), nil
	}
	last, newest, err := p.State.WholeListing(ctx, f.Name(), f.Place)
	if err != nil {
		return how, nil, stored(err)
	}
	if age := how.at.Sub(last.At); last.Day.IsZero() || age < 0 || age >= wholeEvery {
		return how, f.Inputs(ctx, reject), nil
	}
	how.part, how.newest = true, newest
	since := last.Day.Add(-daysAgain)
	p.Log.Debug("only the newest days of a source are listed; all of it once a day", "source", f.Name(), "since", since)
	return how, f.Since(ctx, since, reject), nil
}

// note remembers what an input says of the source.
func (l *listed) note(in source.Input) {
	for _, o := range in.Objects {
		if o.ModTime.After(l.newest) {
			l.newest = o.ModTime
		}
		if day, ok := source.DayOf(o.Name); ok && day.After(l.day) && !day.After(l.at) {
			l.day = day
		}
	}
}

// noteWhole records that everything in a source was listed and read.
func (p *pass) noteWhole(ctx context.Context, in inputs) error {
	name := in.feed.Name()
	_, failed := p.failed[name]
	if in.how.part || in.how.day.IsZero() || in.feed.Since == nil || failed || p.unsteady[name] {
		return nil
	}
	return p.State.NoteWhole(ctx, name, state.Whole{Place: in.feed.Place, At: in.how.at, Day: in.how.day})
}
