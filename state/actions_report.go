package state

import (
	"context"
	"iter"
	"time"
)

// Verdicts are what may have become of an order, worst first.
var Verdicts = []string{"double", "refund_owed", "differs", "refused", "reversed_elsewhere", "not_ours", "no_action", "waiting", "reattributed", "reversed", "matched"}

// VerdictTotal sums up the orders of one verdict, in one pair of currencies.
type VerdictTotal struct {
	Verdict       string `json:"verdict"`
	Partner       string `json:"partner_id,omitempty"`
	Day           string `json:"day,omitempty"`
	CurrencySent  string `json:"currency_sent,omitempty"`
	CurrencyThere string `json:"currency_there,omitempty"`
	Orders        int64  `json:"orders"`
	Locked        int64  `json:"locked"`     // of them
	LocksSoon     int64  `json:"locks_soon"` // of them, within seven days
	Sent          int64  `json:"-"`          // amounts in ten-thousandths
	There         int64  `json:"-"`
	Payout        int64  `json:"-"`
	ClientCost    int64  `json:"-"`
	LockedPayout  int64  `json:"-"` // of what is locked
	SoonPayout    int64  `json:"-"` // of what locks within seven days
}

// lockSoon is how long before its locking date an action is about to lock.
const lockSoon = 7 * 24 * time.Hour

// Totals sums up the orders since a time: by verdict and currencies, and if asked also
// by partner and by day. Orders count by when they were sent, or happened.
func (d *DB) Totals(ctx context.Context, since time.Time, byPartner, byDay bool) ([]VerdictTotal, error) {
	partner, day := `''`, `''`
	if byPartner {
		partner = `coalesce(partner_id, '')`
	}
	if byDay {
		day = `coalesce(date(coalesce(event_at, sent_at) / 1000000000, 'unixepoch'), '')`
	}
	now := d.now().UnixNano()
	return read(ctx, d, func(v *view) ([]VerdictTotal, error) {
		return collect(v, `SELECT verdict, `+partner+`, `+day+`, coalesce(currency_sent, ''), coalesce(currency_there, ''), count(*), coalesce(sum(locked), 0), coalesce(sum(soon), 0),
				coalesce(sum(amount_sent), 0), coalesce(sum(amount_there), 0), coalesce(sum(payout), 0), coalesce(sum(client_cost), 0),
				coalesce(sum(payout) FILTER (WHERE locked), 0), coalesce(sum(payout) FILTER (WHERE soon), 0)
			FROM (SELECT *, coalesce(state = 'APPROVED' OR locking_at <= ?2, 0) AS locked, coalesce(state = 'PENDING' AND locking_at > ?2 AND locking_at <= ?3, 0) AS soon
				FROM reconciliations WHERE `+inWindow+`) GROUP BY 1, 2, 3, 4, 5 ORDER BY 3, 1, 6 DESC`,
			[]any{since.UnixNano(), now, now + int64(lockSoon)}, func(t *VerdictTotal) []any {
				return []any{
					&t.Verdict, &t.Partner, &t.Day, &t.CurrencySent, &t.CurrencyThere, &t.Orders, &t.Locked, &t.LocksSoon,
					&t.Sent, &t.There, &t.Payout, &t.ClientCost, &t.LockedPayout, &t.SoonPayout,
				}
			})
	})
}

// inWindow selects orders since ?1. One without any time is never left out.
const inWindow = `coalesce(sent_at, event_at, changed_at) >= ?1`

// OrderVerdict is what became of one order.
type OrderVerdict struct {
	OrderID, EventType, Verdict, Reason       string
	Ours                                      bool
	Sent, Wanted, There, Payout, ClientCost   Money
	CurrencySent, CurrencyThere               string
	ActionID, State, Partner, Disposition     string
	Actions, Live                             int64
	EventAt, SentAt, LockingAt, Since, SeenAt time.Time
}

func (o *OrderVerdict) dest() []any {
	return []any{
		&o.OrderID, &o.EventType, &o.Verdict, &o.Reason, &o.Ours, &o.Sent, &o.Wanted, &o.There, &o.Payout, &o.ClientCost, &o.CurrencySent, &o.CurrencyThere,
		&o.ActionID, &o.State, &o.Partner, &o.Disposition, &o.Actions, &o.Live, moment{&o.EventAt}, moment{&o.SentAt}, moment{&o.LockingAt}, moment{&o.Since}, moment{&o.SeenAt},
	}
}

const selectVerdicts = `SELECT order_id, event_type, verdict, coalesce(reason, ''), ours, amount_sent, amount_wanted, amount_there, payout, client_cost, coalesce(currency_sent, ''), coalesce(currency_there, ''),
	coalesce(action_id, ''), coalesce(state, ''), coalesce(partner_id, ''), coalesce(disposition, ''), actions, live_actions, event_at, sent_at, locking_at, changed_at, seen_at FROM reconciliations WHERE `

// EachVerdict ranges over the orders since a time, those of some verdicts alone or, if
// there are none, of all. It reads as it goes, however many there are.
func (d *DB) EachVerdict(ctx context.Context, since time.Time, verdicts ...string) iter.Seq2[OrderVerdict, error] {
	if len(verdicts) == 0 {
		verdicts = Verdicts
	}
	return func(yield func(OrderVerdict, error) bool) {
		stopped := false
		err := d.view(ctx, func(v *view) error {
			for o, err := range each(v, selectVerdicts+inWindow+` AND verdict IN (SELECT value FROM json_each(?2))`, []any{since.UnixNano(), asJSON(verdicts)}, (*OrderVerdict).dest) {
				if !yield(o, err) {
					stopped = true
					return nil
				}
			}
			return nil
		})
		if err != nil && !stopped {
			yield(OrderVerdict{}, err)
		}
	}
}

// WorstOrders returns a number of the orders since a time that have a verdict: first
// those whose action can still be changed, the nearest to its locking date first.
func (d *DB) WorstOrders(ctx context.Context, since time.Time, verdict string, most int) ([]OrderVerdict, error) {
	return read(ctx, d, func(v *view) ([]OrderVerdict, error) {
		return collect(v, selectVerdicts+inWindow+` AND verdict = ?2 ORDER BY coalesce(state = 'APPROVED' OR locking_at <= ?3, 0), coalesce(locking_at, 9e18), order_id LIMIT ?4`,
			[]any{since.UnixNano(), verdict, d.now().UnixNano(), most}, (*OrderVerdict).dest)
	})
}

// VerdictCounts returns how many of all known orders have which verdict.
func (d *DB) VerdictCounts(ctx context.Context) (map[string]int64, error) {
	return read(ctx, d, (*view).verdictCounts)
}

func (v *view) verdictCounts() (map[string]int64, error) {
	return pairs[int64](v, `SELECT verdict, orders FROM reconciliation_counts WHERE orders <> 0`)
}

// NamelessActions returns how many actions have no order id, since a time: no order
// can be told from them.
func (d *DB) NamelessActions(ctx context.Context, since time.Time) (n int64, err error) {
	err = d.view(ctx, func(v *view) error {
		return v.Scan(`SELECT count(*) FROM actions WHERE order_id IS NULL AND coalesce(created_at, seen_at) >= ?`, []any{since.UnixNano()}, &n)
	})
	return n, err
}
