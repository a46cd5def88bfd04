package state

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// noteTypes notes event types that were not seen before. Which of ours one is follows
// from its number, its code or its name; see [DB.ResolveTypes].
func (t *tx) noteTypes(all []Action) error {
	for i := range all {
		a := &all[i]
		if t.d.trackers[a.TrackerID] {
			continue
		}
		if _, err := t.Exec(`INSERT INTO action_types (tracker_id, code, name, seen_at) VALUES (?, ?, ?, ?)
			ON CONFLICT (tracker_id) DO UPDATE SET code = coalesce(excluded.code, code), name = coalesce(excluded.name, name), seen_at = excluded.seen_at`,
			a.TrackerID, null(a.EventCode), null(a.TrackerName), t.now); err != nil {
			return err
		}
		for _, s := range resolutions {
			if _, err := t.Exec(s, a.TrackerID, asJSON(t.d.typesGiven)); err != nil {
				return err
			}
		}
		if t.d.trackers == nil {
			t.d.trackers = map[string]bool{}
		}
		t.d.trackers[a.TrackerID] = true
	}
	return nil
}

const (
	oursOfOrders = `(SELECT DISTINCT event_type FROM deliveries WHERE order_id IS NOT NULL AND event_type IS NOT NULL)`
	resolveType  = `UPDATE action_types AS y SET event_type = o.event_type, how = '%s' FROM ` + oursOfOrders + ` o WHERE y.tracker_id = ?1 AND y.how IN ('', 'orders', 'name') AND ?2 IS NOT NULL AND `
)

// resolutions are the ways to know which of our event types one of impact.com's is,
// from the surest on.
var resolutions = []string{
	`UPDATE action_types AS y SET event_type = j.key, how = 'setting' FROM json_each(?2) j WHERE y.tracker_id = ?1 AND j.value = ?1`,
	fmt.Sprintf(resolveType, "id") + `o.event_type = y.tracker_id`,
	fmt.Sprintf(resolveType, "code") + `lower(o.event_type) = lower(y.code)`,
	fmt.Sprintf(resolveType, "name") + `y.how = '' AND lower(o.event_type) = lower(y.name)`,
}

// GiveTypes says which of impact.com's event types some of ours are.
func (d *DB) GiveTypes(given map[string]string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.typesGiven, d.trackers = given, nil
}

// TypeSeen is an event type as the account's actions show it.
type TypeSeen struct {
	TrackerID  string `json:"action_tracker_id"`
	Code       string `json:"event_code,omitempty"`
	Name       string `json:"name,omitempty"`
	EventType  string `json:"event_type,omitempty"` // ours; "": not known
	How        string `json:"how,omitempty"`        // that is known: setting, id, code, name, orders
	Actions    int64  `json:"actions"`
	Currencies string `json:"currencies,omitempty"`
	LockingSet int64  `json:"actions_with_locking_date"`
}

// TypesSeen returns the event types of the actions that were read.
func (d *DB) TypesSeen(ctx context.Context) ([]TypeSeen, error) {
	return read(ctx, d, func(v *view) ([]TypeSeen, error) {
		return collect(v, `SELECT y.tracker_id, coalesce(y.code, ''), coalesce(y.name, ''), coalesce(y.event_type, ''), y.how, count(a.id), coalesce(group_concat(DISTINCT a.currency), ''), count(a.locking_at)
			FROM action_types y LEFT JOIN actions a ON a.tracker_id = y.tracker_id GROUP BY y.tracker_id ORDER BY 1`, nil, func(s *TypeSeen) []any {
			return []any{&s.TrackerID, &s.Code, &s.Name, &s.EventType, &s.How, &s.Actions, &s.Currencies, &s.LockingSet}
		})
	})
}

// ResolveTypes decides which of our event types those are of which neither number, code
// nor name says it: the only one with which they share order ids. One of ours that is a
// number is the type of that number and no other. It gives actions their event type where that has changed.
func (d *DB) ResolveTypes(ctx context.Context) error {
	return d.update(ctx, func(t *tx) error {
		if err := t.resolveByOrders(); err != nil {
			return err
		}
		_, err := t.Exec(`UPDATE actions AS a SET event_type = y.event_type FROM action_types y WHERE y.tracker_id = a.tracker_id AND y.event_type IS NOT NULL AND a.event_type <> y.event_type`)
		return err
	})
}

func (t *tx) resolveByOrders() error {
	best := map[string]string{}
	rivals := map[string]bool{}
	err := t.Each(`SELECT a.tracker_id, d.event_type FROM action_types y JOIN actions a ON a.tracker_id = y.tracker_id JOIN deliveries d ON d.order_id = a.order_id
		WHERE y.event_type IS NULL AND d.event_type GLOB '*[^0-9]*' AND d.event_type NOT IN (SELECT event_type FROM action_types WHERE event_type IS NOT NULL)
		GROUP BY 1, 2 ORDER BY 1, count(*) DESC`, nil, func(rows *sql.Rows) error {
		var tracker, ours string
		if err := rows.Scan(&tracker, &ours); err != nil {
			return err
		}
		if _, has := best[tracker]; has {
			rivals[tracker] = true
			return nil
		}
		best[tracker] = ours
		return nil
	})
	if err != nil {
		return err
	}
	taken := map[string]int{}
	for _, ours := range best {
		taken[strings.ToLower(ours)]++
	}
	for tracker, ours := range best {
		if rivals[tracker] || taken[strings.ToLower(ours)] > 1 {
			continue // a guess would give one order another's action
		}
		if _, err := t.Exec(`UPDATE action_types SET event_type = ?, how = 'orders' WHERE tracker_id = ?`, ours, tracker); err != nil {
			return err
		}
	}
	return nil
}
