package rehearsal

import (
	"bytes"
	"flag"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
)

var (
	orders   = flag.Int("rehearsal.orders", 400, "how many orders to sell")
	refunded = flag.Float64("rehearsal.refunded", 25, "how many of them are refunded, in percent")
	roads    = flag.String("rehearsal.roads", byAPI+","+bySFTP, "by which roads, each of which is a rehearsal of its own")
	seed     = flag.Uint64("rehearsal.seed", 1, "what becomes of which order")
)

// TestRehearsal sells the orders of two months, has some of them reversed by somebody
// else, reconciles, and takes refunds back. The program is killed at random, and answers
// are lost, throughout.
func TestRehearsal(t *testing.T) {
	t.Parallel()
	for road := range strings.SplitSeq(*roads, ",") {
		t.Run(road, func(t *testing.T) {
			t.Parallel()
			rehearse(t, road)
		})
	}
}

func rehearse(t *testing.T, road string) {
	began := time.Now()
	shop := newScenario(*seed, *orders, *refunded/100, began)
	s := newStage(t, *seed, sandbox.Config{
		Seed: *seed, Record: true, Attribute: shop.attribute, LockAfter: locking,
		ErrorRate: 0.01, ResetBefore: 0.005, ResetAfter: 0.01, ResetMidway: 0.005, Fault: (&badLuck{rng: rand.New(rand.NewPCG(*seed, 16))}).strike,
	}, road, meanings)
	s.sell(shop)
	if road != byAPI {
		require.Zero(t, s.posted(), "conversions by the API")
	}
	others := s.othersSell(shop)
	s.undo(shop)
	s.reconcile(shop, others, func(o *order) []string { return []string{o.verdict()} })
	s.takeBack(shop)
	s.audit(shop, began)
	s.reconcile(shop, others, func(o *order) []string { return o.finally(began) })
	t.Logf("%d orders, %d kills in %d runs, %d broken connections, %d requests, %v, %v of CPU, peak %d MB", len(shop.orders), s.kills, s.runs, s.broken(), len(s.box.Calls()),
		time.Since(began).Round(time.Second), s.cpu.Round(time.Second), s.peak>>10)
}

