package page

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// every returns runs at these hours before noon.
func every(hours ...int) *Runs {
	r := &Runs{}
	for i, h := range hours {
		at := noon.Add(-time.Duration(h) * time.Hour)
		r.All = append(r.All, Run{Run: int64(i + 1), StartedAt: at, Ended: at.Add(time.Minute), Delivered: 10})
	}
	return r
}

func TestGapsAreTimesWithoutARun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		hours []int
		gaps  int
	}{
		{"a run each two hours", []int{20, 18, 16, 14, 12, 10, 8, 6, 4, 2}, 0},
		{"five hours without one", []int{20, 18, 16, 14, 12, 6, 4, 2}, 1},
		{"none since ten hours", []int{20, 18, 16, 14, 12, 10}, 1},
		{"too few to tell", []int{300, 20, 10}, 0},
		{"a run each day", []int{240, 216, 192, 168, 144, 120, 96, 72, 48, 24}, 0},
	} {
		r := every(c.hours...)
		r.chart(noon)
		require.Len(t, r.Gaps, c.gaps, c.name)
	}
}

func TestEachRunStandsInASlot(t *testing.T) {
	t.Parallel()
	for _, hours := range [][]int{{0}, {1}, {5, 4, 3}, {700, 600, 24, 0}, {719, 1}} {
		r := every(hours...)
		r.chart(noon)
		n := 0
		for _, s := range r.Slots {
			n += len(s.Runs)
		}
		require.Equal(t, len(hours), n, "%v in %d slots of %s", hours, len(r.Slots), r.Window)
		require.LessOrEqual(t, len(r.Slots), 361)
	}
}

func TestOneLargeRunDoesNotHideTheOthers(t *testing.T) {
	t.Parallel()
	r := every(240, 216, 192, 168, 144, 120, 96, 72, 48, 24, 0)
	r.All[0].Delivered = 1_000_000
	r.chart(noon)
	require.True(t, r.Cut)
	require.Equal(t, int64(15), r.Scale)
}

func TestTheWorstExitOfASlotCounts(t *testing.T) {
	t.Parallel()
	var s Slot
	for _, code := range []int{0, 3, 1, 4} {
		s.add(Run{Exit: code})
	}
	require.Equal(t, 1, s.Worst.Exit)
	s.add(Run{Ongoing: true})
	require.True(t, s.Worst.Ongoing)
}

func TestSpans(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]time.Duration{
		"0 ms": 0, "250 ms": 250 * time.Millisecond, "42 s": 42 * time.Second, "1 min": time.Minute, "9 min 30 s": 570 * time.Second,
		"59 min": 59 * time.Minute, "1 h": time.Hour, "2 h 5 min": 125 * time.Minute, "3 d 4 h": 76 * time.Hour,
	} {
		require.Equal(t, want, span(d))
	}
}

func TestWordsForAShell(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{"a.yaml": "a.yaml", "": "''", "my file": "'my file'", "a'b": `'a'\''b'`, "$(rm)": "'$(rm)'"} {
		require.Equal(t, want, quoted(word))
	}
	require.Equal(t, "impactsync approve vip --exits 5 --config 'my conf.yaml'", (&Page{Options: Options{Config: "my conf.yaml"}}).command("approve vip --exits 5"))
}
