package sandbox_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
)

// clock is a time that a test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time          { return c.at }
func (c *clock) forward(d time.Duration) { c.at = c.at.Add(d) }
func (c *clock) around(d time.Duration) string {
	return "&StartDate=" + c.at.Add(-d).Format(time.RFC3339) + "&EndDate=" + c.at.Add(d).Format(time.RFC3339)
}

func newClock() *clock { return &clock{time.Date(2026, 11, 1, 12, 30, 0, 0, time.UTC)} }

// call sends a request of the account and returns status and answer.
func (s setting) call(t *testing.T, method, resource string, form url.Values) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+"/Advertisers/"+sid+"/"+resource, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.SetBasicAuth(sid, token)
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	var answer map[string]any
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	require.NoError(t, d.Decode(&answer), string(text))
	return res.StatusCode, answer
}

// list returns the records of a list call, and its answer.
func (s setting) list(t *testing.T, resource, query string) (records []map[string]any, answer map[string]any) {
	t.Helper()
	status, answer := s.call(t, http.MethodGet, resource+"?CampaignId=1000"+query, nil)
	require.Equal(t, 200, status, answer)
	name, _, _ := strings.Cut(resource, "?")
	if strings.HasSuffix(name, "/Items") {
		name = "ActionItems"
	}
	for _, one := range answer[name].([]any) {
		records = append(records, one.(map[string]any))
	}
	return records, answer
}

// sell reports a conversion.
func (s setting) sell(t *testing.T, order string, more ...string) {
	t.Helper()
	form := conversion(order)
	form = append(form, impactapi.Param{Name: "CurrencyCode", Value: "EUR"})
	for i := 0; i < len(more); i += 2 {
		form = append(form, impactapi.Param{Name: more[i], Value: more[i+1]})
	}
	_, err := s.client.SendConversion(t.Context(), ready(impactapi.NewConversion, form))
	require.NoError(t, err)
}

// change sends a PUT or a DELETE and returns the reasons in its submission.
func (s setting) change(t *testing.T, method string, pairs ...string) string {
	t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	status, answer := s.call(t, method, "Actions", form)
	require.Equal(t, 200, status, answer)
	require.Equal(t, "QUEUED", answer["Status"])
	_, path, _ := strings.Cut(answer["QueuedUri"].(string), sid+"/")
	status, answer = s.call(t, http.MethodGet, path, nil)
	require.Equal(t, 200, status)
	require.Equal(t, "Complete", answer["Status"])
	require.Equal(t, map[string]string{http.MethodPut: "Modification", http.MethodDelete: "Reversal"}[method], answer["Type"])
	reason, _ := answer["ErrorReason"].(string)
	return reason
}

// pick returns some values of a record as one text.
func pick(record map[string]any, names ...string) string {
	var values []string
	for _, name := range names {
		values = append(values, fmt.Sprint(record[name]))
	}
	return strings.Join(values, " ")
}

var twoItems = []string{
	"ClickId", "c", "ItemSku1", "MUG", "ItemQuantity1", "3", "ItemPrice1", "10.00", "ItemSku2", "HAT", "ItemQuantity2", "1", "ItemSubTotal2", "20.00",
	"OrderDiscount", "5.00", "CustomerStatus", "NEW", "OrderPromoCode", "SAVE",
}