// badLuck spoils every fifth change of an action, most of them after it was made.
type badLuck struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func (b *badLuck) strike(r *http.Request, _ impactapi.Params) sandbox.Fault {
	if r.Method != http.MethodPut && r.Method != http.MethodDelete {
		return sandbox.Fault{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch b.rng.IntN(20) {
	case 0:
		return sandbox.Fault{Drop: sandbox.DropBefore}
	case 1:
		return sandbox.Fault{Drop: sandbox.DropAfter}
	case 2:
		return sandbox.Fault{Drop: sandbox.DropMidway}
	case 3:
		return sandbox.Fault{Status: http.StatusBadGateway, Taken: true}
	}
	return sandbox.Fault{}
}

// sell has the program report the orders, a quarter of them at a time.
func (s *stage) sell(shop *scenario) {
	s.t.Helper()
	const parts = 4
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

// posted counts the conversions that impact.com was sent by the API.
func (s *stage) posted() (n int) {
	for _, c := range s.box.Calls() {
		if c.Method == http.MethodPost {
			n++
		}
	}
	return n
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
// Some requests fail, so it looks whether any is left.
func (s *stage) undo(shop *scenario) {
	s.t.Helper()
	for left := -1; left != 0; {
		left = 0
		for _, a := range s.box.Actions() {
			if o := shop.byID[a.OrderID]; o != nil && o.fate == undone && a.State != "REVERSED" {
				s.reverse(a.ID)
				left++
			}
		}
	}
}

// reverse asks once.
func (s *stage) reverse(action string) {
	s.t.Helper()
	form := url.Values{"ActionId": {action}, "DispositionCode": {"CONS_FRAUD"}}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodDelete, s.url+"/Advertisers/IRrehearsal/Actions", strings.NewReader(form.Encode()))
	require.NoError(s.t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("IRrehearsal", "token")
	if res, err := http.DefaultClient.Do(req); err == nil {
		res.Body.Close()
	}
}

// reconcile has the program read what impact.com made of the orders, and compares.
func (s *stage) reconcile(shop *scenario, others int, truth func(*order) []string) {
	s.t.Helper()
	time.Sleep(1100 * time.Millisecond) // reconcile.after
	s.storm([]string{"reconcile"}, 0, 3)
	got := s.verdicts()
	require.Len(s.t, got, len(shop.orders)+others)
	wrong, counts := 0, map[string]int{}
	for _, o := range shop.orders {
		counts[got[o.id]]++
		if want := truth(o); !slices.Contains(want, got[o.id]) {
			if wrong++; wrong < 10 {
				s.t.Errorf("order %s, %s, refunded by %q, locking at %s: the verdict is %q, want %q", o.id, o.fate, o.refund.shape, o.lock, got[o.id], want)
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

// takeBack has the program read the messages about refunds of two days, and tell
// impact.com, until it has nothing left to do.
func (s *stage) takeBack(shop *scenario) {
	s.t.Helper()
	for wave := range 2 {
		var lines bytes.Buffer
		for _, o := range shop.orders {
			for _, message := range o.refund.waves[wave] {
				lines.Write(message)
			}
		}
		s.write(fmt.Sprintf("refunds-%d.json", wave), lines.Bytes())
		s.storm([]string{"run"}, 0, 3)
		for n := 0; s.number(`SELECT count(*) FROM order_changes WHERE status IN (1, 2, 3, 5)`) > 0; n++ {
			require.Less(s.t, n, 50, "refunds that come to no end")
			time.Sleep(1100 * time.Millisecond) // refunds.wait
			s.hurry()
			s.storm([]string{"run"}, 0, 3)
		}
	}
}

// audit compares impact.com's books with what the scenario wants: no action was changed
// twice for one refund, or although it should not have been.
func (s *stage) audit(shop *scenario, now time.Time) {
	s.t.Helper()
	found := make(map[string][]sandbox.Action)
	for _, a := range s.box.Actions() {
		found[a.OrderID] = append(found[a.OrderID], a)
	}
	wrong, changed, moved := 0, 0, 0
	for _, o := range shop.orders {
		wants := o.wants(now)
		equal := len(wants) == len(found[o.id])
		if o.fate == reattributed {
			moved++ // by impact.com itself
		}
		for i, a := range found[o.id] {
			changed += a.Changes
			equal = equal && i < len(wants) && o.agrees(a, wants[i])
		}
		if !equal {
			if wrong++; wrong < 10 {
				s.t.Errorf("order %s of %s, %s, refunded by %q, locking at %s:\nis   %+v\nwant %+v", o.id, o.at, o.fate, o.refund.shape, o.lock, found[o.id], wants)
			}
		}
	}
	require.Zero(s.t, wrong, "actions that are wrong")
	require.Equal(s.t, changed-moved, s.taken(), "changes that impact.com took")
	s.t.Logf("refunds: %d changes of actions, none twice", changed)
}

// agrees compares an action with what is wanted. The amount that is left of an action
// whose amount was another from the beginning is impact.com's affair.
func (o *order) agrees(a sandbox.Action, want booked) bool {
	same := a.State == want.state && a.Changes == want.changes
	if o.fate == otherAmount && want.changes > 0 {
		return same
	}
	is, ok := new(big.Rat).SetString(a.Amount)
	should, _ := new(big.Rat).SetString(string(o.price(want.amount)))
	return same && ok && is.Cmp(should) == 0 && a.Currency == o.currency
}

// taken counts the changes that impact.com took, whether or not they were answered.
func (s *stage) taken() (n int) {
	for _, c := range s.box.Calls() {
		lost := c.Status == 0 || c.Status == http.StatusBadGateway
		if (c.Method == http.MethodPut || c.Method == http.MethodDelete) && (lost || c.Status == http.StatusOK) {
			n++
		}
	}
	return n
}

var actions = flag.Int("rehearsal.actions", 5_000, "how many actions to reconcile")

// TestManyActions reads actions of 45 days, which are more than one window may have.
func TestManyActions(t *testing.T) {
	s := newStage(t, *seed, sandbox.Config{Record: true, LockAfter: locking, PageSize: *actions / 25}, "api", "")
	now := time.Now()
	for i := range *actions {
		at := now.Add(-44 * day).Add(time.Duration(i) * (43 * day / time.Duration(*actions)))
		require.NoError(t, s.box.Book(sandbox.Action{
			CampaignID: "1000", EventTypeID: "7", OrderID: fmt.Sprint("OTHER-", i), Partner: "10002", Amount: "5.00", Currency: "EUR", CreatedAt: at,
		}))
	}
	began := time.Now()
	code, output := s.run(0, "reconcile")
	require.Zero(t, code, output)
	t.Logf("%d actions in %v, %v of CPU, %d requests, peak %d MB", *actions, time.Since(began).Round(time.Millisecond), s.cpu.Round(time.Millisecond), len(s.box.Calls()), s.peak>>10)
	require.Equal(t, *actions, s.number(`SELECT count(*) FROM order_reconciliation WHERE verdict = 'not_ours'`))
}
