package rehearsal

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi/sandbox"
)

var (
	orders = flag.Int("rehearsal.orders", 400, "how many orders to sell")
	seed   = flag.Uint64("rehearsal.seed", 1, "what becomes of which order")
)

// TestRehearsal sells the orders of two months, has some of them reversed by somebody
// else, and reconciles.
func TestRehearsal(t *testing.T) {
	t.Parallel()
	began := time.Now()
	shop := newScenario(*seed, *orders, began)
	s := newStage(t, *seed, sandbox.Config{
		Seed: *seed, Record: true, Attribute: shop.attribute, LockAfter: 90 * 24 * time.Hour,
		ErrorRate: 0.01, ResetBefore: 0.005, ResetAfter: 0.01, ResetMidway: 0.005,
	}, "")
	s.sell(shop)
	others := s.othersSell(shop)
	s.undo(shop)
	s.reconcile(shop, others)
	t.Logf("%d orders, %d kills in %d runs, %d requests, %v, peak %d MB", len(shop.orders), s.kills, s.runs, len(s.box.Calls()),
		time.Since(began).Round(time.Second), s.peak>>10)
}

// sell has the program report the orders, a tenth of them at a time.
func (s *stage) sell(shop *scenario) {
	s.t.Helper()
	const parts = 10
	for part := range parts {
		var lines bytes.Buffer
		for i := part; i < len(shop.orders); i += parts {
			lines.Write(shop.orders[i].sale())
		}
		s.write(fmt.Sprintf("sales-%02d.json", part), lines.Bytes())
		s.storm([]string{"run"}, 0, 3)
	}
	for s.number(`SELECT count(*) FROM deliveries WHERE status > 0`) > 0 {
		s.hurry()
		s.storm([]string{"run"}, 0, 3)
	}
}

// othersSell books actions of orders that the program never saw, and returns their
// number.
func (s *stage) othersSell(shop *scenario) int {
	s.t.Helper()
	n := max(len(shop.orders)/200, 1)
	for i := range n {
		require.NoError(s.t, s.box.Book(sandbox.Action{
			CampaignID: "1000", EventTypeID: "7", OrderID: fmt.Sprint("OTHER-", i), Partner: "10002", Amount: "5.00", Currency: "EUR",
		}))
	}
	return n
}

// undo reverses actions behind the program's back, as somebody in impact.com's screens.
func (s *stage) undo(shop *scenario) {
	s.t.Helper()
	for _, a := range s.box.Actions() {
		if o := shop.byID[a.OrderID]; o == nil || o.fate != undone {
			continue
		}
		for reversed := false; !reversed; {
			form := url.Values{"ActionId": {a.ID}, "DispositionCode": {"CONS_FRAUD"}}
			req, err := http.NewRequestWithContext(s.t.Context(), http.MethodDelete, s.url+"/Advertisers/IRrehearsal/Actions", strings.NewReader(form.Encode()))
			require.NoError(s.t, err)
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.SetBasicAuth("IRrehearsal", "token")
			res, err := http.DefaultClient.Do(req)
			if err == nil {
				reversed = res.StatusCode == http.StatusOK
				res.Body.Close()
			}
		}
	}
}

// reconcile has the program read what impact.com made of the orders, and compares.
func (s *stage) reconcile(shop *scenario, others int) {
	s.t.Helper()
	time.Sleep(1100 * time.Millisecond) // reconcile.after
	s.storm([]string{"reconcile"}, 0, 3)
	got := s.verdicts()
	require.Len(s.t, got, len(shop.orders)+others)
	wrong, counts := 0, map[string]int{}
	for _, o := range shop.orders {
		counts[o.verdict()]++
		if got[o.id] != o.verdict() {
			if wrong++; wrong < 10 {
				s.t.Errorf("order %s, %s: the verdict is %q, want %q", o.id, o.fate, got[o.id], o.verdict())
			}
		}
	}
	for i := range others {
		require.Equal(s.t, "not_ours", got[fmt.Sprint("OTHER-", i)])
	}
	require.Zero(s.t, wrong, "verdicts that are wrong")
	code, output := s.run(0, "state", "check")
	require.Zero(s.t, code, output)
	s.t.Logf("verdicts: %v", counts)
}