func TestActions(t *testing.T) {
	t.Parallel()

	t.Run("a partner's sale becomes an action as documented", func(t *testing.T) {
		t.Parallel()
		c := newClock()
		s := setup(t, sandbox.Config{Now: c.now, SettleAfter: 4 * time.Minute, ActionAfter: 5 * time.Minute})
		s.sell(t, "o-1", twoItems...)
		s.sell(t, "o-2")
		c.forward(8 * time.Minute)
		none, answer := s.list(t, "Actions", "")
		require.Empty(t, none)
		require.Equal(t, "0", answer["@total"])
		c.forward(time.Minute)
		actions, answer := s.list(t, "Actions", "")
		require.Len(t, actions, 1)
		a := actions[0]
		require.Equal(t, "1000.7.100001 1000 7 PENDING o-1 c-1 NEW SAVE", pick(a, "Id", "CampaignId", "ActionTrackerId", "State", "Oid", "CustomerId", "CustomerStatus", "PromoCode"))
		require.Equal(t, "45.00 45.00 45.00 EUR 2.25 2.25 2.25 2.48", pick(a, "Amount", "DeltaAmount", "IntendedAmount", "Currency", "Payout", "DeltaPayout", "IntendedPayout", "ClientCost"))
		require.Equal(t, "2026-11-01T12:00:00Z 2026-11-01T12:39:00Z 2026-11-29T00:00:00Z ", pick(a, "EventDate", "CreationDate", "LockingDate", "ClearedDate"))
		require.NotContains(t, a, "ClickId")
		require.IsType(t, json.Number(""), a["Amount"])
		require.Equal(t, "1 1 20000 1 0 0  ", pick(answer, "@page", "@numpages", "@pagesize", "@total", "@start", "@end", "@nextpageuri", "@previouspageuri"))
		_, same := s.call(t, http.MethodGet, "Actions/1000.7.100001", nil)
		require.Equal(t, a, same)
		items, _ := s.list(t, "Actions/1000.7.100001/Items", "")
		require.Equal(t, "MUG 3 27.00 EUR", pick(items[0], "Sku", "Quantity", "SaleAmount", "SaleAmountCurrency"))
		require.Equal(t, "HAT 1 18.00 EUR", pick(items[1], "Sku", "Quantity", "SaleAmount", "SaleAmountCurrency"))
		_, item := s.call(t, http.MethodGet, "Actions/1000.7.100001/Items/HAT", nil)
		require.Equal(t, items[1], item)
		updates, _ := s.list(t, "ActionUpdates", "")
		require.Len(t, updates, 1)
		require.Equal(t, "1000.7.100001.95000001 1000.7.100001 PENDING IR_BLANK 45.00 ITEM", pick(updates[0], "Id", "ActionId", "State", "Disposition", "DeltaAmount", "PayoutLevel"))
		_, same = s.call(t, http.MethodGet, "ActionUpdates/1000.7.100001.95000001", nil)
		require.Equal(t, updates[0], same)
		for _, path := range []string{"Actions/1", "Actions/1000.7.100001/Items/CAP", "Actions/1000.7.100001/Sums", "ActionUpdates/1000.7.100001.95000009", "ActionUpdates/x"} {
			status, _ := s.call(t, http.MethodGet, path, nil)
			require.Equal(t, 404, status, path)
		}
	})

	t.Run("who gets a sale is decided by what it names, else by a share", func(t *testing.T) {
		t.Parallel()
		s := setup(t, sandbox.Config{PartnerShare: 0.4, NumbersAsText: true})
		s.sell(t, "named", "MediaId", "77")
		s.sell(t, "clicked", "ClickId", "c")
		for i := range 200 {
			s.sell(t, fmt.Sprint("o-", i))
		}
		actions, _ := s.list(t, "Actions", "")
		require.InDelta(t, 82, len(actions), 20)
		require.Equal(t, "named 77", pick(actions[len(actions)-1], "Oid", "MediaPartnerId"))
		require.IsType(t, "", actions[0]["Amount"])
	})

	t.Run("the hook decides alone", func(t *testing.T) {
		t.Parallel()
		c := newClock()
		s := setup(t, sandbox.Config{Now: c.now, Attribute: func(form impactapi.Params) sandbox.Attribution {
			order, _ := form.Get("OrderId")
			switch order {
			case "refused":
				return sandbox.Attribution{Reasons: "CONTRACT_NOT_FOUND RESTRICTED_PROMOCODE"}
			case "twice":
				return sandbox.Attribution{Partner: "1", Twice: true}
			case "moved":
				return sandbox.Attribution{Partner: "1", ReattributeAfter: time.Hour}
			case "wrong":
				return sandbox.Attribution{Partner: "1", Amount: "12.34"}
			}
			return sandbox.Attribution{}
		}})
		for _, order := range []string{"refused", "twice", "moved", "wrong", "nobody's"} {
			s.sell(t, order, "Amount", "10.00", "ClickId", "c")
		}
		c.forward(2 * time.Hour)
		actions, _ := s.list(t, "Actions", "")
		var got []string
		for _, a := range actions {
			got = append(got, pick(a, "Oid", "State", "MediaPartnerId", "Amount", "IntendedAmount"))
		}
		require.Equal(t, []string{
			"moved PENDING 11 10.00 10.00", "wrong PENDING 1 12.34 12.34", "moved REVERSED 1 0.00 10.00", "twice PENDING 1 10.00 10.00", "twice PENDING 1 10.00 10.00",
		}, got)
	})

	t.Run("amounts are in the account's currency where there is a rate", func(t *testing.T) {
		t.Parallel()
		s := setup(t, sandbox.Config{Currency: "JPY", Rates: map[string]string{"EUR": "162.5"}})
		s.sell(t, "o-1", "ClickId", "c", "Amount", "10.01")
		actions, _ := s.list(t, "Actions", "")
		require.Equal(t, "JPY 1627.00 81.00", pick(actions[0], "Currency", "Amount", "Payout"))
		_, err := sandbox.New(sandbox.Config{Rates: map[string]string{"EUR": "0"}})
		require.ErrorContains(t, err, "Rates")
	})

	t.Run("the clock approves", func(t *testing.T) {
		t.Parallel()
		c := newClock()
		s := setup(t, sandbox.Config{Now: c.now, LockAfter: 2 * time.Hour})
		s.sell(t, "o-1", "ClickId", "c")
		c.forward(89 * time.Minute)
		actions, _ := s.list(t, "Actions", "&State=PENDING")
		require.Len(t, actions, 1)
		require.Equal(t, "2026-11-01T14:00:00Z", actions[0]["LockingDate"])
		c.forward(time.Minute)
		actions, _ = s.list(t, "Actions", "&State=APPROVED")
		require.Len(t, actions, 1)
		require.Equal(t, "ACTION_LOCKED", s.change(t, http.MethodDelete, "ActionId", "1000.7.100001", "DispositionCode", "OTHER"))
		updates, _ := s.list(t, "ActionUpdates", "")
		require.Len(t, updates, 1, "approval by the clock is no update")
	})

	t.Run("an event that is reported late gets the date of the report", func(t *testing.T) {
		t.Parallel()
		c := newClock()
		s := setup(t, sandbox.Config{Now: c.now, LateAfter: 20 * time.Minute})
		s.sell(t, "o-1", "ClickId", "c")
		actions, _ := s.list(t, "Actions", "")
		require.Equal(t, "2026-11-01T12:30:00Z", actions[0]["EventDate"])
	})

	t.Run("scopes", func(t *testing.T) {
		t.Parallel()
		s := setup(t, sandbox.Config{Forbidden: []string{"Actions"}})
		status, answer := s.call(t, http.MethodGet, "Actions?CampaignId=1000", nil)
		require.Equal(t, 403, status)
		require.Equal(t, "Access Denied", answer["title"])
		status, _ = s.call(t, http.MethodGet, "ActionUpdates?CampaignId=1000", nil)
		require.Equal(t, 200, status)
		status, _ = s.call(t, http.MethodPost, "Actions", url.Values{"ActionId": {"1"}})
		require.Equal(t, 403, status)
	})
}

