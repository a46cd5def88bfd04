package sync_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/mapping"
)

// refunding is a world in which every order has a partner, and refunds are sent.
func refunding(t *testing.T, mode state.RefundMode, c sandbox.Config) *world {
	t.Helper()
	if c.Attribute == nil {
		c.Attribute = func(impactapi.Params) sandbox.Attribution { return sandbox.Attribution{Partner: "42"} }
	}
	w := setup(t, c)
	w.mapping.EventTypeID = "310"
	w.mapping.Refunds = &mapping.RefundSettings{}
	w.change = func(c *impactsync.Config) {
		c.Refunds = &impactsync.Refunds{
			RefundRules: state.RefundRules{Mode: mode, Wait: 48 * time.Hour, Margin: 24 * time.Hour, Fingerprint: string(mode)}, CampaignID: "23224", Code: "ITEM_RETURNED",
		}
		c.FirstRetry = time.Millisecond
	}
	return w
}

// sold and refunded are messages, some minutes before now.
func sold(id string, minutes int) string {
	return track("Order Completed", "s-"+id, minutes, `"order_id":"`+id+`","total":30,"tax":3,"shipping":2,"currency":"USD","products":[{"sku":"A","category":"c","price":19,"quantity":1},{"sku":"B","price":3,"quantity":2}]`)
}

func refunded(message, id string, minutes int, more string) string {
	if more != "" {
		more = "," + more
	}
	return track("Order Refunded", message, minutes, `"order_id":"`+id+`"`+more)
}

func track(event, message string, minutes int, properties string) string {
	at := time.Now().Add(-time.Duration(minutes) * time.Minute).UTC().Format(time.RFC3339Nano)
	return fmt.Sprintf(`{"type":"track","event":%q,"messageId":%q,"userId":"u-%s","timestamp":%q,"properties":{%s}}`, event, message, message, at, properties)
}

// changes are the PUTs and DELETEs that impact.com took.
func (w *world) changes() (all []string) {
	for _, c := range w.sandbox.Calls() {
		if c.Method != http.MethodPut && c.Method != http.MethodDelete {
			continue
		}
		line := c.Method
		for _, p := range c.Form {
			if p.Name != "ActionId" {
				line += " " + p.Name + "=" + p.Value
			}
		}
		all = append(all, line)
	}
	return all
}

// refunds are what became of orders: "order status class wanted told".
func (w *world) refunds() (all []string) {
	w.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(w.dir, "state.db")+"?mode=ro")
	require.NoError(w.t, err)
	defer db.Close()
	rows, err := db.QueryContext(context.Background(), `SELECT order_id || ' ' || status || coalesce(' ' || class, '') || ', ' || wanted || ', told ' || told FROM order_refunds ORDER BY order_id`)
	require.NoError(w.t, err)
	defer rows.Close()
	for rows.Next() {
		var line string
		require.NoError(w.t, rows.Scan(&line))
		all = append(all, line)
	}
	require.NoError(w.t, rows.Err())
	return all
}

func (w *world) mustRun() impactsync.Report {
	w.t.Helper()
	r, err := w.run(impactsync.Options{})
	require.NoError(w.t, err)
	return r
}

func (w *world) mustRunLater(ahead time.Duration) {
	w.t.Helper()
	_, err := w.later(ahead, impactsync.Options{})
	require.NoError(w.t, err)
}

