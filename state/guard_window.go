package state

import "database/sql"

// waiting is the part of a trait's rows, in one direction, that waits for a
// verdict or was held by one.
type waiting struct {
	trait           int64
	exits           bool
	fresh, standing int64
	passed          int64 // people who were let through within the window, and are not among these
}

// waitings gives the sets that have something fresh.
func (t *tx) waitings() ([]waiting, error) {
	var all []waiting
	err := t.each(`SELECT v.trait_id, v.is_exit, count(*) FILTER (WHERE f.class IS NULL), count(*) FILTER (WHERE f.class IS NOT NULL), -count(g.at)
		FROM trait_values v LEFT JOIN trait_faults f ON f.trait_id = v.trait_id AND f.profile_id = v.profile_id
		LEFT JOIN guard_passed g ON g.profile_id = v.profile_id AND g.trait_id = v.trait_id AND g.is_exit = v.is_exit
		WHERE v.status = 6 AND v.status > 0 AND coalesce(f.class, '') NOT IN ('computation', 'suppressions') GROUP BY 1, 2`, nil, func(rows *sql.Rows) error {
		var w waiting
		err := rows.Scan(&w.trait, &w.exits, &w.fresh, &w.standing, &w.passed)
		if w.fresh > 0 {
			all = append(all, w)
		}
		return err
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all, t.each(`SELECT trait_id, is_exit, count(*) FROM guard_passed GROUP BY 1, 2`, nil, func(rows *sql.Rows) error {
		var of waiting
		err := rows.Scan(&of.trait, &of.exits, &of.passed)
		for i := range all {
			if all[i].trait == of.trait && all[i].exits == of.exits {
				all[i].passed += of.passed
			}
		}
		return err
	})
}

// forgetPassed drops who was let through before the window, or by a clock that
// was ahead.
func (t *tx) forgetPassed() error {
	_, err := t.exec(`DELETE FROM guard_passed WHERE at <= ? OR at >= ?`, t.now-int64(guardWindow), t.now+int64(guardWindow))
	return err
}

// notePassed remembers who is let through, for the window. After a first sync
// it begins anew.
func (t *tx) notePassed(q *question) error {
	query, args := `INSERT INTO guard_passed (profile_id, trait_id, is_exit, at) SELECT v.profile_id, ?1, ?2, ?3 FROM trait_values v WHERE`+freshRows+`
		ON CONFLICT DO UPDATE SET at = excluded.at`, []any{q.scope, q.direction == Exits, t.now}
	if q.exempt {
		query, args = `DELETE FROM guard_passed WHERE trait_id = ? AND is_exit = ?`, args[:2]
	}
	_, err := t.exec(query, args...)
	return err
}
