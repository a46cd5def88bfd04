package impactapi

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sample is an action as impact.com's documents show it, with strings for numbers.
const sample = `{"Id":"77.310.9001","CampaignId":77,"ActionTrackerId":310,"ActionTrackerName":"Sale","EventCode":"","MediaPartnerId":"42","State":"PENDING",
	"Oid":"SHOP-1001","Amount":80.00,"DeltaAmount":-20.00,"IntendedAmount":"100.00","Currency":"EUR","Payout":4.1,"ClientCost":"4.40",
	"EventDate":"2026-03-01T09:30:00+01:00","CreationDate":"2026-03-01T09:41:00+01:00","LockingDate":"2026-04-16T00:00:00+02:00","ClearedDate":"",
	"CustomerId":"u-1","Note":null,"Extra":{"a":[1,2]}}`

func TestActions(t *testing.T) {
	t.Parallel()
	window := Window{CampaignID: "77", From: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)}
	read := func(t *testing.T, w Window, answer http.HandlerFunc) (all []Action, p *Page, err error) {
		t.Helper()
		p, err = served(t, answer).Actions(t.Context(), w, func(a *Action) error {
			all = append(all, *a)
			return nil
		})
		return all, p, err
	}
	head := `{"@page":"1","@numpages":"3","@pagesize":"2000","@total":"4321","@nextpageuri":"/x","Actions":`

	t.Run("one as documented", func(t *testing.T) {
		t.Parallel()
		all, p, err := read(t, window, func(w http.ResponseWriter, r *http.Request) {
			user, token, _ := r.BasicAuth()
			if r.Method != http.MethodGet || r.URL.Path != "/Advertisers/"+testSID+"/Actions" || user != testSID || token != testToken ||
				r.URL.RawQuery != "CampaignId=77&EndDate=2026-04-01T00%3A00%3A00Z&Page=1&PageSize=20000&StartDate=2026-03-01T00%3A00%3A00Z" {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			answerWith(200, head+"["+sample+"]}")(w, r)
		})
		require.NoError(t, err)
		require.Equal(t, &Page{Rows: 1, Pages: 3, Total: 4321, Attempts: 1}, p)
		zone := time.FixedZone("", 3600)
		want := Action{
			ID: "77.310.9001", TrackerID: "310", TrackerName: "Sale", PartnerID: "42", State: Pending, OrderID: "SHOP-1001", Amount: "80.00", IntendedAmount: "100.00",
			Currency: "EUR", Payout: "4.1", ClientCost: "4.40", EventAt: time.Date(2026, 3, 1, 9, 30, 0, 0, zone), CreatedAt: time.Date(2026, 3, 1, 9, 41, 0, 0, zone),
			LockingAt: time.Date(2026, 4, 16, 0, 0, 0, 0, time.FixedZone("", 7200)),
		}
		require.Len(t, all, 1)
		for i, at := range []*time.Time{&all[0].EventAt, &all[0].CreatedAt, &all[0].LockingAt} {
			require.True(t, []time.Time{want.EventAt, want.CreatedAt, want.LockingAt}[i].Equal(*at))
			*at = time.Time{}
		}
		want.EventAt, want.CreatedAt, want.LockingAt = time.Time{}, time.Time{}, time.Time{}
		require.Equal(t, want, all[0])
	})

	t.Run("which page is the last", func(t *testing.T) {
		t.Parallel()
		for body, want := range map[string]bool{
			`{"Actions":[{"Id":1}],"@numpages":"2"}`:                    false,
			`{"Actions":[{"Id":1}],"@numpages":2}`:                      false,
			`{"Actions":[{"Id":1}],"@numpages":"1"}`:                    true,
			`{"actions":[],"@numpages":"7"}`:                            true,
			`{"Actions":null}`:                                          true,
			`{"Actions":[{"Id":1}],"@nextpageuri":""}`:                  true,
			`{"Actions":[{"Id":1}],"@nextpageuri":"/n"}`:                false,
			`{"Actions":[{"Id":1}],"@pagesize":"1","@total":"unknown"}`: true, // fewer than were asked for
		} {
			_, p, err := read(t, Window{CampaignID: "1", PageSize: 2000}, answerWith(200, body))
			require.NoError(t, err, body)
			require.Equal(t, want, p.Last, body)
		}
	})

	t.Run("what breaks off is an error after the rows that came", func(t *testing.T) {
		t.Parallel()
		all, _, err := read(t, window, answerWith(200, head+"["+sample+","+sample[:100]))
		require.Len(t, all, 1)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.True(t, Unclear(err))
		require.ErrorContains(t, err, "the list could not be read to its end")
	})

	t.Run("another answer of 200", func(t *testing.T) {
		t.Parallel()
		for body, text := range map[string]string{
			`{"Status":"OK"}`: "the answer has no list of actions",
			`<html>`:          "invalid character '<'",
			`[]`:              "it begins with [",
			``:                "unexpected EOF",
			`{"Actions":"x"}`: "a list begins with x",
		} {
			_, _, err := read(t, window, answerWith(200, body))
			require.ErrorContains(t, err, text, body)
			require.False(t, TooMany(err))
		}
	})

	t.Run("too many rows", func(t *testing.T) {
		t.Parallel()
		_, _, err := read(t, window, answerWith(400, `{"Status":"ERROR","Message":"Too many records, narrow the date range"}`))
		require.True(t, TooMany(err))
		require.ErrorContains(t, err, "narrow the date range")
		_, _, err = read(t, window, answerWith(403, `{"status":403,"title":"Access Denied"}`))
		require.False(t, TooMany(err))
	})

	t.Run("an error of the caller ends it", func(t *testing.T) {
		t.Parallel()
		full := errors.New("disk full")
		_, err := served(t, answerWith(200, head+"["+sample+"]}")).Actions(t.Context(), window, func(*Action) error { return full })
		require.ErrorIs(t, err, full)
	})
}

