package sync

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
