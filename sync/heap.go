package sync

import (
	"runtime/debug"
	"runtime/metrics"
)

// deliveryHeap is what the heap may grow to while deliveries are sent. A request
// leaves 10 KB behind and little stays: at Go's own pace there is a collection every
// few hundred requests, which is a tenth of their CPU time.
const deliveryHeap = 16 << 20

// growHeap lets the heap grow to deliveryHeap between collections, within the memory
// limit, and returns what ends that. If somebody else has set the pace, it stays.
func growHeap() (undo func()) {
	const standard = 100
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	now := max(live[0].Value.Uint64(), 4<<20)
	old := debug.SetGCPercent(max(int(deliveryHeap*100/now)-100, standard))
	if old != standard {
		debug.SetGCPercent(old)
	}
	return func() {
		if old == standard {
			debug.SetGCPercent(old)
		}
	}
}
