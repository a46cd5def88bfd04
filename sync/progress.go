package sync

import "time"

// Progress watches a pass. All functions may be nil, and all are called from
// one goroutine.
type Progress struct {
	// Start begins a phase: "read", "diff" or "send". Total is -1 where it is
	// not known beforehand; unit is "bytes", "people" or "requests".
	Start func(phase, what string, total int64, unit string)
	// Add reports n more units as done; 0 is a sign of life, from a pass that waits
	// for a limit or a retry.
	Add func(n int64)
	// Done ends the phase.
	Done func()
	// Host reports how far a host is while "send" lasts: how many of its calls are
	// done, how many there are, as a plan counts them, and how long the others take at
	// least, by what bounds the host now.
	Host func(name string, done, of int64, takes time.Duration)
}

func (p Progress) start(phase, what string, total int64, unit string) {
	if p.Start != nil {
		p.Start(phase, what, total, unit)
	}
}

func (p Progress) add(n int64) {
	if p.Add != nil {
		p.Add(n)
	}
}

func (p Progress) done() {
	if p.Done != nil {
		p.Done()
	}
}
