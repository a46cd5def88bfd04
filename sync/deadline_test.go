package sync_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
	impactsync "github.com/impactsync/impactsync/sync"
)

// TestDeadlineOfAHostThatHangs: the time to settle counts, too.
func TestDeadlineOfAHostThatHangs(t *testing.T) {
	t.Parallel()
	w := setup(t, sandbox.Config{Fault: func(*http.Request, impactapi.Params) sandbox.Fault { return sandbox.Fault{Delay: 20 * time.Second} }})
	w.list("VIP.csv", members(0, 100)...)
	end := time.Now().Add(3 * time.Second)
	r, _ := w.run(impactsync.Options{Deadline: end})
	require.Less(t, time.Since(end), time.Second)
	require.Zero(t, r.Traits.InFlight)
	require.EqualValues(t, 100, r.Traits.Unknown+r.Traits.Pending)
}
