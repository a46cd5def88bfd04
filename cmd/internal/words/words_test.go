package words

import (
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
		require.Contains(t, Why(trait), want)
	}
	require.Equal(t, "held back by the guard", Why(state.PersonTrait{Status: "held"}))
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
		require.Equal(t, want, WhyEvent(event))
	}
}
