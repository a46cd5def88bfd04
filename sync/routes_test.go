package sync_test

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
)

// rerouted is a state whose configuration changes after its first run.
func rerouted(t *testing.T) (w *world, log *bytes.Buffer, want []state.NewRoute) {
	t.Helper()
	w, log = setup(t, sandbox.Config{}), &bytes.Buffer{}
	w.mapping.EnableIdentifyEvents = false
	w.change = func(c *impactsync.Config) { c.Log = slog.New(slog.NewTextHandler(log, nil)) }
	w.log("a.ndjson", bought("1", "a1"), bought("2", "a2"), installed("1", "a3", ""))
	w.mapping.ActionEventNames, w.mapping.OnlyActionEventNames = []string{"Order Completed"}, true
	w.sentOK()
	require.Empty(t, log.String(), "before the first run nothing is new")

	w.mapping.ActionEventNames, w.mapping.OnlyActionEventNames = []string{"application installed"}, false
	w.mapping.EnableIdentifyEvents = true
	return w, log, []state.NewRoute{
		{Route: state.Route{Type: "track", Name: "Order Complete", Becomes: "conversion"}, PassedOver: 2},
		{Route: state.Route{Type: "track", Name: "application installed", Becomes: "conversion"}, Was: "install"},
		{Route: state.Route{Type: "identify", Becomes: "page_load"}},
	}
}

func TestPlanSaysWhatAConfigurationSendsAnew(t *testing.T) {
	t.Parallel()
	w, _, want := rerouted(t)
	r, err := w.planned(impactsync.Options{})
	require.NoError(t, err)
	require.Equal(t, want, r.NewlySent)
	r, err = w.planned(impactsync.Options{}) // these plans work on the state itself
	require.NoError(t, err)
	require.Empty(t, r.NewlySent)
}

func TestARunSaysWhatItSendsAnew(t *testing.T) {
	t.Parallel()
	w, log, _ := rerouted(t)
	w.sentOK()
	const says = "Order Complete (conversion, passed over so far: 2); application installed (conversion, was install); identify calls (page load)"
	require.Contains(t, log.String(), says)
	w.sentOK()
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("\n")), "once")
	db := w.open()
	defer db.Close()
	s, err := db.Status(t.Context(), 1)
	require.NoError(t, err)
	require.Empty(t, s.Unlisted, "what is sent is listed")
}
