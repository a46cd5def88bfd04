package state

import (
	"database/sql"

	"github.com/impactsync/impactsync/state/internal/sqlite"
)

// Schema 13 splits a table that may have many millions of rows. They are moved in
// parts, each in a commit of its own, so that the log stays small. What is moved is
// gone from the old table: whoever is interrupted goes on there.

// halfMoved selects whether rows are still to be moved.
const halfMoved = `SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'trait_values_before')`

// movedAtOnce is how many rows are moved in a commit; tests set it.
var movedAtOnce = 50_000

// moveRows moves all rows, and tells progress how many of how many are moved.
func (d *DB) moveRows(progress func(rows, of int64)) error {
	var moved, all int64
	for more := true; more; {
		err := d.file.Update(d.point, func(t sqlite.Tx) (err error) {
			if all == 0 {
				if _, err := t.Get(`SELECT coalesce(sum(value), 0) FROM counters WHERE scope > 0 AND name NOT IN ('wanted', 'delivered', 'told')`, nil, &all); err != nil {
					return err
				}
			}
			var n int64
			n, more, err = moveSome(t)
			moved += n
			return err
		})
		if err != nil {
			return err
		}
		if progress != nil {
			progress(moved, max(all, moved))
		}
	}
	return nil
}

// moveSome moves some rows. After the last ones it drops the old tables, unless another
// process did.
func moveSome(t sqlite.Tx) (n int64, more bool, err error) {
	var trait, profile int64
	if _, err := t.Get(halfMoved, nil, &more); err != nil || !more {
		return 0, false, err
	}
	more, err = t.Get(`SELECT trait_id, profile_id FROM trait_values_before ORDER BY trait_id, profile_id LIMIT 1 OFFSET ?`, []any{movedAtOnce - 1}, &trait, &profile)
	if err != nil {
		return 0, false, err
	}
	for _, query := range []string{moveSettled, moveDue, `DELETE FROM trait_values_before AS v WHERE ` + untilRow} {
		if n, err = t.Exec(query, sql.NullInt64{Int64: trait, Valid: more}, profile); err != nil {
			return 0, false, err
		}
	}
	if more {
		return n, true, nil
	}
	return n, false, t.Script(`DROP TABLE trait_values_before; DROP TABLE trait_faults_before`)
}

const (
	// untilRow is true of rows up to one, or of all if its trait is NULL.
	untilRow = `(v.trait_id, v.profile_id) <= (coalesce(?1, 9223372036854775807), ?2)`

	messageBefore = `CASE WHEN coalesce(v.message_id, v.received_at, v.ordered_at) IS NOT NULL
		THEN json_patch('{}', json_object('id', v.message_id, 'received_at', v.received_at, 'ordered_at', v.ordered_at)) END`

	moveSettled = `INSERT INTO trait_values (trait_id, profile_id, wanted, delivered, delivered_at, wanted_at, origin, message)
		SELECT v.trait_id, v.profile_id, v.wanted, v.delivered, v.delivered_at / 1000, nullif(v.wanted_at, (SELECT listed_at FROM generations WHERE id = -v.origin)), v.origin, ` + messageBefore + `
		FROM trait_values_before v WHERE v.status = 0 AND v.doubt = 0 AND ` + untilRow

	moveDue = `INSERT INTO trait_due (trait_id, profile_id, status, is_exit, doubt, wanted, wanted_at, delivered, delivered_at, origin, message, sent, attempt,
			attempts, next_attempt_at, last_error, class, value, fingerprint, at)
		SELECT v.trait_id, v.profile_id, v.status, v.is_exit, v.doubt, v.wanted, v.wanted_at, v.delivered, v.delivered_at / 1000, v.origin, ` + messageBefore + `, v.sent, v.attempt,
			coalesce(f.attempts, 0), f.next_attempt_at, f.last_error, f.class, f.value, f.fingerprint, f.at
		FROM trait_values_before v LEFT JOIN trait_faults_before f ON f.trait_id = v.trait_id AND f.profile_id = v.profile_id AND v.status > 1
		WHERE (v.status > 0 OR v.doubt = 1) AND ` + untilRow
)
