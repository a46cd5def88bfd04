package state

import (
	"database/sql"
	"time"

	"github.com/impactsync/impactsync/state/internal/guard"
)

const (
	// guardWindow is how long what was let through counts for the next verdict.
	guardWindow = 24 * time.Hour
	// averageDays is how far back the daily average of conversions reaches.
	averageDays = 14
)

// guarded is a set and the scope of its rows.
type guarded struct {
	guard.Set
	scope int64
	key   string // of a trait
}

// traitSets returns the sets of traits that have fresh rows. Who was let through
// counts once, against the people told true at the window's start.
func (t *tx) traitSets() (all []*guarded, err error) {
	type set struct {
		trait int64
		exits bool
		guard.Measure
	}
	sets, err := collect(t, `SELECT w.trait_id, w.is_exit, w.fresh, w.held, coalesce(p.n, 0) - w.again, coalesce(c.value, 0) FROM (
			SELECT v.trait_id, v.is_exit, count(*) - count(v.class) AS fresh, count(v.class) AS held, count(g.at) AS again
			FROM trait_due v
			LEFT JOIN guard_passed g ON g.profile_id = v.profile_id AND g.trait_id = v.trait_id AND g.is_exit = v.is_exit
			WHERE v.status = 6 AND coalesce(v.class, '') NOT IN ('computation', 'suppressions', 'segment') GROUP BY 1, 2) w
		JOIN traits t ON t.id = w.trait_id
		LEFT JOIN (SELECT trait_id, is_exit, count(*) AS n FROM guard_passed GROUP BY 1, 2) p ON p.trait_id = w.trait_id AND p.is_exit = w.is_exit
		LEFT JOIN counters c ON c.scope = w.trait_id AND c.name = 'told'
		WHERE w.fresh > 0 ORDER BY t.key, w.is_exit`, nil, func(s *set) []any { return []any{&s.trait, &s.exits, &s.Fresh, &s.Held, &s.Passed, &s.Base} })
	if err != nil {
		return nil, err
	}
	for _, s := range sets {
		d := Joins
		if s.exits {
			d = Exits
		}
		tr := t.d.byID[s.trait]
		g := &guarded{guard.Of(d, t.d.guardOf(tr), s.Measure), tr.id, tr.key}
		if _, err := t.window(g, &g.Measures[0]); err != nil {
			return nil, err
		}
		all = append(all, g)
	}
	return all, nil
}

// conversionSet returns the fresh and the held conversions, measured by number and
// by the money of each currency. It has no measures if nothing is fresh.
func (t *tx) conversionSet() (*guarded, error) {
	limits := t.d.guards.Conversions
	s := &guarded{Set: guard.Set{Direction: ConversionBatch}, scope: scopeConversions}
	all, err := collect(t, `WITH waiting AS (SELECT coalesce(currency, '') AS unit, class IS NULL AS fresh, coalesce(amount, 0) AS amount FROM deliveries
			WHERE kind = 'conversion' AND status = 6 AND status > 0 AND (class IS NULL AND attempts = 0 OR class = 'conversions'))
		SELECT '', count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE NOT fresh) FROM waiting HAVING count(*) FILTER (WHERE fresh) > 0
		UNION ALL SELECT unit, coalesce(sum(amount) FILTER (WHERE fresh), 0), coalesce(sum(amount) FILTER (WHERE NOT fresh), 0) FROM waiting WHERE unit <> '' GROUP BY 1`, nil,
		func(m *guard.Measure) []any { return []any{&m.Unit, &m.Fresh, &m.Held} })
	if err != nil || len(all) == 0 || all[0].Unit != "" {
		return s, err
	}
	first, average, err := t.averages()
	if err != nil {
		return s, err
	}
	for i := range all {
		m := &all[i]
		if m.Limit = limits.Money; m.Unit == "" {
			m.Limit = limits.Count
		}
		m.Base = average[m.Unit]
		if m.Passed, err = t.window(s, m); err != nil {
			return s, err
		}
	}
	s.Exempt, s.Measures = first && !limits.FirstSync, all
	return s, nil
}

// averages returns the daily averages since the first delivery, or of the last 14
// days: the number of conversions under "", and the money of each currency. It
// reports whether nothing was delivered yet.
func (t *tx) averages() (first bool, average map[string]int64, err error) {
	const delivered = ` FROM deliveries WHERE kind = 'conversion' AND status = 0 AND outcome = 'delivered'`
	const day = int64(24 * time.Hour)
	var since sql.NullInt64
	if _, err := t.Get(`SELECT min(delivered_at)`+delivered, nil, &since); err != nil || !since.Valid {
		return true, nil, err
	}
	days := min(max((t.now-since.Int64+day-1)/day, 1), averageDays)
	average, err = pairs[int64](t, `WITH sold AS (SELECT coalesce(currency, '') AS unit, amount`+delivered+` AND delivered_at > ?)
		SELECT '', count(*) FROM sold UNION ALL SELECT unit, coalesce(sum(amount), 0) FROM sold WHERE unit <> '' GROUP BY 1`, t.now-averageDays*day)
	for unit := range average {
		average[unit] /= days
	}
	return false, average, err
}

// window returns how much the verdicts of the window let through, and replaces a
// measure's base with the one at the window's start. A first sync starts a new
// window. The verdicts of a clock that was ahead do not count.
func (t *tx) window(s *guarded, m *guard.Measure) (passed int64, err error) {
	var base, oldest sql.NullInt64
	// Beside min(id), a plain column is that row's: https://sqlite.org/lang_select.html#bareagg
	_, err = t.Get(`SELECT base, min(id), coalesce(sum(fresh) FILTER (WHERE held = 0), 0) FROM guard_verdicts
		WHERE scope = ?1 AND direction = ?2 AND unit = ?3 AND at > ?4 AND at < ?5
			AND id > coalesce((SELECT max(id) FROM guard_verdicts WHERE scope = ?1 AND direction = ?2 AND unit = ?3 AND exempt = 1), 0)`,
		[]any{s.scope, s.Direction, m.Unit, t.now - int64(guardWindow), t.now + int64(guardWindow)}, &base, &oldest, &passed)
	if base.Valid {
		m.Base = base.Int64
	}
	return passed, err
}

// movePassed keeps the guard from counting a visitor who is a user by now twice.
func (t *tx) movePassed(anon, user int64) error {
	err := t.Put(`INSERT INTO guard_passed (profile_id, trait_id, is_exit, at) SELECT ?1, trait_id, is_exit, at FROM guard_passed WHERE profile_id = ?2
		ON CONFLICT DO UPDATE SET at = max(at, excluded.at)`, user, anon)
	if err != nil {
		return err
	}
	return t.Put(`DELETE FROM guard_passed WHERE profile_id = ?`, anon)
}
