package sandbox_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
)

func TestBooks(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := setup(t, sandbox.Config{Now: c.now})
	old := c.at.AddDate(0, 0, -40)
	require.NoError(t, s.box.Book(sandbox.Action{CampaignID: "1000", EventTypeID: "7", OrderID: "foreign", Partner: "5", Amount: "99.95", Currency: "EUR", CreatedAt: old}))
	require.ErrorContains(t, s.box.Book(sandbox.Action{Amount: "1,5"}), "not a decimal number")
	s.sell(t, "o-1", "ClickId", "c", "Amount", "10.00")
	require.Empty(t, s.change(t, http.MethodPut, "ActionId", "1000.7.100002", "Reason", "ORDER_UPDATE", "Amount", "4"))
	all := s.box.Actions()
	require.Len(t, all, 2)
	require.Equal(t, sandbox.Action{
		ID: firstID, CampaignID: "1000", EventTypeID: "7", OrderID: "foreign", Partner: "5", State: "APPROVED", Amount: "99.95", IntendedAmount: "99.95",
		Payout: "5.00", Currency: "EUR", EventDate: old, CreatedAt: old, LockingDate: time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC),
	}, all[0])
	require.Equal(t, "PENDING 4.00 10.00 1", fmt.Sprint(all[1].State, " ", all[1].Amount, " ", all[1].IntendedAmount, " ", all[1].Changes))
	actions, _ := s.list(t, "Actions", c.around(44*24*time.Hour/2))
	require.Len(t, actions, 1)
}

func TestShares(t *testing.T) {
	t.Parallel()
	s := setup(t, sandbox.Config{
		PartnerShare: 0.5, RefusedShare: 0.2, TwiceShare: 0.2, ReattributedShare: 0.2, OtherAmountShare: 0.2, ConsentShare: 0.1, ReattributeAfter: time.Hour,
	})
	for i := range 200 {
		s.sell(t, fmt.Sprint("o-", i), "Amount", "10.00")
	}
	orders, others := make(map[string]int), 0
	for _, a := range s.box.Actions() {
		orders[a.OrderID]++
		if a.Amount == "1.23" {
			others++
		}
	}
	twice := 0
	for _, n := range orders {
		if n == 2 {
			twice++
		}
	}
	require.InDelta(t, 80, len(orders), 20)
	require.InDelta(t, 20, twice, 12)
	require.InDelta(t, 20, others, 12)
	_, err := sandbox.New(sandbox.Config{RefusedShare: 0.6, TwiceShare: 0.6, Speed: -1})
	require.ErrorContains(t, err, "the sum of RefusedShare to ConsentShare is 1.2")
	require.ErrorContains(t, err, "Speed")
}

func TestSpeed(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := setup(t, sandbox.Config{Now: c.now, Speed: 24, SettleAfter: 4 * time.Minute, ActionAfter: 5 * time.Minute})
	s.sell(t, "o-1", "ClickId", "c")
	c.forward(22 * time.Second)
	require.Empty(t, s.box.Actions())
	c.forward(time.Second)
	require.Equal(t, time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC), s.box.Actions()[0].LockingDate)
}

func TestHalfAnswers(t *testing.T) {
	t.Parallel()
	s := setup(t, sandbox.Config{Fault: func(r *http.Request, _ impactapi.Params) sandbox.Fault {
		if strings.HasSuffix(r.URL.Path, "/Actions") {
			return sandbox.Fault{Drop: sandbox.DropMidway}
		}
		return sandbox.Fault{}
	}})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/Advertisers/"+sid+"/Actions?CampaignId=1000", nil)
	require.NoError(t, err)
	req.SetBasicAuth(sid, token)
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	require.NoError(t, err)
	defer res.Body.Close()
	half, err := io.ReadAll(res.Body)
	require.NotEmpty(t, half)
	require.ErrorContains(t, err, "unexpected EOF")
	require.Equal(t, []int{0}, statuses(s.box.Calls()))
}
