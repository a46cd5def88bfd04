package sandbox_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
)

// sold returns a sandbox with one action of two items, and its clock.
func sold(t *testing.T, config sandbox.Config, more ...string) (setting, *clock) {
	t.Helper()
	c := newClock()
	config.Now = c.now
	s := setup(t, config)
	if more == nil {
		more = twoItems
	}
	s.sell(t, "o-1", more...)
	c.forward(time.Minute)
	return s, c
}

const firstID = "1000.7.100001"

func (s setting) action(t *testing.T) map[string]any {
	t.Helper()
	status, a := s.call(t, http.MethodGet, "Actions/"+firstID, nil)
	require.Equal(t, 200, status)
	return a
}

func TestModifications(t *testing.T) {
	t.Parallel()

	t.Run("quantities are what is left, and amounts follow", func(t *testing.T) {
		t.Parallel()
		s, _ := sold(t, sandbox.Config{})
		require.Empty(t, s.change(t, http.MethodPut, "ActionId", firstID, "Reason", "ORDER_UPDATE", "Sku", "MUG", "Quantity", "1", "Sku2", "HAT", "Quantity2", "0"))
		require.Equal(t, "PENDING 9.00 45.00 0.45", pick(s.action(t), "State", "Amount", "IntendedAmount", "Payout"))
		items, _ := s.list(t, "Actions/"+firstID+"/Items", "")
		require.Equal(t, "1 9.00 2026-11-01T12:31:00Z ORDER_UPDATE", pick(items[0], "Quantity", "SaleAmount", "AdjustmentDate", "AdjustmentReason"))
		require.Equal(t, "0 0.00", pick(items[1], "Quantity", "SaleAmount"))
		updates, _ := s.list(t, "ActionUpdates", "")
		require.Equal(t, "HAT 0 -18.00 ORDER_UPDATE", pick(updates[0], "Sku", "Quantity", "DeltaAmount", "Disposition"))
		require.Equal(t, "MUG 1 -18.00 ORDER_UPDATE", pick(updates[1], "Sku", "Quantity", "DeltaAmount", "Disposition"))
	})

	t.Run("an amount is absolute, a delta is not", func(t *testing.T) {
		t.Parallel()
		s, _ := sold(t, sandbox.Config{})
		for range 2 {
			require.Empty(t, s.change(t, http.MethodPut, "ActionId", firstID, "Reason", "ORDER_UPDATE", "Sku", "MUG", "Quantity", "2", "Amount", "7.50"))
		}
		require.Equal(t, "25.50", pick(s.action(t), "Amount"))
		for range 2 {
			require.Empty(t, s.change(t, http.MethodPut, "ActionId", firstID, "Reason", "ORDER_UPDATE", "Sku", "MUG", "ItemSubTotalDelta", "-1.50"))
		}
		require.Equal(t, "22.50 -1.50", pick(s.action(t), "Amount", "DeltaAmount"))
	})

	t.Run("an order's amount is its new total, and 0 reverses it", func(t *testing.T) {
		t.Parallel()
		s, _ := sold(t, sandbox.Config{})
		require.Empty(t, s.change(t, http.MethodPut, "ActionTrackerId", "7", "OrderId", "o-1", "Reason", "ITEM_RETURNED", "Amount", "10.00", "CustomerStatus", "EXISTING"))
		require.Equal(t, "PENDING 10.00 -35.00 EXISTING", pick(s.action(t), "State", "Amount", "DeltaAmount", "CustomerStatus"))
		require.Empty(t, s.change(t, http.MethodPut, "ActionId", firstID, "Reason", "ITEM_RETURNED", "Amount", "0"))
		require.Equal(t, "REVERSED 0.00 -10.00 0.00", pick(s.action(t), "State", "Amount", "DeltaAmount", "Payout"))
		require.Equal(t, "ACTION_REVERSED", s.change(t, http.MethodPut, "ActionId", firstID, "Reason", "ORDER_UPDATE", "Amount", "5"))
		require.Empty(t, s.change(t, http.MethodPut, "ActionId", firstID, "Reason", "RESET"))
		require.Equal(t, "PENDING 45.00 2.25", pick(s.action(t), "State", "Amount", "Payout"))
	})

	t.Run("an action of 0 is not reversed by an amount of 0", func(t *testing.T) {
		t.Parallel()
		s, _ := sold(t, sandbox.Config{}, "ClickId", "c", "Amount", "0")
		require.Empty(t, s.change(t, http.MethodPut, "ActionId", firstID, "Reason", "ORDER_UPDATE", "Amount", "0"))
		require.Equal(t, "PENDING", pick(s.action(t), "State"))
	})

	t.Run("items that are not there cannot be changed, and none grows", func(t *testing.T) {
		t.Parallel()
		s, _ := sold(t, sandbox.Config{})
		require.Equal(t, "SKU_NOT_FOUND", s.change(t, http.MethodPut, "ActionId", firstID, "Reason", "ORDER_UPDATE", "Sku", "CAP", "Quantity", "0"))
		require.Equal(t, "QUANTITY_INCREASED", s.change(t, http.MethodPut, "ActionId", firstID, "Reason", "ORDER_UPDATE", "Sku", "HAT", "Quantity", "2"))
		require.Equal(t, "ACTION_NOT_FOUND", s.change(t, http.MethodPut, "ActionId", "1", "Reason", "ORDER_UPDATE", "Amount", "1"))
		require.Equal(t, "ACTION_NOT_FOUND", s.change(t, http.MethodDelete, "ActionTrackerId", "8", "OrderId", "o-1", "DispositionCode", "OTHER"))
		require.Equal(t, "45.00 45.00", pick(s.action(t), "Amount", "DeltaAmount"))
	})

	t.Run("a thousand times at most", func(t *testing.T) {
		t.Parallel()
		s, _ := sold(t, sandbox.Config{})
		form := url.Values{"ActionId": {firstID}, "Reason": {"ORDER_UPDATE"}, "CustomerStatus": {"NEW"}}
		for range 999 {
			status, _ := s.call(t, http.MethodPut, "Actions", form)
			require.Equal(t, 200, status)
		}
		require.Empty(t, s.change(t, http.MethodPut, "ActionId", firstID, "Reason", "ORDER_UPDATE", "CustomerStatus", "NEW"))
		require.Equal(t, "MAX_MODIFICATIONS_REACHED", s.change(t, http.MethodPut, "ActionId", firstID, "Reason", "ORDER_UPDATE", "CustomerStatus", "NEW"))
	})

	t.Run("a change waits for its conversion no more than impact.com would", func(t *testing.T) {
		t.Parallel()
		c := newClock()
		s := setup(t, sandbox.Config{Now: c.now, ActionAfter: time.Minute})
		s.sell(t, "o-1", "ClickId", "c")
		require.Equal(t, "ACTION_NOT_FOUND", s.change(t, http.MethodDelete, "ActionTrackerId", "7", "OrderId", "o-1", "DispositionCode", "OTHER"))
		c.forward(time.Hour)
		require.Equal(t, "PENDING", pick(s.action(t), "State"))
	})

	t.Run("an update of an open-ended order approves it", func(t *testing.T) {
		t.Parallel()
		s, _ := sold(t, sandbox.Config{OpenEnded: []string{"7"}})
		require.Equal(t, "PENDING ", pick(s.action(t), "State", "LockingDate"))
		require.Empty(t, s.change(t, http.MethodPut, "ActionId", firstID, "Reason", "ORDER_UPDATE", "Sku", "HAT", "Quantity", "0"))
		require.Equal(t, "PENDING ", pick(s.action(t), "State", "LockingDate"))
		require.Empty(t, s.change(t, http.MethodPut, "ActionId", firstID, "Reason", "ORDER_UPDATE", "Amount", "5"))
		require.Equal(t, "APPROVED 2026-11-01T12:31:00Z", pick(s.action(t), "State", "LockingDate"))
	})
}