func TestListing(t *testing.T) {
	t.Parallel()

	t.Run("each pair of dates filters what it names", func(t *testing.T) {
		t.Parallel()
		c := newClock()
		s := setup(t, sandbox.Config{Now: c.now})
		s.sell(t, "o-1", "ClickId", "c")
		c.forward(8 * 24 * time.Hour)
		s.sell(t, "o-2", "ClickId", "c")
		for query, want := range map[string]string{
			"": "o-2", c.around(9 * 24 * time.Hour): "o-2 o-1", c.around(24 * time.Hour): "o-2",
			"&ActionDateStart=2026-11-01T12:00:00Z&ActionDateEnd=2026-11-01T12:00:00Z":               "o-2 o-1",
			"&ActionDateStart=2026-11-01T12:00:01Z&ActionDateEnd=2026-11-02T12:00:00Z":               "",
			"&LockingDateStart=2026-11-29T00:00:00%2B00:00&LockingDateEnd=2026-11-30T12:00:00Z":      "o-2 o-1",
			"&LockingDateStart=2026-11-29T01:00:00%2B01:00&LockingDateEnd=2026-11-29T00:00:00Z":      "o-2 o-1",
			"&LockingDateStart=2026-11-30T00:00:00Z&LockingDateEnd=2026-12-30T00:00:00Z":             "",
			"&State=REVERSED" + c.around(9*24*time.Hour):                                             "",
			"&ActionDateStart=2026-11-01T12:00:00Z&ActionDateEnd=2026-11-01T12:00:00Z" + c.around(1): "o-2",
		} {
			for _, resource := range []string{"Actions", "ActionUpdates"} {
				records, _ := s.list(t, resource, query)
				var orders []string
				for _, r := range records {
					orders = append(orders, r["Oid"].(string))
				}
				require.Equal(t, want, strings.Join(orders, " "), resource+query)
			}
		}
	})

	t.Run("what the documents forbid is refused", func(t *testing.T) {
		t.Parallel()
		c := newClock()
		s := setup(t, sandbox.Config{Now: c.now})
		for query, field := range map[string]string{
			"": "CampaignId", "CampaignId=x": "CampaignId", "CampaignId=1&State=LOCKED": "State",
			"CampaignId=1&StartDate=2026-11-01T00:00:00Z":                                            "StartDate",
			"CampaignId=1&EndDate=2026-11-01T00:00:00Z":                                              "StartDate",
			"CampaignId=1&ActionDateEnd=2026-11-01T00:00:00Z":                                        "ActionDateStart",
			"CampaignId=1&StartDate=2026-11-01&EndDate=2026-11-02":                                   "StartDate",
			"CampaignId=1&StartDate=2026-11-01T00:00:00+01:00&EndDate=2026-11-01T12:00:00Z":          "StartDate",
			"CampaignId=1&StartDate=2026-11-02T00:00:00Z&EndDate=2026-11-01T00:00:00Z":               "EndDate",
			"CampaignId=1&StartDate=2026-09-01T00:00:00Z&EndDate=2026-10-16T00:00:01Z":               "EndDate",
			"CampaignId=1&LockingDateStart=2026-09-01T00:00:00Z&LockingDateEnd=2026-10-16T00:00:01Z": "LockingDateEnd",
			"CampaignId=1&StartDate=2023-11-01T00:00:00Z&EndDate=2023-11-02T00:00:00Z":               "StartDate",
			"CampaignId=1&PageSize=1999":                                                             "PageSize", "CampaignId=1&PageSize=20001": "PageSize", "CampaignId=1&Page=0": "Page", "CampaignId=1&Page=x": "Page",
		} {
			for _, resource := range []string{"Actions?", "ActionUpdates?"} {
				status, answer := s.call(t, http.MethodGet, resource+query, nil)
				require.Equal(t, 400, status, query)
				require.Equal(t, "ERROR Validation Failed", pick(answer, "Status", "Message"))
				require.Equal(t, field, answer["Errors"].([]any)[0].(map[string]any)["Field"], query)
			}
		}
		_, _ = s.list(t, "Actions", "&StartDate=2026-09-01T00:00:00Z&EndDate=2026-10-16T00:00:00Z&PageSize=2000&Page=7")
	})

	t.Run("pages, newest first, at most ten", func(t *testing.T) {
		t.Parallel()
		c := newClock()
		s := setup(t, sandbox.Config{Now: c.now, PageSize: 3})
		for i := range 30 {
			s.sell(t, fmt.Sprint("o-", i), "ClickId", "c")
			c.forward(time.Second)
		}
		var orders []string
		next := "Actions?CampaignId=1000&PageSize=2000"
		for next != "" {
			status, answer := s.call(t, http.MethodGet, next, nil)
			require.Equal(t, 200, status)
			require.Equal(t, "10 3 30", pick(answer, "@numpages", "@pagesize", "@total"))
			for _, one := range answer["Actions"].([]any) {
				orders = append(orders, one.(map[string]any)["Oid"].(string))
			}
			_, next, _ = strings.Cut(answer["@nextpageuri"].(string), sid+"/")
		}
		require.Len(t, orders, 30)
		require.Equal(t, "o-29", orders[0])
		require.Equal(t, "o-0", orders[29])
		beyond, _ := s.list(t, "Actions", "&Page=11")
		require.Empty(t, beyond)
		s.sell(t, "one too many", "ClickId", "c")
		status, answer := s.call(t, http.MethodGet, "Actions?CampaignId=1000", nil)
		require.Equal(t, 400, status)
		require.Contains(t, fmt.Sprint(answer["Errors"]), "More than 10 pages")
	})
}
