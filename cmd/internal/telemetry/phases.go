package telemetry

import (
	"time"

	impactsync "github.com/impactsync/impactsync/sync"
)

// Phases measures how long the phases of a pass take, and traces them.
type Phases struct {
	Trace *Trace // may be nil

	close func() // ends the span of the phase under way
	phase string // under way
	since time.Time
	took  map[string]time.Duration
}

// Watch returns a progress that measures, and passes everything on. What was measured
// before is forgotten.
func (p *Phases) Watch(next impactsync.Progress) impactsync.Progress {
	*p = Phases{Trace: p.Trace, took: map[string]time.Duration{}}
	return impactsync.Progress{
		Start: func(phase, what string, total int64, unit string) {
			p.end()
			p.phase, p.since, p.close = phase, time.Now(), p.Trace.phase(phase, what, total, unit)
			next.Start(phase, what, total, unit)
		},
		Add:  next.Add,
		Host: next.Host,
		Done: func() {
			p.end()
			next.Done()
		},
	}
}

func (p *Phases) end() {
	if p.phase != "" {
		p.close()
		p.took[p.phase] += time.Since(p.since)
		p.phase = ""
	}
}

// Took returns how long each phase took, those of one name together.
func (p *Phases) Took() map[string]time.Duration {
	p.end()
	return p.took
}