// Somebody else may send an address as the order's id: each stays one of its own.
func TestAddressesInIds(t *testing.T) {
	t.Parallel()
	require.Equal(t, "SHOP@1", idOf("SHOP@1"))
	one, two := idOf("X ann@x.example"), idOf("X ben@x.example")
	require.NotContains(t, one+two, "@")
	require.NotEqual(t, one, two)
	require.Equal(t, idOf("ann@x.example"), idOf(" Ann@x.example"))
}

func TestNumbersOfActions(t *testing.T) {
	t.Parallel()
	for in, want := range map[text]string{"80.00": "80.00", "1.2e2": "120.000000000", "-5E-1": "-0.500000000", "1e999999999": "1e999999999", "": "", "n/a": "n/a", "e": "e"} {
		require.Equal(t, want, in.decimal())
	}
	for in, want := range map[text]string{
		"2026-03-01T09:30:00+01:00": "2026-03-01T08:30:00Z", "2026-03-01T09:30:00.123Z": "2026-03-01T09:30:00.123Z", "2026-03-01T09:30:00": "2026-03-01T09:30:00Z",
		"2026-03-01": "2026-03-01T00:00:00Z", "soon": "0001-01-01T00:00:00Z", "": "0001-01-01T00:00:00Z",
	} {
		require.Equal(t, want, in.time().UTC().Format(time.RFC3339Nano))
	}
}

func TestActionUpdates(t *testing.T) {
	t.Parallel()
	c := served(t, answerWith(200, `{"@total":"1","ActionUpdates":[{"Id":"77.310.9001.2","ActionId":"77.310.9001","State":"REVERSED","Disposition":"ITEM_RETURNED",
		"DeltaAmount":"-80","Currency":"EUR","Sku":"A","Quantity":0,"UpdateDate":"2026-03-02T00:00:00Z","CustomerId":"u"}]}`))
	var all []ActionUpdate
	_, err := c.ActionUpdates(t.Context(), Window{CampaignID: "77"}, func(u *ActionUpdate) error {
		all = append(all, *u)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []ActionUpdate{{
		ID: "77.310.9001.2", ActionID: "77.310.9001", State: Reversed, Disposition: "ITEM_RETURNED", DeltaAmount: "-80", Currency: "EUR", Sku: "A", Quantity: "0",
		UpdatedAt: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
	}}, all)
}
