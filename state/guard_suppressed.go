package state

import "database/sql"

// What is held with a person whose suppression is, and what is not any more.
const (
	heldPeople  = `(SELECT profile_id FROM suppressions WHERE held = 1)`
	dueOfHeld   = ` status IN (1, 3, 5) AND status > 0 AND profile_id IN ` + heldPeople
	freedValues = `SELECT v.trait_id, v.profile_id FROM trait_values v JOIN trait_faults f ON f.trait_id = v.trait_id AND f.profile_id = v.profile_id AND f.class = 'suppressions'
		WHERE v.status = 6 AND v.status > 0 AND v.profile_id NOT IN ` + heldPeople
	freedDeliveries = ` status = 6 AND status > 0 AND class = 'suppressions' AND profile_id NOT IN ` + heldPeople
)

// holdSuppressed holds everything that is due of the people whose suppression
// is held. What becomes due while a run sends is held by whoever makes it so.
func (t *tx) holdSuppressed() error {
	var reason string
	held, err := t.get(`SELECT reason FROM guard_verdicts WHERE scope = ? AND held = 1 AND EXISTS (SELECT 1 FROM suppressions WHERE held = 1) ORDER BY id DESC LIMIT 1`,
		[]any{scopeSuppressions}, &reason)
	if err != nil || !held {
		return err
	}
	if err := t.countMoves(`SELECT trait_id, status, count(*) FROM trait_values WHERE`+dueOfHeld+` GROUP BY 1, 2`, statusHeld); err != nil {
		return err
	}
	if err := t.countMoves(`SELECT CASE kind WHEN 'conversion' THEN -1 ELSE 0 END, status, count(*) FROM deliveries WHERE`+dueOfHeld+` GROUP BY 1, 2`, statusHeld); err != nil {
		return err
	}
	words := "the suppression is held: " + reason
	if _, err := t.exec(`INSERT INTO trait_faults (trait_id, profile_id, class, last_error, at) SELECT trait_id, profile_id, 'suppressions', ?, ? FROM trait_values WHERE`+dueOfHeld+`
		ON CONFLICT DO UPDATE SET class = excluded.class, last_error = excluded.last_error, next_attempt_at = NULL, at = excluded.at`, words, t.now); err != nil {
		return err
	}
	if _, err := t.exec(`UPDATE trait_values SET status = 6 WHERE` + dueOfHeld); err != nil {
		return err
	}
	_, err = t.exec(`UPDATE deliveries SET status = 6, class = 'suppressions', last_error = ?, next_attempt_at = NULL WHERE`+dueOfHeld, words)
	return err
}

// freeSuppressed frees what was held of people whose suppression is not any more.
func (t *tx) freeSuppressed() error {
	if err := t.countMoves(`SELECT trait_id, 6, count(*) FROM (`+freedValues+`) GROUP BY 1`, statusPending); err != nil {
		return err
	}
	if err := t.countMoves(`SELECT CASE kind WHEN 'conversion' THEN -1 ELSE 0 END, 6, count(*) FROM deliveries WHERE`+freedDeliveries+` GROUP BY 1`, statusPending); err != nil {
		return err
	}
	for _, q := range []string{
		`UPDATE trait_values SET status = 1 WHERE (trait_id, profile_id) IN (` + freedValues + `)`,
		`DELETE FROM trait_faults WHERE class = 'suppressions' AND profile_id NOT IN ` + heldPeople,
		`UPDATE deliveries SET status = 1, class = NULL, last_error = NULL WHERE` + freedDeliveries,
	} {
		if _, err := t.exec(q); err != nil {
			return err
		}
	}
	return nil
}

// countMoves moves the counters of rows, given as scope, status and number,
// that get another status.
func (t *tx) countMoves(query string, to status) error {
	return t.each(query, nil, func(rows *sql.Rows) error {
		var scope, n int64
		var from status
		if err := rows.Scan(&scope, &from, &n); err != nil {
			return err
		}
		t.count(scope, statusNames[from], -n)
		t.count(scope, statusNames[to], n)
		return nil
	})
}
