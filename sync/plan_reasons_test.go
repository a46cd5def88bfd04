package sync

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlanBoundsItsReasons(t *testing.T) {
	t.Parallel()
	r := PlanReport{Refusals: map[string]int64{}}
	for i := range 1000 {
		r.refused(fmt.Sprintf("price %d", i%500), 1)
	}
	require.Len(t, r.Refusals, mostReasons+1)
	var all int64
	for _, n := range r.Refusals {
		all += n
	}
	require.Equal(t, int64(1000), all)
}
