package daemon

import (
	"fmt"
	"sync"
	"time"
)

// How long a run may show no sign of life before it counts as hanging. A large
// list is compared in one step, which takes minutes; after its deadline a run only
// waits for requests under way.
const (
	mostSilence = 30 * time.Minute
	mostOverrun = 2 * time.Minute
)

// Pulse watches whether a run makes progress. The zero value has no run. A Pulse is
// safe for concurrent use.
type Pulse struct {
	mu       sync.Mutex
	running  bool
	began    time.Time
	last     time.Time // sign of life
	deadline time.Time // zero for none
}

// Begin notes the start of a run, and after what time it is to end by itself; 0
// means no limit.
func (p *Pulse) Begin(limit time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.running, p.began, p.last, p.deadline = true, now, now, time.Time{}
	if limit > 0 {
		p.deadline = now.Add(limit)
	}
}

// Beat notes a sign of life.
func (p *Pulse) Beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = time.Now()
}

// End notes that the run is over.
func (p *Pulse) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = false
}

// Check returns an error while a run hangs: it has shown no sign of life for longer
// than any of its steps can take.
func (p *Pulse) Check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	silent := now.Sub(p.last)
	overdue := !p.deadline.IsZero() && now.Sub(p.deadline) > mostOverrun && silent > mostOverrun
	if !p.running || silent <= mostSilence && !overdue {
		return nil
	}
	text := fmt.Sprintf("the run that began at %s has shown no sign of life for %s", p.began.UTC().Format(time.RFC3339), silent.Round(time.Second))
	if overdue {
		text += fmt.Sprintf("; its deadline passed %s ago", now.Sub(p.deadline).Round(time.Second))
	}
	return fmt.Errorf("%s; restart the daemon: nothing is lost", text)
}
