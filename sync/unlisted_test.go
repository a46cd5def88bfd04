package sync_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi/sandbox"
)

// TestUnlistedNamesOfARewrittenObject: a privacy deletion rewrites an object, and its
// other lines are read again.
func TestUnlistedNamesOfARewrittenObject(t *testing.T) {
	t.Parallel()
	w := setup(t, sandbox.Config{})
	line := func(id string) string {
		return `{"type":"track","event":"Quiz","messageId":"` + id + `","userId":"u1"}`
	}
	counted := func() int64 {
		db := w.open()
		defer db.Close()
		s, err := db.Status(t.Context(), 1)
		require.NoError(t, err)
		require.Len(t, s.Unlisted, 1)
		return s.Unlisted[0].Count
	}
	w.log("a.ndjson", line("m1"), line("m2"), line("m3"))
	w.sentOK()
	require.EqualValues(t, 3, counted())
	w.log("a.ndjson", line("m1"), line("m3"))
	w.sentOK()
	require.EqualValues(t, 3, counted(), "each was counted before")
	w.log("a.ndjson", line("m0"), line("m3"), line("m4"), line("m5"))
	w.sentOK()
	require.EqualValues(t, 4, counted(), "one line more than ever")
}
