package sync_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/sqlengine/enginetest"
)

// TestElsewhereWrittenInParts writes back in several writes of several ranges, and is
// killed at each point of that. It runs alone, since it changes how much is written.
func TestElsewhereWrittenInParts(t *testing.T) { //nolint:paralleltest // as said
	const members = 7
	impactsync.SetToldSizes(t, 2, 5)
	s, l := settledShop(t, enginetest.StartPostgres(t), members)
	passed := map[string]int{}
	killAt, inner := "", s.change
	s.change = func(c *impactsync.Config) {
		inner(c)
		c.Point = func(name string) {
			passed[name]++
			if killAt == fmt.Sprint(passed[name], name) {
				panic(errKilled)
			}
		}
	}
	tier := 1
	for _, kill := range []string{
		"1before rows are written", "1after rows were handed over", "3after rows were handed over", "1after rows were written", "1after rows left the state",
		"2before rows are written", "4after rows were handed over", "2after rows were written", "4after rows left the state", "",
	} {
		tier++
		want := []string{}
		for p := range members {
			l.values["tier"][p] = fmt.Sprint(tier)
			want = append(want, fmt.Sprintf("tier user_id u%d %d", p, tier), fmt.Sprintf("vip user_id u%d true", p))
		}
		slices.Sort(want)
		l.store()
		clear(passed)
		killAt = kill
		_, killed := s.pass()
		require.Equal(t, kill != "", killed, "%s", kill)
		if killed {
			killAt = ""
			s.pass()
		}
		require.Equal(t, want, s.delivered(), "%s", kill)
		require.Len(t, s.answers.taken, members*tier, "%s: nothing is sent twice", kill)
	}
	require.Equal(t, 2, passed["before rows are written"], "7 rows")
	require.Equal(t, 4, passed["after rows were handed over"])
}
