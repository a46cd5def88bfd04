package sync

import "time"

// SetNow gives an engine another clock.
func (e *Engine) SetNow(now func() time.Time) { e.now = now }
