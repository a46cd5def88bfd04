package sync_test

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	impactsync "github.com/impactsync/impactsync/sync"
)

// Not parallel: the pace of collections is the whole process's.
func TestTheHeapGrowsOnlyWhileSending(t *testing.T) {
	pace := func() int {
		percent := debug.SetGCPercent(100)
		debug.SetGCPercent(percent)
		return percent
	}
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	runtime.GC() // what lives is small
	undo := impactsync.GrowHeap()
	require.Greater(t, pace(), 100)
	undo()
	require.Equal(t, 100, pace())

	debug.SetGCPercent(50)
	undo = impactsync.GrowHeap()
	require.Equal(t, 50, pace(), "what was set stays")
	undo()
	require.Equal(t, 50, pace())
}
