package state

import (
	"context"
	"database/sql"
	"time"

	"github.com/impactsync/impactsync/sync/money"
)

// Measures are what monitoring wants to know beside [Status]: numbers, and never whose.
type Measures struct {
	Runs        map[int64]int64  // runs so far, by exit code
	Totals      map[string]int64 // what all runs counted
	LastSuccess time.Time        // when a run last ended with exit code 0
	Oldest      []OldestDue
	Refused     []RefusedCount
	Money       []RefusedMoney
	Unreadable  int64 // refused conversions whose amount cannot be read; they are not in Money
	Held        []HeldCount
	Orders      map[string]int64 // all known ones, by verdict
	Reconciled  time.Time        // when impact.com's actions were read last, to the end
	Refunds     []RefundCount
	Segment     Catalogue // what Segment said last
}

// OldestDue says since when something is still to be sent: of one trait, or of the
// events of one kind.
type OldestDue struct {
	Kind  string // trait, page_load, conversion
	Trait string // its key; "" for events
	At    time.Time
}

// RefusedCount counts what is refused, by why.
type RefusedCount struct {
	Kind  string // as in OldestDue
	Class string
	Count int64
}

// RefusedMoney is the money of refused conversions in one currency. Those whose worth
// cannot be read are not among them.
type RefusedMoney struct {
	Currency    string // "" for the account's own
	Conversions int64
	Amount      money.Amount
}

// HeldCount counts what is held back, without saying whose it is.
type HeldCount struct {
	Trait     string `json:"trait,omitempty"` // its key; "" for events and suppressions
	Direction string `json:"direction"`
	Count     int64  `json:"count"`
}

// Measures returns them. Its cost grows with what is due, held and refused, and with
// the number of runs.
func (d *DB) Measures(ctx context.Context) (m Measures, err error) {
	m.Runs = map[int64]int64{}
	err = d.view(ctx, func(v *view) error {
		for _, step := range []func() (err error){
			func() error { return v.endedRuns(&m) },
			func() (err error) {
				m.Totals, err = pairs[int64](v, `SELECT name, sum(value) FROM run_counters GROUP BY name`)
				return
			},
			func() (err error) { m.Oldest, err = v.oldestOfEach(); return },
			func() (err error) { m.Refused, err = v.refusedByClass(); return },
			func() (err error) { m.Money, err = v.refusedMoney(); return },
			func() error { return v.unreadableMoney(&m) },
			func() (err error) { m.Held, err = v.heldCounts(); return },
			func() (err error) { m.Orders, err = v.verdictCounts(); return },
			func() error { return v.lastReading(&m.Reconciled) },
			func() (err error) { m.Refunds, err = v.refundCounts(); return },
			func() (err error) { m.Segment, err = v.catalogue(); return },
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
	return m, err
}

func (v *view) endedRuns(m *Measures) error {
	err := v.Each(`SELECT exit_code, count(*) FROM runs WHERE kind = 'run' AND exit_code IS NOT NULL GROUP BY 1`, nil, func(rows *sql.Rows) error {
		var code, n int64
		err := rows.Scan(&code, &n)
		m.Runs[code] = n
		return err
	})
	if err != nil {
		return err
	}
	return v.Scan(`SELECT max(ended_at) FROM runs WHERE kind = 'run' AND exit_code = 0`, nil, moment{&m.LastSuccess})
}

// oldestOfEach looks only at traits that the counters say have something to be sent.
func (v *view) oldestOfEach() ([]OldestDue, error) {
	return collect(v, `SELECT * FROM (
		SELECT 'trait', t.key, (SELECT min(wanted_at) FROM trait_due d WHERE d.trait_id = t.id AND d.status IN (1, 2, 3, 5)) AS at
		  FROM traits t WHERE EXISTS (SELECT 1 FROM counters c WHERE c.scope = t.id AND c.value > 0 AND c.name IN ('pending', 'in_flight', 'retry_later', 'unknown'))
		UNION ALL
		SELECT k, '', (SELECT min(event_at) FROM deliveries WHERE kind = k AND status IN (1, 2, 3, 5) AND status > 0)
		  FROM (SELECT 'page_load' AS k UNION ALL VALUES ('conversion'))) WHERE at IS NOT NULL`, nil,
		func(o *OldestDue) []any { return []any{&o.Kind, &o.Trait, moment{&o.At}} })
}

func (v *view) refusedByClass() ([]RefusedCount, error) {
	return collect(v, `SELECT kind, coalesce(class, 'other'), count(*) FROM deliveries WHERE kind IN ('page_load', 'conversion') AND status = 4 AND status > 0 GROUP BY 1, 2
		UNION ALL SELECT 'trait', coalesce(class, 'other'), count(*) FROM trait_due WHERE status = 4 GROUP BY 2`, nil,
		func(r *RefusedCount) []any { return []any{&r.Kind, &r.Class, &r.Count} })
}

func (v *view) refusedMoney() ([]RefusedMoney, error) {
	return collect(v, `SELECT CASE length(currency) WHEN 3 THEN currency ELSE '' END, count(*), sum(amount) FROM deliveries
		WHERE kind = 'conversion' AND status = 4 AND status > 0 AND amount > 0 GROUP BY 1 ORDER BY 1`, nil,
		func(m *RefusedMoney) []any { return []any{&m.Currency, &m.Conversions, &m.Amount} })
}

// unreadableMoney counts conversions of which a value was refused and no amount is known.
func (v *view) unreadableMoney(m *Measures) error {
	return v.Scan(`SELECT count(*) FROM deliveries WHERE kind = 'conversion' AND status = 4 AND status > 0 AND class = 'parameter' AND amount IS NULL`, nil, &m.Unreadable)
}

func (v *view) heldCounts() ([]HeldCount, error) {
	return collect(v, `SELECT coalesce(trait_key, ''), direction, sum(held) FROM held_changes GROUP BY 1, 2 ORDER BY 1, 2`, nil,
		func(h *HeldCount) []any { return []any{&h.Trait, &h.Direction, &h.Count} })
}
