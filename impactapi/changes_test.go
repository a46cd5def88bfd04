package impactapi

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// changing is a client of a server that keeps the last request and answers as told.
func changing(t *testing.T, status int, body string) (c *Client, last *string, requests *int) {
	t.Helper()
	last, requests = new(string), new(int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		*requests++
		*last = r.Method + " " + r.URL.Path + " " + r.Header.Get("Content-Type") + " " + string(text)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	c, err := New(Config{AccountSID: "IR1", AuthToken: "token", APIURL: server.URL, TrackingURL: server.URL})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c, last, requests
}

const changeQueued = `{"Status":"QUEUED","QueuedUri":"/Advertisers/IR1/APISubmissions/A-1"}`

func TestChangesOfActions(t *testing.T) {
	t.Parallel()
	c, last, _ := changing(t, http.StatusOK, changeQueued)
	res, err := c.ReverseAction(t.Context(), "77.310.9001", "ITEM_RETURNED")
	require.NoError(t, err)
	require.Equal(t, "/Advertisers/IR1/APISubmissions/A-1", res.QueuedURI)
	require.Equal(t, "DELETE /Advertisers/IR1/Actions application/x-www-form-urlencoded ActionId=77.310.9001&DispositionCode=ITEM_RETURNED", *last)
	_, err = c.ModifyItems(t.Context(), "77.310.9001", []ItemLeft{{Sku: "MUG", Category: "a b", Quantity: 1}, {Sku: "HAT"}})
	require.NoError(t, err)
	require.Equal(t, "PUT /Advertisers/IR1/Actions application/x-www-form-urlencoded ActionId=77.310.9001&Reason=ORDER_UPDATE&Sku=MUG&Quantity=1&Category=a+b&Sku2=HAT&Quantity2=0", *last)
}

func TestChangesThatAreNotSent(t *testing.T) {
	t.Parallel()
	c, _, requests := changing(t, http.StatusOK, changeQueued)
	for _, code := range []string{"", "RESET", "APPROVED", "item_returned", "OURS"} {
		_, err := c.ReverseAction(t.Context(), "1", code)
		require.ErrorContains(t, err, "is not a documented reason")
	}
	for _, id := range []string{"", "..", "a/b", "1?x", "%2e"} {
		_, err := c.ReverseAction(t.Context(), id, "REJECTED")
		require.ErrorContains(t, err, "is not an ActionId")
		_, _, _, err = c.Action(t.Context(), id)
		require.ErrorContains(t, err, "is not an ActionId")
	}
	for _, items := range [][]ItemLeft{nil, {{Quantity: 1}}, {{Sku: "A", Quantity: -1}}} {
		_, err := c.ModifyItems(t.Context(), "1", items)
		require.ErrorContains(t, err, "modify action: ")
	}
	require.Zero(t, *requests)
}

// TestChangesAreNotRepeated: whoever calls looks at the action first.
func TestChangesAreNotRepeated(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusInternalServerError, http.StatusBadGateway, http.StatusFound, http.StatusBadRequest} {
		c, _, requests := changing(t, status, `{}`)
		_, err := c.ReverseAction(t.Context(), "1", "REJECTED")
		require.Error(t, err)
		require.Equal(t, status < 400 || status >= 500, Doubtful(err), status)
		require.Equal(t, 1, *requests, status)
	}
	c, _, requests := changing(t, http.StatusOK, `<html>maintenance</html>`)
	_, err := c.ReverseAction(t.Context(), "1", "REJECTED")
	require.True(t, Doubtful(err))
	require.Equal(t, 1, *requests)
}

func TestOneAction(t *testing.T) {
	t.Parallel()
	c, last, _ := changing(t, http.StatusOK, `{"Id":"77.310.9001","ActionTrackerId":"310","State":"PENDING","Oid":"o1","Amount":"80.00","IntendedAmount":100,"Currency":"EUR","LockingDate":"2026-04-16T00:00:00+02:00"}`)
	a, _, n, err := c.Action(t.Context(), "77.310.9001")
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Contains(t, *last, "GET /Advertisers/IR1/Actions/77.310.9001")
	require.Equal(t, []string{"310", "PENDING", "o1", "80.00", "100", "EUR", "2026-04-15T22:00:00Z"},
		[]string{a.TrackerID, a.State, a.OrderID, a.Amount, a.IntendedAmount, a.Currency, a.LockingAt.UTC().Format("2006-01-02T15:04:05Z")})
}
