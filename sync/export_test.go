package sync

import (
	"testing"
	"time"
)

// GrowHeap is what delivery does to the pace of collections.
var GrowHeap = growHeap

// SetNow gives an engine another clock.
func (e *Engine) SetNow(now func() time.Time) { e.now = now }

// SetToldSizes changes, for a test that runs alone, how many rows are asked for, and
// written, at a time.
func SetToldSizes(t *testing.T, batch, write int) {
	t.Helper()
	before := []int{toldBatch, toldWrite}
	t.Cleanup(func() { toldBatch, toldWrite = before[0], before[1] })
	toldBatch, toldWrite = batch, write
}