func TestRefunds(t *testing.T) {
	t.Parallel()

	t.Run("a whole order is reversed once, by its action", func(t *testing.T) {
		t.Parallel()
		w := refunding(t, state.RefundReverse, sandbox.Config{})
		w.log("a.ndjson", sold("o1", 30), sold("o2", 30))
		w.mustRun()
		w.log("b.ndjson", refunded("r1", "o1", 20, ""), refunded("r1", "o1", 20, ""))
		r := w.mustRun()
		require.Equal(t, impactsync.ExitOK, r.ExitCode, "%+v", r)
		require.Equal(t, []string{"DELETE DispositionCode=ITEM_RETURNED"}, w.changes())
		require.Equal(t, []string{"o1 waiting shown, reversed, told reversed"}, w.refunds())
		w.log("c.ndjson", refunded("r2", "o1", 10, ""))
		w.mustRunLater(time.Hour)
		w.mustRunLater(2 * time.Hour)
		require.Len(t, w.changes(), 1)
		require.Equal(t, []string{"o1 done, reversed, told reversed"}, w.refunds())
	})

	t.Run("items are sent as what is left of them", func(t *testing.T) {
		t.Parallel()
		w := refunding(t, state.RefundItems, sandbox.Config{})
		w.log("a.ndjson", sold("o1", 30))
		w.mustRun()
		w.log("b.ndjson", refunded("r1", "o1", 20, `"products":[{"sku":"B","quantity":1}]`))
		w.mustRun()
		require.Equal(t, []string{"PUT Reason=ORDER_UPDATE Sku=B Quantity=1"}, w.changes())
		w.log("c.ndjson", refunded("r2", "o1", 10, `"products":[{"sku":"A","quantity":1}]`))
		w.mustRun()
		require.Len(t, w.changes(), 1, "the first is not certain yet")
		w.mustRunLater(time.Hour)
		w.mustRunLater(time.Hour)
		require.Equal(t, []string{"PUT Reason=ORDER_UPDATE Sku=A Quantity=0 Category=c"}, w.changes()[1:])
		w.log("d.ndjson", refunded("r3", "o1", 5, `"products":[{"sku":"B","quantity":1}]`))
		w.mustRunLater(2 * time.Hour)
		w.mustRunLater(3 * time.Hour)
		require.Equal(t, []string{"DELETE DispositionCode=ITEM_RETURNED"}, w.changes()[2:], "nothing is left")
		w.mustRunLater(4 * time.Hour)
		require.Equal(t, []string{"o1 done, reversed, told reversed"}, w.refunds())
	})

	t.Run("an order that was not sent yet is sent with what is left, or not at all", func(t *testing.T) {
		t.Parallel()
		w := refunding(t, state.RefundItems, sandbox.Config{})
		w.log("a.ndjson", sold("o1", 30), sold("o2", 30), refunded("r1", "o1", 20, ""), refunded("r2", "o2", 20, `"products":[{"sku":"B","quantity":2}]`))
		w.mustRun()
		calls := w.sandbox.Calls()
		require.Len(t, calls, 1)
		id, _ := calls[0].Form.Get("OrderId")
		sku, _ := calls[0].Form.Get("ItemSku1")
		require.Equal(t, "o2 A", id+" "+sku)
		w.mustRun()
		w.mustRun()
		require.Empty(t, w.changes())
		require.Equal(t, []string{"o1 superseded, reversed, told as sold", "o2 carried, reduced, told reduced"}, w.refunds())
	})

	t.Run("an action of another event type is not the order's", func(t *testing.T) {
		t.Parallel()
		w := refunding(t, state.RefundReverse, sandbox.Config{Attribute: func(impactapi.Params) sandbox.Attribution { return sandbox.Attribution{} }})
		w.log("a.ndjson", sold("o1", 30))
		w.mustRun()
		require.NoError(t, w.sandbox.Book(sandbox.Action{CampaignID: "23224", EventTypeID: "311", OrderID: "o1", Partner: "42", Amount: "25.00", Currency: "USD"}))
		w.log("b.ndjson", refunded("r1", "o1", 20, ""))
		w.mustRun()
		require.Empty(t, w.changes())
		require.Equal(t, []string{"o1 waiting action, reversed, told as sold"}, w.refunds())
	})

	t.Run("nothing is sent by default", func(t *testing.T) {
		t.Parallel()
		w := refunding(t, state.RefundReport, sandbox.Config{})
		w.log("a.ndjson", sold("o1", 30), refunded("r1", "o1", 20, ""))
		w.mustRun()
		w.mustRun()
		require.Len(t, w.sandbox.Calls(), 1, "the conversion")
		require.Equal(t, []string{"o1 reported mode, reversed, told as sold"}, w.refunds())
	})

	t.Run("an order without a partner needs no reversal", func(t *testing.T) {
		t.Parallel()
		w := refunding(t, state.RefundReverse, sandbox.Config{Attribute: func(impactapi.Params) sandbox.Attribution { return sandbox.Attribution{} }})
		w.log("a.ndjson", sold("o1", 30))
		w.mustRun()
		w.log("b.ndjson", refunded("r1", "o1", 20, ""))
		w.mustRun()
		require.Equal(t, []string{"o1 waiting action, reversed, told as sold"}, w.refunds())
		w.mustRunLater(50 * time.Hour)
		require.Equal(t, []string{"o1 no_action, reversed, told as sold"}, w.refunds())
		require.Empty(t, w.changes())
	})

	t.Run("what cannot be acted on is reported", func(t *testing.T) {
		t.Parallel()
		w := refunding(t, state.RefundItems, sandbox.Config{LockAfter: time.Hour, OpenEnded: []string{"311"}})
		w.mapping.EventTypeIDs = map[string]string{"Order Complete": "311"}
		w.log("a.ndjson", sold("locked", 30), sold("part", 30), sold("unclear", 30), strings.Replace(sold("open", 30), "Order Completed", "Order Complete", 1))
		w.mustRun()
		w.log("b.ndjson", refunded("r1", "locked", 20, ""), refunded("r2", "part", 20, `"total":3`), refunded("r3", "unclear", 20, `"refund_amount":3`), refunded("r4", "open", 20, ""))
		w.mustRun()
		require.Empty(t, w.changes())
		require.Equal(t, []string{
			"locked reported locked, reversed, told as sold", "open reported open_ended, reversed, told as sold",
			"part reported unclear, as sold, told as sold", "unclear reported unclear, as sold, told as sold",
		}, w.refunds())
		gets := len(w.sandbox.Calls())
		w.mustRunLater(24 * time.Hour)
		require.Len(t, w.sandbox.Calls(), gets, "it is not tried again and again")
	})

	t.Run("the guard holds what is too much", func(t *testing.T) {
		t.Parallel()
		w := refunding(t, state.RefundReverse, sandbox.Config{})
		change := w.change
		w.change = func(c *impactsync.Config) {
			change(c)
			c.Guards.Reversals.Count = &state.Limit{Percent: 300, AtLeast: 2}
		}
		w.log("a.ndjson", sold("o1", 30), sold("o2", 30), sold("o3", 30))
		w.mustRun()
		w.log("b.ndjson", refunded("r1", "o1", 20, ""), refunded("r2", "o2", 20, ""), refunded("r3", "o3", 20, ""))
		r := w.mustRun()
		require.Equal(t, impactsync.ExitHeld, r.ExitCode, "%+v", r)
		require.Empty(t, w.changes())
		db := w.open()
		s, err := db.Status(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, "approve --reversals 3", s.Held[0].Command)
		require.Equal(t, "3 orders would be taken back within 24 hours, 0 a day on average: more than 300 % and at least 2", s.Held[0].Reason)
		require.Equal(t, []string{"o1 25.00 USD", "o2 25.00 USD", "o3 25.00 USD"}, s.Held[0].Sample)
		got, err := db.Approve(t.Context(), state.Approval{Direction: state.Reversals, Most: 2})
		require.NoError(t, err)
		require.EqualValues(t, 2, got.Granted)
		require.NoError(t, db.Close())
		w.mustRun()
		require.Len(t, w.changes(), 2)
	})

	t.Run("a lost answer is looked up before anything is repeated", func(t *testing.T) {
		t.Parallel()
		lost := 0
		w := refunding(t, state.RefundReverse, sandbox.Config{Fault: func(r *http.Request, _ impactapi.Params) sandbox.Fault {
			if r.Method == http.MethodDelete {
				if lost++; lost == 1 {
					return sandbox.Fault{Drop: sandbox.DropAfter}
				}
			}
			return sandbox.Fault{}
		}})
		w.log("a.ndjson", sold("o1", 30))
		w.mustRun()
		w.log("b.ndjson", refunded("r1", "o1", 20, ""))
		w.mustRun()
		require.Equal(t, []string{"o1 unknown shown, reversed, told as sold"}, w.refunds())
		w.mustRunLater(time.Hour)
		require.Equal(t, []string{"o1 done, reversed, told reversed"}, w.refunds())
		require.Len(t, w.changes(), 1)
	})

	t.Run("a request that did not arrive is repeated once that is certain", func(t *testing.T) {
		t.Parallel()
		lost := 0
		w := refunding(t, state.RefundReverse, sandbox.Config{Fault: func(r *http.Request, _ impactapi.Params) sandbox.Fault {
			if r.Method == http.MethodDelete {
				if lost++; lost == 1 {
					return sandbox.Fault{Drop: sandbox.DropBefore}
				}
			}
			return sandbox.Fault{}
		}})
		w.log("a.ndjson", sold("o1", 30))
		w.mustRun()
		w.log("b.ndjson", refunded("r1", "o1", 20, ""))
		w.mustRun()
		w.mustRunLater(12 * time.Hour)
		require.Empty(t, w.changes())
		w.mustRunLater(50 * time.Hour)
		require.Len(t, w.changes(), 1)
	})

	t.Run("a partner who does not consent is reported, until the actions show that he did", func(t *testing.T) {
		t.Parallel()
		var ahead atomic.Int64
		w := refunding(t, state.RefundItems, sandbox.Config{
			Attribute:    func(impactapi.Params) sandbox.Attribution { return sandbox.Attribution{Partner: "42", Consent: true} },
			ConsentAfter: 70 * time.Hour, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
		})
		w.log("a.ndjson", sold("o1", 30), sold("o2", 30))
		w.mustRun()
		w.log("b.ndjson", refunded("r1", "o1", 20, ""), refunded("r2", "o2", 20, `"products":[{"sku":"B","quantity":1}]`))
		w.mustRun()
		w.mustRunLater(50 * time.Hour)
		w.mustRunLater(60 * time.Hour)
		require.Equal(t, []string{"o1 reported not_shown, reversed, told as sold", "o2 reported not_shown, reduced, told as sold"}, w.refunds())
		ahead.Store(int64(80 * time.Hour))
		change := w.change
		w.change = func(c *impactsync.Config) {
			change(c)
			c.Orders = impactsync.Reconcile{Campaign: "23224", Every: time.Hour, Window: 45 * 24 * time.Hour}
		}
		r, err := w.later(81*time.Hour, impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, []string{"o1 done, reversed, told reversed", "o2 done, reduced, told reduced"}, w.refunds())
		require.Equal(t, map[string]int64{"reversed": 1, "matched": 1}, r.Reconciled.Orders)
		require.Len(t, w.changes(), 2)
	})

	t.Run("what a person reversed at impact.com is no longer reported", func(t *testing.T) {
		t.Parallel()
		w := refunding(t, state.RefundReport, sandbox.Config{})
		change := w.change
		w.change = func(c *impactsync.Config) {
			change(c)
			c.Orders = impactsync.Reconcile{Campaign: "23224", Every: time.Nanosecond, Window: 45 * 24 * time.Hour}
		}
		w.log("a.ndjson", sold("o1", 30), sold("o2", 30))
		w.log("b.ndjson", refunded("r1", "o1", 20, ""), refunded("r2", "o2", 20, ""))
		w.mustRun()
		require.Equal(t, []string{"o1 reported mode, reversed, told as sold", "o2 reported mode, reversed, told as sold"}, w.refunds())
		db := w.open()
		for _, a := range w.sandbox.Actions() {
			if a.OrderID == "o1" {
				_, err := w.engine(db).Client.ReverseAction(t.Context(), a.ID, "ITEM_RETURNED")
				require.NoError(t, err)
			}
		}
		require.NoError(t, db.Close())
		w.mustRun()
		require.Equal(t, []string{"o1 done, reversed, told as sold", "o2 reported mode, reversed, told as sold"}, w.refunds())
		w.mustRun()
		require.Equal(t, []string{"o1 done, reversed, told as sold", "o2 reported mode, reversed, told as sold"}, w.refunds())
	})

	t.Run("a re-attributed order is left to a person", func(t *testing.T) {
		t.Parallel()
		w := refunding(t, state.RefundReverse, sandbox.Config{Attribute: func(impactapi.Params) sandbox.Attribution {
			return sandbox.Attribution{Partner: "42", ReattributeAfter: time.Millisecond}
		}})
		w.log("a.ndjson", sold("o1", 30))
		w.mustRun()
		time.Sleep(20 * time.Millisecond)
		w.log("b.ndjson", refunded("r1", "o1", 20, ""))
		w.mustRun()
		require.Equal(t, []string{"o1 reported reattributed, reversed, told as sold"}, w.refunds())
		require.Empty(t, w.changes())
	})

	t.Run("several live actions of one order are left to a person", func(t *testing.T) {
		t.Parallel()
		w := refunding(t, state.RefundReverse, sandbox.Config{Attribute: func(impactapi.Params) sandbox.Attribution { return sandbox.Attribution{Partner: "42", Twice: true} }})
		w.log("a.ndjson", sold("o1", 30))
		w.mustRun()
		w.log("b.ndjson", refunded("r1", "o1", 20, ""))
		w.mustRun()
		require.Equal(t, []string{"o1 reported several, reversed, told as sold"}, w.refunds())
		require.Empty(t, w.changes())
	})

	t.Run("items are not changed in another currency, the whole order is reversed", func(t *testing.T) {
		t.Parallel()
		w := refunding(t, state.RefundItems, sandbox.Config{Currency: "EUR", Rates: map[string]string{"USD": "0.9"}})
		w.log("a.ndjson", sold("o1", 30), sold("o2", 30))
		w.mustRun()
		w.log("b.ndjson", refunded("r1", "o1", 20, `"products":[{"sku":"B","quantity":1}]`), refunded("r2", "o2", 20, ""))
		w.mustRun()
		require.Equal(t, []string{"DELETE DispositionCode=ITEM_RETURNED"}, w.changes())
		require.Equal(t, []string{"o1 reported currency, reduced, told as sold", "o2 waiting shown, reversed, told reversed"}, w.refunds())
	})

	t.Run("what was read before is read again when its meaning is configured", func(t *testing.T) {
		t.Parallel()
		w := refunding(t, state.RefundReverse, sandbox.Config{})
		w.log("a.ndjson", sold("o1", 30))
		w.mustRun()
		w.log("b.ndjson", refunded("r1", "o1", 20, `"refund_amount":30`))
		w.mustRun()
		require.Equal(t, []string{"o1 reported unclear, as sold, told as sold"}, w.refunds())
		w.mapping.Refunds = &mapping.RefundSettings{Meanings: []mapping.Meaning{{Amount: mapping.MeansField, Field: "properties.refund_amount"}}}
		w.mustRun()
		require.Len(t, w.changes(), 1)
	})

	t.Run("a mode that is switched on later sends what was reported", func(t *testing.T) {
		t.Parallel()
		w := refunding(t, state.RefundReport, sandbox.Config{})
		w.log("a.ndjson", sold("o1", 30))
		w.mustRun()
		w.log("b.ndjson", refunded("r1", "o1", 20, ""))
		w.mustRun()
		require.Empty(t, w.changes())
		change := w.change
		w.change = func(c *impactsync.Config) {
			change(c)
			c.Refunds.Mode, c.Refunds.Fingerprint = state.RefundReverse, "reverse"
		}
		w.mustRun()
		require.Len(t, w.changes(), 1)
	})

	t.Run("a refund that came before its order, and of an order that nobody knows", func(t *testing.T) {
		t.Parallel()
		w := refunding(t, state.RefundReverse, sandbox.Config{})
		w.log("a.ndjson", refunded("r1", "o1", 20, ""), refunded("r2", "o9", 20, ""))
		w.mustRun()
		require.Equal(t, []string{"o1 waiting action, reversed, told as sold", "o9 waiting action, reversed, told as sold"}, w.refunds())
		w.log("b.ndjson", sold("o1", 30))
		w.mustRun()
		require.Equal(t, []string{"o1 superseded, reversed, told as sold", "o9 waiting action, reversed, told as sold"}, w.refunds())
		for _, c := range w.sandbox.Calls() {
			require.NotContains(t, c.Path, "Conversions")
		}
	})

	t.Run("a token without the scope ends the run, and nothing is in doubt", func(t *testing.T) {
		t.Parallel()
		w := refunding(t, state.RefundReverse, sandbox.Config{Fault: func(r *http.Request, _ impactapi.Params) sandbox.Fault {
			if r.Method == http.MethodDelete {
				return sandbox.Fault{Status: http.StatusForbidden, Body: `{"Status":"ERROR","Message":"no scope"}`}
			}
			return sandbox.Fault{}
		}})
		w.log("a.ndjson", sold("o1", 30))
		w.mustRun()
		w.log("b.ndjson", refunded("r1", "o1", 20, ""))
		_, err := w.run(impactsync.Options{})
		require.ErrorIs(t, err, impactsync.ErrCredentials)
		require.ErrorContains(t, err, "refunds.mode: report")
		require.Equal(t, []string{"o1 pending, reversed, told as sold"}, w.refunds())
	})

	t.Run("500 may have been carried out, 429 was not, and 400 is final", func(t *testing.T) {
		t.Parallel()
		for status, want := range map[int]string{500: "o1 unknown shown, reversed, told as sold", 429: "o1 waiting retry, reversed, told as sold", 400: "o1 reported refused, reversed, told as sold"} {
			w := refunding(t, state.RefundReverse, sandbox.Config{Fault: func(r *http.Request, _ impactapi.Params) sandbox.Fault {
				if r.Method == http.MethodDelete {
					return sandbox.Fault{Status: status, Body: `{"Status":"ERROR","Message":"no"}`}
				}
				return sandbox.Fault{}
			}})
			w.log("a.ndjson", sold("o1", 30))
			w.mustRun()
			w.log("b.ndjson", refunded("r1", "o1", 20, ""))
			_, err := w.run(impactsync.Options{})
			require.NoError(t, err)
			require.Equal(t, []string{want}, w.refunds())
		}
	})

	t.Run("a run changes no more than it may", func(t *testing.T) {
		t.Parallel()
		w := refunding(t, state.RefundReverse, sandbox.Config{})
		change := w.change
		w.change = func(c *impactsync.Config) {
			change(c)
			c.Refunds.PerRun = 2
		}
		w.log("a.ndjson", sold("o1", 30), sold("o2", 30), sold("o3", 30))
		w.mustRun()
		w.log("b.ndjson", refunded("r1", "o1", 20, ""), refunded("r2", "o2", 20, ""), refunded("r3", "o3", 20, ""))
		r := w.mustRun()
		require.Equal(t, impactsync.ExitUnfinished, r.ExitCode)
		require.Contains(t, r.Note, "refunds.perRun")
		require.Len(t, w.changes(), 2)
		w.mustRun()
		require.Len(t, w.changes(), 3)
	})

	t.Run("a plan shows what would be taken back, and sends nothing", func(t *testing.T) {
		t.Parallel()
		w := refunding(t, state.RefundReverse, sandbox.Config{})
		w.log("a.ndjson", sold("o1", 30))
		w.mustRun()
		calls := len(w.sandbox.Calls())
		w.log("b.ndjson", refunded("r1", "o1", 20, ""))
		db, err := state.Open(t.Context(), state.Options{Path: filepath.Join(w.dir, "state.db"), Rehearsal: true})
		require.NoError(t, err)
		p, err := w.engine(db).Plan(t.Context(), impactsync.Options{})
		require.NoError(t, err)
		require.NoError(t, db.Close())
		require.Equal(t, []state.RefundCount{{Status: "waiting", Class: "action", Currency: "USD", Orders: 1, Whole: 1, Amount: 25_0000}}, p.Refunds)
		require.Equal(t, "o1", p.RefundSamples[0].OrderID)
		require.Len(t, w.sandbox.Calls(), calls)
	})
}
