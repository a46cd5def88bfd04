package main

import (
	"bytes"
	"testing"

	"github.com/impactsync/impactsync/state"
	"github.com/stretchr/testify/require"
)

func TestWhyATraitIsSentOrNot(t *testing.T) {
	t.Parallel()
	for want, trait := range map[string]state.PersonTrait{
		"nothing to send": {Status: "settled"},
		"nothing to send; in doubt: an answer never":  {Status: "settled", Doubt: true},
		"the next run sends it":                       {Status: "pending"},
		"a run sends it now":                          {Status: "in flight", Doubt: true},
		"refused (order): bad; sent again when":       {Status: "refused", Class: "order", LastError: "bad"},
		"held back by the guard: too many":            {Status: "held", LastError: "too many"},
		"retry later, tried again after noon: 503":    {Status: "retry later", NextAttempt: "noon", LastError: "503"},
		"unknown, tried again after -: EOF; in doubt": {Status: "unknown", LastError: "EOF", Doubt: true},
	} {
		require.Contains(t, why(trait), want)
	}
	require.Equal(t, "held back by the guard", why(state.PersonTrait{Status: "held"}))
}

func TestWhatBecameOfAnEvent(t *testing.T) {
	t.Parallel()
	for want, event := range map[string]state.PersonEvent{
		"":                          {},
		"503":                       {LastError: "503"},
		"refused (order): no money": {Status: "refused", Class: "order", LastError: "no money"},
		"verdict fault: X because":  {Verdict: "fault", ErrorType: "X", Reasons: "because", QueuedURI: "/q"},
		"verdict counted:":          {Verdict: "counted"},
		"queued at impact.com, its verdict was not looked up: /q": {QueuedURI: "/q", LastError: "old"},
	} {
		require.Equal(t, want, whyEvent(event))
	}
}

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