func TestReversals(t *testing.T) {
	t.Parallel()

	t.Run("by id, and again", func(t *testing.T) {
		t.Parallel()
		s, _ := sold(t, sandbox.Config{})
		for range 2 {
			require.Empty(t, s.change(t, http.MethodDelete, "ActionId", firstID, "DispositionCode", "ITEM_RETURNED"))
			require.Equal(t, "REVERSED 0.00 45.00", pick(s.action(t), "State", "Amount", "IntendedAmount"))
		}
		updates, _ := s.list(t, "ActionUpdates", "&State=REVERSED")
		require.Len(t, updates, 2)
		require.Equal(t, "ITEM_RETURNED 0.00", pick(updates[0], "Disposition", "DeltaAmount"))
		require.Equal(t, "ITEM_RETURNED -45.00", pick(updates[1], "Disposition", "DeltaAmount"))
	})

	t.Run("the order's key hits the newest action", func(t *testing.T) {
		t.Parallel()
		s, _ := sold(t, sandbox.Config{Attribute: func(impactapi.Params) sandbox.Attribution {
			return sandbox.Attribution{Partner: "1", ReattributeAfter: 30 * time.Second}
		}})
		require.Empty(t, s.change(t, http.MethodDelete, "ActionTrackerId", "7", "OrderId", "o-1", "DispositionCode", "ITEM_RETURNED"))
		updates, _ := s.list(t, "ActionUpdates", "&State=REVERSED")
		require.Equal(t, "1000.7.100002 ITEM_RETURNED", pick(updates[0], "ActionId", "Disposition"))
		require.Equal(t, "1000.7.100001 SYSTEM_REATTRIBUTED_ORDER", pick(updates[1], "ActionId", "Disposition"))
	})

	t.Run("a partner's consent takes its time", func(t *testing.T) {
		t.Parallel()
		for _, consent := range []time.Duration{0, time.Hour} {
			s, c := sold(t, sandbox.Config{ConsentAfter: consent, Attribute: func(impactapi.Params) sandbox.Attribution {
				return sandbox.Attribution{Partner: "1", Consent: true}
			}})
			require.Empty(t, s.change(t, http.MethodDelete, "ActionId", firstID, "DispositionCode", "ITEM_RETURNED"))
			require.Equal(t, "PENDING", pick(s.action(t), "State"))
			c.forward(time.Hour)
			require.Equal(t, map[time.Duration]string{0: "PENDING", time.Hour: "REVERSED"}[consent], pick(s.action(t), "State"))
		}
	})

	t.Run("a POST that names another method is one", func(t *testing.T) {
		t.Parallel()
		s, _ := sold(t, sandbox.Config{})
		status, _ := s.call(t, http.MethodPost, "Actions", url.Values{"_method": {"DELETE"}, "ActionId": {firstID}, "DispositionCode": {"OTHER"}})
		require.Equal(t, 200, status)
		require.Equal(t, "REVERSED", pick(s.action(t), "State"))
		for _, method := range []string{"PATCH", ""} {
			status, _ = s.call(t, http.MethodPost, "Actions", url.Values{"_method": {method}, "ActionId": {firstID}})
			require.Equal(t, 405, status)
		}
		status, _ = s.call(t, http.MethodDelete, "Actions/"+firstID, url.Values{})
		require.Equal(t, 405, status)
	})

	t.Run("what is not documented is refused", func(t *testing.T) {
		t.Parallel()
		s, _ := sold(t, sandbox.Config{Dispositions: []string{"OURS"}})
		for _, c := range []struct{ method, form, field string }{
			{"DELETE", "DispositionCode=OTHER", "ActionId"}, {"DELETE", "OrderId=o-1&DispositionCode=OTHER", "ActionId"},
			{"DELETE", "ActionId=1", "DispositionCode"}, {"DELETE", "ActionId=1&Reason=OTHER", "DispositionCode"},
			{"DELETE", "ActionId=1&DispositionCode=ORDER_UPDATE", "DispositionCode"}, {"DELETE", "ActionId=1&DispositionCode=other", "DispositionCode"},
			{"PUT", "ActionId=1&Amount=1", "Reason"}, {"PUT", "ActionId=1&Reason=SOLD", "Reason"}, {"PUT", "ActionId=1&Reason=OTHER&Amount=-1", "Amount"},
			{"PUT", "ActionId=1&Reason=OTHER&Amount=1e3", "Amount"}, {"PUT", "ActionId=1&Reason=OTHER&Quantity=1", "Sku"},
			{"PUT", "ActionId=1&Reason=OTHER&Sku=A&Quantity=-1", "Quantity"}, {"PUT", "ActionId=1&Reason=OTHER&Sku=A&Quantity=1.5", "Quantity"},
			{"PUT", "ActionId=1&Reason=OTHER&Sku=A&Quantity=1&Quantity2=0", "Sku"},
		} {
			form, err := url.ParseQuery(c.form)
			require.NoError(t, err)
			status, answer := s.call(t, c.method, "Actions", form)
			require.Equal(t, 400, status, c.form)
			require.Equal(t, c.field, answer["Errors"].([]any)[0].(map[string]any)["Field"], c.form)
		}
		require.Empty(t, s.change(t, http.MethodDelete, "ActionId", firstID, "DispositionCode", "OURS"))
	})
}
