package state

import (
	"context"
	"database/sql"
	"strings"
)

// Route says what a configuration makes of messages: of the track events of a
// name, or of all page, screen or identify calls, whose name is empty.
type Route struct {
	Type    string `json:"type"` // track, page, screen, identify
	Name    string `json:"name"`
	Becomes string `json:"becomes"` // conversion, install, page_load
}

// NewRoute is one that the last run did not have.
type NewRoute struct {
	Route
	Was        string `json:"was,omitempty"`         // what the last run made of them
	PassedOver int64  `json:"passed_over,omitempty"` // messages so far that no run sent, and none reads again
}

// NewRoutes tells which of a configuration's routes the last run did not have. Of
// a state whose runs did not keep theirs only those are new whose messages it
// passed over; before the first run none is.
func (d *DB) NewRoutes(ctx context.Context, all []Route) (fresh []NewRoute, err error) {
	return fresh, d.view(ctx, func(v *view) error {
		old, err := v.routes()
		if err != nil {
			return err
		}
		for _, r := range all {
			n := NewRoute{Route: r}
			known := len(old) > 0
			for _, o := range old {
				if r.same(o.Type, o.Name) {
					n.Was = o.Becomes
				}
			}
			if n.Was == r.Becomes {
				continue
			}
			if n.PassedOver, err = v.passedOver(r); err != nil {
				return err
			}
			if known || n.PassedOver > 0 {
				fresh = append(fresh, n)
			}
		}
		return nil
	})
}

// same reports whether a route is of these messages, in whatever case.
func (r Route) same(kind, name string) bool {
	return r.Type == kind && strings.EqualFold(strings.TrimSpace(r.Name), strings.TrimSpace(name))
}

func (v *view) routes() (all []Route, err error) {
	return all, v.Each(`SELECT type, name, becomes FROM routes`, nil, func(rows *sql.Rows) error {
		var r Route
		err := rows.Scan(&r.Type, &r.Name, &r.Becomes)
		all = append(all, r)
		return err
	})
}

// passedOver counts the messages of a route that runs read and did not send: of
// track events all there ever were, of the others those of the last run.
func (v *view) passedOver(r Route) (n int64, err error) {
	if r.Type != "track" {
		return n, v.Scan(`SELECT coalesce(sum(value), 0) FROM run_counters WHERE name = ?1 AND run = (SELECT max(run) FROM runs)`, []any{"not_sent_" + r.Type + "_events_off"}, &n)
	}
	return n, v.Each(`SELECT name, count FROM unlisted WHERE kind = 'event'`, nil, func(rows *sql.Rows) error {
		var name string
		var count int64
		err := rows.Scan(&name, &count)
		if r.same("track", name) {
			n += count
		}
		return err
	})
}

// keepRoutes notes what this run sends. What it sends is not unlisted any more.
func (t *tx) keepRoutes(all []Route) error {
	if all == nil {
		return nil
	}
	if _, err := t.Exec(`DELETE FROM routes`); err != nil {
		return err
	}
	for _, r := range all {
		if _, err := t.Exec(`INSERT INTO routes (type, name, becomes) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, r.Type, r.Name, r.Becomes); err != nil {
			return err
		}
	}
	var gone []string
	err := t.Each(`SELECT name FROM unlisted WHERE kind = 'event'`, nil, func(rows *sql.Rows) error {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		for _, r := range all {
			if r.same("track", name) {
				gone = append(gone, name)
				break
			}
		}
		return nil
	})
	for _, name := range gone {
		if err == nil {
			_, err = t.Exec(`DELETE FROM unlisted WHERE kind = 'event' AND name = ?`, name)
		}
	}
	return err
}
