package main

import (
	"bytes"
	"testing"

	"github.com/impactsync/impactsync/state"
	"github.com/stretchr/testify/require"
)

func TestAnExplanationShowsWhatThereIs(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	yes := "true"
	writeExplanation(&out, state.Explanation{
		UserID: "u1", SameAddress: []string{"u2", "u3"},
		Traits: []state.PersonTrait{{Key: "vip", Wanted: &yes, Status: "pending", ChangedAt: "t1", Origin: "a.csv\x1b"}},
		Events: []state.PersonEvent{{At: "t2", Kind: "conversion", Event: "Paid\tup", Status: "done", Object: "o", Line: 7}},
	})
	require.Equal(t, `user id       u1
same address  u2, u3

vip: wanted true, delivered nothing; the next run sends it
  changed  t1  a.csv\u001b

Events, newest first:
  t2  conversion  Paid\u0009up  done  -  o:7
`, out.String())

	out.Reset()
	writeExplanation(&out, state.Explanation{})
	require.Contains(t, out.String(), "A guest: these events name nobody")
}
