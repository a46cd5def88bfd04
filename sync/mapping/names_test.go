package mapping

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func kinds(t *testing.T, s Settings, want map[string]Kind) {
	t.Helper()
	s.CampaignID = "1"
	m := newMapper(t, s)
	for name, kind := range want {
		require.Equal(t, kind, m.names.lookup(name).kind, "%q", name)
	}
}

func TestNamesComeBesideTheDefaultsInAnyCase(t *testing.T) {
	t.Parallel()
	kinds(t, Settings{}, map[string]Kind{
		"Order Completed": Conversion, "Order Complete": Conversion, "order complete": Conversion, "ORDER COMPLETED": Conversion,
		" Order Completed\t": Conversion, "Application Installed": Install, "application installed": Install,
		"Application Opened": PageLoad, "Page Load": PageLoad, "page load": PageLoad,
		"": None, " ": None, "Order  Completed": None, "OrderCompleted": None, "Order Completed!": None, "Screen Load": None,
	})
	kinds(t, Settings{ActionEventNames: []string{" paid ", "Größe Gewählt", "ΑΓΟΡΑΣ"}, InstallEventNames: []string{"First Open"}, PageLoadEventNames: []string{"Seen"}}, map[string]Kind{
		"Paid": Conversion, "PAID": Conversion, "Order Completed": Conversion, "GRÖßE GEWÄHLT": Conversion, "αγορας": Conversion, "αγορασ": Conversion,
		"first open": Install, "Application Installed": Install, "seen": PageLoad, "Application Opened": PageLoad,
	})
}

func TestOnlyReplacesTheDefaults(t *testing.T) {
	t.Parallel()
	kinds(t, Settings{ActionEventNames: []string{"Paid"}, OnlyActionEventNames: true, OnlyInstallEventNames: true}, map[string]Kind{
		"paid": Conversion, "Order Completed": None, "Order Complete": None, "Application Installed": None, "Page Load": PageLoad,
	})
}

func TestTheSettingsBeatADefaultOfAnotherList(t *testing.T) {
	t.Parallel()
	s := Settings{ActionEventNames: []string{"application INSTALLED", "Both"}, InstallEventNames: []string{"both"}, PageLoadEventNames: []string{"Order Complete"}}
	kinds(t, s, map[string]Kind{
		"Application Installed": Conversion, "Order Complete": PageLoad, "Order Completed": Conversion, "BOTH": Conversion,
	})
	s.CampaignID = "1"
	require.Equal(t, EventLists{
		Actions: []string{"Order Completed", "application INSTALLED", "Both"}, Installs: []string{}, PageLoads: []string{"Application Opened", "Page Load", "Order Complete"},
	}, newMapper(t, s).EventLists())
}

func TestNamesAreListedAsTheyCount(t *testing.T) {
	t.Parallel()
	m := newMapper(t, Settings{CampaignID: "1", ActionEventNames: []string{"Paid", "order completed", "PAID"}, EnablePageEvents: true})
	require.Equal(t, EventLists{
		Actions: []string{"order completed", "Order Complete", "Paid"}, Installs: []string{"Application Installed"}, PageLoads: []string{"Application Opened", "Page Load"},
	}, m.EventLists())
	require.Equal(t, []Routed{
		{"track", "order completed", Conversion}, {"track", "Order Complete", Conversion}, {"track", "Paid", Conversion}, {"track", "Application Installed", Install},
		{"track", "Application Opened", PageLoad}, {"track", "Page Load", PageLoad}, {"page", "", PageLoad},
	}, m.Routed())
}

func TestEventTypeIDsTakeANameInAnyCase(t *testing.T) {
	t.Parallel()
	s := everything()
	s.EventTypeID, s.EventTypeIDs = "55", map[string]string{"order COMPLETED ": "66", "ORDER completed": "66"}
	r, err := order(t, s, `{"order_id":"o"}`)
	require.NoError(t, err)
	require.Equal(t, "66", value(t, r, "EventTypeId"))
	s.EventTypeIDs["Order Completed"] = "77"
	_, err = New(s)
	require.ErrorContains(t, err, `destination.eventTypeIds: "order COMPLETED " has two ids, 77 and 66`)
}

// TestOneOrderInTwoCases is one conversion: impact.com would take two event types
// for two orders.
func TestOneOrderInTwoCases(t *testing.T) {
	t.Parallel()
	m := newMapper(t, Settings{CampaignID: "1"})
	keys := map[string]bool{}
	for _, name := range []string{"Order Completed", "order completed", " ORDER COMPLETED"} {
		p := m.Prepare(decode(t, `{"type":"track","event":"`+name+`","userId":"u","timestamp":"2026-08-30T00:00:00Z","properties":{"order_id":"o1","revenue":5}}`))
		keys[p.EventType+" "+p.OrderID] = true
	}
	require.Equal(t, map[string]bool{"Order Completed o1": true}, keys)
}

// TestRouteDoesNotAllocate is not parallel: it counts all allocations.
func TestRouteDoesNotAllocate(t *testing.T) {
	m := newMapper(t, everything())
	msg := decode(t, `{"type":"track","event":"ORDER completed"}`)
	require.Zero(t, testing.AllocsPerRun(100, func() { m.Route(msg) }))
}
