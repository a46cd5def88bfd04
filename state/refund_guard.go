package state

import (
	"context"
	"database/sql"
	"time"

	"github.com/impactsync/impactsync/state/internal/guard"
	"github.com/impactsync/impactsync/sync/money"
)

// JudgeReversals lets the guard look at what is to be taken back, before any of it is
// sent. It returns why it holds that, or "". What was approved goes first.
func (d *DB) JudgeReversals(ctx context.Context) (reason string, err error) {
	return reason, d.update(ctx, func(t *tx) error {
		s := &guarded{Set: guard.Set{Direction: Reversals}, scope: scopeReversals}
		if s.Measures, err = t.reversalMeasures(); err != nil || len(s.Measures) == 0 {
			return err
		}
		if reason = s.Against(); reason == "" {
			_, err = t.passReversals(`status = 6 AND status > 0 AND class IS NULL`)
			return err
		}
		_, err = t.Exec(`UPDATE order_changes SET class = 'reversals', reason = ?, held_at = ?, changed_at = ?2 WHERE status = 6 AND status > 0 AND class IS NULL`, reason, t.now)
		return err
	})
}

// passReversals makes due what waits for the guard.
func (t *tx) passReversals(which string, args ...any) (int64, error) {
	return t.Exec(`UPDATE order_changes SET status = 1, class = NULL, reason = NULL, held_at = NULL, passed = wanted, passed_at = `+placeNow(t)+` WHERE `+which, args...)
}

// placeNow writes the transaction's time into a statement whose parameters have
// numbers of their own.
func placeNow(t *tx) string { return asJSON(t.now) }

// reversalMeasures measures what waits for a verdict by number and by the money of each
// currency. There are none if nothing is fresh.
func (t *tx) reversalMeasures() ([]guard.Measure, error) {
	limits := t.d.guards.Reversals
	all, err := collect(t, `WITH waiting AS (SELECT coalesce(currency, '') AS unit, class IS NULL AS fresh, coalesce(amount_back, 0) AS amount FROM order_changes WHERE status = 6 AND status > 0)
		SELECT '', count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE NOT fresh) FROM waiting HAVING count(*) FILTER (WHERE fresh) > 0
		UNION ALL SELECT unit, coalesce(sum(amount) FILTER (WHERE fresh), 0), coalesce(sum(amount) FILTER (WHERE NOT fresh), 0) FROM waiting WHERE unit <> '' GROUP BY 1`, nil,
		func(m *guard.Measure) []any { return []any{&m.Unit, &m.Fresh, &m.Held} })
	if err != nil || len(all) == 0 || all[0].Unit != "" {
		return nil, err
	}
	for i := range all {
		m := &all[i]
		what := `sum(amount_back)`
		if m.Limit = limits.Money; m.Unit == "" {
			m.Limit, what = limits.Count, `count(*)`
		}
		if _, err := t.Get(`SELECT coalesce(`+what+` FILTER (WHERE passed_at > ?2), 0), coalesce(`+what+`, 0) / ?4 FROM order_changes WHERE passed_at > ?3 AND (?1 = '' OR currency = ?1)`,
			[]any{m.Unit, t.now - int64(guardWindow), t.now - int64(averageDays*24*time.Hour), averageDays}, &m.Passed, &m.Base); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// heldReversals returns some of the orders that the guard holds.
func (v *view) heldReversals() (texts []string, err error) {
	return texts, v.Each(`SELECT order_id, coalesce(amount_back, 0), coalesce(currency, '') FROM order_changes WHERE status = 6 AND status > 0 AND class = 'reversals' ORDER BY id LIMIT ?`, []any{heldSample}, func(rows *sql.Rows) error {
		var order, currency string
		var amount money.Amount
		err := rows.Scan(&order, &amount, &currency)
		texts = append(texts, order+" "+amount.Format(currency)+" "+currency)
		return err
	})
}
