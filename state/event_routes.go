package state

import (
	"context"
	"slices"
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

// NewRoutes returns those of a configuration's routes that the last run did not
// have. Runs of older versions did not store their routes: after these, a route is
// new only if runs passed over its messages. Before the first run none is new.
func (d *DB) NewRoutes(ctx context.Context, all []Route) (fresh []NewRoute, err error) {
	return fresh, d.view(ctx, func(v *view) error {
		old, err := collect(v, `SELECT type, name, becomes FROM routes`, nil, func(r *Route) []any { return []any{&r.Type, &r.Name, &r.Becomes} })
		if err != nil {
			return err
		}
		for _, r := range all {
			n := NewRoute{Route: r}
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
			if len(old) > 0 || n.PassedOver > 0 {
				fresh = append(fresh, n)
			}
		}
		return nil
	})
}

// same reports whether a route is of these messages, in any case of letters.
func (r Route) same(kind, name string) bool {
	return r.Type == kind && strings.EqualFold(strings.TrimSpace(r.Name), strings.TrimSpace(name))
}

// passedOver counts the messages of a route that runs read and did not send: of
// track events all there ever were, of the others those of the last run.
func (v *view) passedOver(r Route) (n int64, err error) {
	if r.Type != "track" {
		return n, v.Scan(`SELECT coalesce(sum(value), 0) FROM run_counters WHERE name = ?1 AND run = (SELECT max(run) FROM runs)`, []any{"not_sent_" + r.Type + "_events_off"}, &n)
	}
	all, err := unlistedEvents(v)
	for _, u := range all {
		n += u.count * one(r.same("track", u.name))
	}
	return n, err
}

// keepRoutes stores what this run sends. What it sends is no longer unlisted.
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
	unlisted, err := unlistedEvents(t)
	if err != nil {
		return err
	}
	for _, u := range unlisted {
		if slices.ContainsFunc(all, func(r Route) bool { return r.same("track", u.name) }) {
			if err := t.listEvent(u.name); err != nil {
				return err
			}
		}
	}
	return nil
}
