package sync

import "time"

// GrowHeap is what delivery does to the pace of collections.
var GrowHeap = growHeap

// SetNow gives an engine another clock.
func (e *Engine) SetNow(now func() time.Time) { e.now = now }
