package sync

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

func TestFrequentIDs(t *testing.T) {
	t.Parallel()
	var f frequent
	const all = 200_000
	for i := range all {
		switch {
		case i%50 == 0: // 2 %
			f.add("web_user")
		case i%250 == 1: // 800
			f.add("regular")
		case i%110 == 2: // 1,818, which is less than 1 %
			f.add("busy")
		default:
			f.add(fmt.Sprint("u", i))
		}
		f.add("")
	}
	found := map[state.Person]int64{}
	f.crowds(all, func(id string) state.Person { return state.Person{UserID: id} }, found)
	require.Len(t, found, 1)
	n := found[state.Person{UserID: "web_user"}]
	require.InDelta(t, all/50, n, all/mostFrequent, "in memory of a thousand ids")
	require.LessOrEqual(t, n, int64(all/50))
	require.LessOrEqual(t, len(f.counts), mostFrequent)

	var small frequent
	for range state.MostVisitors {
		small.add("the only one")
	}
	found = map[state.Person]int64{}
	small.crowds(state.MostVisitors, func(id string) state.Person { return state.Person{UserID: id} }, found)
	require.Empty(t, found, "a thousand messages may be one person's")
}
