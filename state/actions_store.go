package state

import (
	"context"
	"database/sql"
	"strings"
	"time"
)

// The tables of impact.com's actions, which are written here.

// Money is an amount in ten-thousandths of its currency's unit, or none.
type Money = sql.NullInt64

// Action is an action of impact.com. Nothing of the customer belongs here.
type Action struct {
	ID, TrackerID, TrackerName, EventCode string
	PartnerID, State, OrderID, Currency   string
	Amount, Intended, Payout, ClientCost  Money
	EventAt, CreatedAt                    time.Time
	LockingAt, ClearedAt                  time.Time
}

// ActionChange is a change of an action.
type ActionChange struct {
	ID, ActionID, State, Disposition, Sku, Quantity string
	Delta                                           Money
	UpdatedAt                                       time.Time
}

// StoreActions stores some actions of a window's next page. An action that was seen
// before takes the new values.
func (d *DB) StoreActions(ctx context.Context, w ReadWindow, all []Action) error {
	ids := make([]string, len(all))
	for i := range all {
		ids[i] = all[i].ID
	}
	return d.update(ctx, func(t *tx) error {
		if err := t.noteTypes(all); err != nil {
			return err
		}
		if err := t.countDistinct(w, ids); err != nil {
			return err
		}
		for i := range all {
			if err := t.putAction(w, &all[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// countDistinct counts those of some rows that this pass has not seen.
func (t *tx) countDistinct(w ReadWindow, ids []string) error {
	args := append(w.key(), asJSON(ids), w.Pass)
	_, err := t.Exec(`UPDATE reconcile_windows SET distinct_rows = distinct_rows + (SELECT count(DISTINCT j.value) FROM json_each(?4) j
		WHERE NOT EXISTS (SELECT 1 FROM actions a WHERE a.id = j.value AND a.read_in = ?5)) WHERE read_id = ?1 AND kind = ?2 AND from_at = ?3`, args...)
	return err
}

func (t *tx) putAction(w ReadWindow, a *Action) error {
	_, err := t.Exec(`INSERT INTO actions (id, event_type, order_id, state, amount, intended_amount, currency, payout, client_cost, partner_id, event_at, created_at, locking_at, cleared_at, seen_at, tracker_id, read_in)
		VALUES (?1, coalesce((SELECT event_type FROM action_types WHERE tracker_id = ?16), ?16), ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?2)
		ON CONFLICT (id) DO UPDATE SET event_type = excluded.event_type, order_id = excluded.order_id, state = excluded.state, amount = excluded.amount, intended_amount = excluded.intended_amount,
			currency = excluded.currency, payout = excluded.payout, client_cost = excluded.client_cost, partner_id = excluded.partner_id, event_at = excluded.event_at,
			created_at = excluded.created_at, locking_at = excluded.locking_at, cleared_at = excluded.cleared_at, seen_at = excluded.seen_at, tracker_id = excluded.tracker_id, read_in = excluded.read_in`,
		a.ID, w.Pass, null(a.OrderID), a.State, a.Amount, a.Intended, null(a.Currency), a.Payout, a.ClientCost, null(a.PartnerID),
		nanos(a.EventAt), nanos(a.CreatedAt), nanos(a.LockingAt), nanos(a.ClearedAt), t.now, a.TrackerID)
	return err
}

// StoreChanges stores some changes of actions. That an action was made is no change.
func (d *DB) StoreChanges(ctx context.Context, w ReadWindow, all []ActionChange) error {
	return d.update(ctx, func(t *tx) error {
		for i := range all {
			c := &all[i]
			if c.State != "REVERSED" && (c.Disposition == "" || strings.EqualFold(c.Disposition, "IR_BLANK")) {
				continue
			}
			_, err := t.Exec(`INSERT OR REPLACE INTO action_changes (id, action_id, state, disposition, delta_amount, sku, quantity, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
				c.ID, c.ActionID, c.State, null(c.Disposition), c.Delta, null(c.Sku), null(c.Quantity), nanos(c.UpdatedAt))
			if err != nil {
				return err
			}
		}
		_, err := t.Exec(`UPDATE reconcile_windows SET distinct_rows = distinct_rows + ?4 WHERE read_id = ?1 AND kind = ?2 AND from_at = ?3`, append(w.key(), len(all))...)
		return err
	})
}

// Unexplained reports whether an action was reversed or modified without a change that
// says why.
func (d *DB) Unexplained(ctx context.Context) (found bool, err error) {
	err = d.view(ctx, func(v *view) error {
		return v.Scan(`SELECT EXISTS (SELECT 1 FROM actions a WHERE (a.state = 'REVERSED' OR a.amount <> a.intended_amount) AND NOT EXISTS (SELECT 1 FROM action_changes c WHERE c.action_id = a.id))`, nil, &found)
	})
	return found, err
}

// keepOrders is how long verdicts and actions are kept: a year, and a month to close it.
const keepOrders = 400 * 24 * time.Hour

// pruneOrders deletes verdicts, actions and readings that are too old to matter.
func (t *tx) pruneOrders() error {
	before := t.now - int64(keepOrders)
	const old = ` FROM reconciliations AS r WHERE coalesce(event_at, changed_at) < ? AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.order_id = r.order_id AND d.event_type = r.event_type)`
	gone, err := pairs[int64](t, `SELECT verdict, count(*)`+old+` GROUP BY 1`, before)
	if err != nil {
		return err
	}
	for _, q := range []string{
		`DELETE` + old, `DELETE FROM reconcile_reads WHERE started_at < ?`,
		`DELETE FROM actions AS a WHERE coalesce(created_at, seen_at) < ? AND NOT EXISTS (SELECT 1 FROM reconciliations r WHERE r.order_id = a.order_id AND r.event_type = a.event_type)`,
		`DELETE FROM action_changes AS c WHERE coalesce(updated_at, 0) < ? AND NOT EXISTS (SELECT 1 FROM actions a WHERE a.id = c.action_id)`,
	} {
		if _, err := t.Exec(q, before); err != nil {
			return err
		}
	}
	return t.countVerdicts(gone, map[string]int64{})
}
