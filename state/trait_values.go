package state

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The tables trait_values and trait_faults. Every statement that writes them stands
// here, with the counters that it moves. A row of trait_faults says what is the
// matter with a value that failed, or is held: it goes with the value's status.

const valueColumns = `status, doubt, wanted, wanted_at, delivered, delivered_at, sent, attempt, origin, received_at, message_id, ordered_at`

const (
	insertValue = `INSERT INTO trait_values (` + valueColumns + `, is_exit, trait_id, profile_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	updateValue = `UPDATE trait_values SET (` + valueColumns + `, is_exit) = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE trait_id = ? AND profile_id = ?`
)

func (r *traitRow) dest() []any {
	return []any{&r.status, &r.doubt, value{&r.wanted}, &r.wantedAt, value{&r.delivered}, &r.deliveredAt, value{&r.sent}, &r.attempt, &r.origin, &r.receivedAt, &r.messageID, &r.orderedAt}
}

func (r *traitRow) args() []any {
	return []any{r.status, r.doubt, stored(r.wanted), r.wantedAt, stored(r.delivered), r.deliveredAt, stored(r.sent), r.attempt, r.origin, r.receivedAt, r.messageID, r.orderedAt, r.status != statusSettled && r.isExit(), r.trait.id, r.profile}
}

// traitRow reads a person's row of a trait, which need not exist.
func (t *tx) traitRow(tr *trait, profile int64) (traitRow, error) {
	r := traitRow{trait: tr, profile: profile}
	var err error
	r.exists, err = t.Get(`SELECT `+valueColumns+` FROM trait_values WHERE trait_id = ? AND profile_id = ?`, []any{tr.id, profile}, r.dest()...)
	return r, err
}

// traitRowsWhere reads rows of trait_values (v) with their faults (f). On hot paths its parameters stand as (SELECT ?): where one is compared
// with a column of a table that has a partial index, SQLite prepares the statement
// anew for each value.
func (t *tx) traitRowsWhere(condition string, args ...any) ([]traitRow, error) {
	var all []traitRow
	err := t.Each(`SELECT v.trait_id, v.profile_id, coalesce(f.attempts, 0), coalesce(f.next_attempt_at, 0), `+valueColumns+`
		FROM trait_values v LEFT JOIN trait_faults f ON f.trait_id = v.trait_id AND f.profile_id = v.profile_id WHERE `+condition, args, func(rows *sql.Rows) error {
		var id int64
		r := traitRow{exists: true}
		if err := rows.Scan(append([]any{&id, &r.profile, &r.attempts, &r.nextAttempt}, r.dest()...)...); err != nil {
			return err
		}
		if r.trait = t.d.byID[id]; r.trait == nil {
			return fmt.Errorf("%w: a value is of trait %d, which does not exist", ErrUnusable, id)
		}
		all = append(all, r)
		return nil
	})
	return all, err
}

// rowsOf reads every row of a person, by trait key.
func (t *tx) rowsOf(profile int64) ([]traitRow, error) {
	rows, err := t.traitRowsWhere(`v.trait_id IN (SELECT id FROM traits) AND v.profile_id = (SELECT ?)`, profile)
	slices.SortFunc(rows, func(a, b traitRow) int { return cmp.Compare(a.trait.key, b.trait.key) })
	return rows, err
}

// put stores a row in place of old.
func (t *tx) put(old, r traitRow) error {
	if old.exists {
		t.countValue(&old, -1)
	}
	t.countValue(&r, 1)
	if old.exists && old.hasFault() && (r.status != old.status || old.status == statusHeld && old.wanted != r.wanted) {
		if err := t.clearFault(&r); err != nil {
			return err
		}
	}
	query := updateValue
	if !old.exists {
		query = insertValue
	}
	_, err := t.Exec(query, r.args()...)
	return err
}

func (t *tx) deleteTraitRow(r traitRow) error {
	t.countValue(&r, -1)
	if err := t.deleteFault(&r); err != nil {
		return err
	}
	_, err := t.Exec(`DELETE FROM trait_values WHERE trait_id = ? AND profile_id = ?`, r.trait.id, r.profile)
	return err
}

// putMoved makes rows pending, or settled if nothing is due.
func (t *tx) putMoved(rows []traitRow) error {
	for _, old := range rows {
		if err := t.put(old, old.moved()); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) countValue(r *traitRow, by int64) {
	id := r.trait.id
	t.count(id, "wanted", by*one(r.isWanted()))
	t.count(id, "delivered", by*one(r.isDelivered()))
	t.count(id, "told", by*one(r.told()))
	t.count(id, statusNames[r.status], by)
}

// moveValues gives rows of trait_values (v), whatever their traits, another
// status and returns how many. Which is a condition of numbered parameters.
func (t *tx) moveValues(to status, which string, args ...any) (n int64, err error) {
	all, err := t.tally(`SELECT trait_id, status, count(*) FROM trait_values v WHERE `+which+` GROUP BY 1, 2`, args)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	n = t.countMoves(all, to)
	if _, err := t.Exec(`WITH which AS (SELECT trait_id, profile_id FROM trait_values v WHERE `+which+`)
		UPDATE trait_values SET status = ? WHERE (trait_id, profile_id) IN which`, append(args, to)...); err != nil || to != statusPending {
		return n, err
	}
	for _, some := range all {
		if err := t.dropFaults(some.scope); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// addMembers stores what a list wants of people who have no row of its trait yet.
func (t *tx) addMembers(tr *trait, at, origin int64, people []member) error {
	args := make([]any, 0, 3+2*len(people))
	args = append(args, tr.id, at, origin)
	for i := range people {
		args = append(args, people[i].id, stored(people[i].wanted()))
	}
	// FAIL spares SQLite the copies that it keeps to undo one statement: a failure undoes all of the merge.
	_, err := t.Exec(valuesOf(`INSERT OR FAIL INTO trait_values (trait_id, wanted_at, origin, status, profile_id, wanted) VALUES `, "(?1, ?2, ?3, 1, ?, ?)", len(people)), args...)
	n := int64(len(people))
	t.countRun("found", n)
	t.count(tr.id, "wanted", n)
	t.count(tr.id, statusNames[statusPending], n)
	return err
}

// endMemberships makes false wanted of those of an audience's people who were
// told true and whose rows are settled, and returns how many they were.
func (t *tx) endMemberships(tr *trait, at, origin int64, due status, people []int64) (n int64, err error) {
	args := make([]any, 0, 4+len(people))
	args = append(args, tr.id, at, origin, due)
	for _, id := range people {
		args = append(args, id)
	}
	// FAIL: see addMembers.
	n, err = t.Exec(valuesOf(`UPDATE OR FAIL trait_values SET status = ?4, is_exit = 1, wanted = 0, wanted_at = ?2, origin = ?3, received_at = NULL, message_id = NULL, ordered_at = NULL
		WHERE trait_id = ?1 AND status = 0 AND wanted = 1 AND delivered = 1 AND doubt = 0 AND profile_id IN (`, "?", len(people))+")", args...)
	t.countRun("found", n)
	t.count(tr.id, "wanted", -n)
	t.countStatus(tr.id, statusSettled, due, n)
	return n, err
}

// adoptValues takes what is wanted of a trait as delivered.
func (t *tx) adoptValues(tr *trait) (n int64, err error) {
	n, err = t.Exec(`UPDATE trait_values SET delivered = coalesce(wanted, 0), delivered_at = ?1, doubt = 0, sent = NULL, attempt = NULL, status = 0, is_exit = 0
		WHERE trait_id = ?2 AND (wanted IS NOT NULL OR ?3 = 'audience' AND status > 0) AND (wanted IS NOT delivered OR doubt = 1 OR status > 0)
		AND NOT (?3 = 'audience' AND wanted = 0 AND delivered IS NULL AND doubt = 0)`, t.now/int64(time.Millisecond), tr.id, tr.class)
	return n, errors.Join(err, t.recount(tr))
}

// doubtValues sets doubt on rows of a trait, and makes those due that are not
// refused or held. It returns how many became due, and how many stayed as they were.
func (t *tx) doubtValues(tr *trait, which string) (due, stay int64, err error) {
	// A computed trait without a value has nothing that could be sent.
	const doubt, where = `UPDATE trait_values SET doubt = 1, sent = coalesce(sent, delivered), attempt = NULL, is_exit = (?2 = 'audience' AND wanted IS NOT 1)`,
		` WHERE trait_id = ?1 AND (?2 = 'audience' OR wanted IS NOT NULL) AND `
	if stay, err = t.Exec(doubt+where+which+` AND status IN (4, 6)`, tr.id, tr.class); err != nil {
		return 0, 0, err
	}
	due, err = t.Exec(doubt+`, status = 1`+where+which+` AND status NOT IN (4, 6)`, tr.id, tr.class)
	return due, stay, errors.Join(err, t.recount(tr))
}

// countedValues counts rows of trait_values (v) as the counters do.
func countedValues(where string) string {
	return `WITH counted AS MATERIALIZED (SELECT v.trait_id, v.status, count(*) AS n, count(*) FILTER (WHERE ` + isTrue("v.wanted") + `) AS wanted, count(*) FILTER (WHERE ` + isTrue("v.delivered") + `) AS delivered,
			count(*) FILTER (WHERE v.doubt = 1 AND v.sent IS NOT 0 OR ` + isTrue("v.delivered") + `) AS told FROM trait_values v LEFT JOIN traits t ON t.id = v.trait_id ` + where + ` GROUP BY 1, 2)
		SELECT c.trait_id AS scope, s.name, c.n AS value FROM counted c JOIN (` + statusRows + `) s ON s.status = c.status
		UNION ALL SELECT trait_id, 'wanted', sum(wanted) FROM counted GROUP BY 1
		UNION ALL SELECT trait_id, 'delivered', sum(delivered) FROM counted GROUP BY 1
		UNION ALL SELECT trait_id, 'told', sum(told) FROM counted GROUP BY 1`
}

// isTrue returns the SQL for a value of trait t that exists and, for an audience, is
// true.
func isTrue(column string) string {
	return column + ` IS NOT NULL AND (t.class = 'computed' OR ` + column + ` = 1)`
}

// recount counts a trait's rows afresh after a change in bulk.
func (t *tx) recount(tr *trait) error {
	if err := t.dropFaults(tr.id); err != nil {
		return err
	}
	for c := range t.moved {
		if c.scope == tr.id {
			delete(t.moved, c)
		}
	}
	if _, err := t.Exec(`DELETE FROM counters WHERE scope = ?`, tr.id); err != nil {
		return err
	}
	_, err := t.Exec(`INSERT INTO counters (scope, name, value) SELECT scope, name, value FROM (`+countedValues(`WHERE v.trait_id = ?`)+`)`, tr.id)
	return err
}

// guardClasses are the classes of faults by which the guard holds a row.
const guardClasses = `'exits', 'joins', 'computation', 'suppressions'`

const (
	strayFaults = ` FROM trait_faults f LEFT JOIN trait_values v ON v.trait_id = f.trait_id AND v.profile_id = f.profile_id WHERE coalesce(v.status, 0) IN (0, 1)`
	tornValues  = `v.status IN (3, 4, 5) AND v.status > 0 AND NOT EXISTS (SELECT 1 FROM trait_faults f
		WHERE f.trait_id = v.trait_id AND f.profile_id = v.profile_id AND (v.status = 4 OR f.next_attempt_at IS NOT NULL))`
)

// hasFault reports whether there may be a row of trait_faults.
func (r *traitRow) hasFault() bool {
	return r.status == statusRefused || r.status == statusRetryLater || r.status == statusUnknown || r.status == statusHeld
}

// noteFault stores why the sending of a value failed.
func (t *tx) noteFault(r *traitRow, value string, o *Outcome) error {
	var again any
	if r.status != statusRefused {
		again = unix(o.Next)
	}
	_, err := t.Exec(`INSERT INTO trait_faults (trait_id, profile_id, attempts, next_attempt_at, last_error, class, value, fingerprint, at) VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (trait_id, profile_id) DO UPDATE SET attempts = attempts + 1, next_attempt_at = excluded.next_attempt_at, last_error = excluded.last_error,
			class = excluded.class, value = excluded.value, fingerprint = excluded.fingerprint, at = excluded.at`,
		r.trait.id, r.profile, again, o.Error, null(o.Class), value, null(o.Fingerprint), t.now)
	return err
}

// noteUnapproved stores that a row is held because its computation is not approved.
func (t *tx) noteUnapproved(r *traitRow, c computation) error {
	_, err := t.Exec(`INSERT OR REPLACE INTO trait_faults (trait_id, profile_id, class, value, last_error, at) VALUES (?, ?, 'computation', ?, ?, ?)`,
		r.trait.id, r.profile, c.name(), c.against(), t.now)
	return err
}

// noteHeld stores that the guard holds rows of trait_values (v), and why. They count
// as held later than any approval was given, even if the clock was set back.
func (t *tx) noteHeld(d Direction, reason, which string, args ...any) error {
	_, err := t.Exec(`WITH which AS (SELECT trait_id, profile_id FROM trait_values v WHERE `+which+`) INSERT INTO trait_faults (trait_id, profile_id, class, last_error, at)
		SELECT trait_id, profile_id, ?, ?, max(?, (SELECT coalesce(max(created_at), 0) + 1 FROM approvals)) FROM which WHERE true
		ON CONFLICT DO UPDATE SET class = excluded.class, last_error = excluded.last_error, next_attempt_at = NULL, at = excluded.at`,
		append(args, d, null(reason), t.now)...)
	return err
}

// retryAtOnce lets a row that was not tried after all be tried again.
func (t *tx) retryAtOnce(r *traitRow) error {
	_, err := t.Exec(`UPDATE trait_faults SET next_attempt_at = ? WHERE trait_id = ? AND profile_id = ? AND next_attempt_at IS NULL AND class IS NULL`,
		t.now, r.trait.id, r.profile)
	return err
}

// clearFault deletes the fault of a row that has a new status. If the row is merely
// tried again, the count of attempts stays.
func (t *tx) clearFault(r *traitRow) error {
	if r.status != statusInFlight {
		return t.deleteFault(r)
	}
	_, err := t.Exec(`UPDATE trait_faults SET next_attempt_at = NULL WHERE trait_id = ? AND profile_id = ?`, r.trait.id, r.profile)
	return err
}

func (t *tx) deleteFault(r *traitRow) error {
	_, err := t.Exec(`DELETE FROM trait_faults WHERE trait_id = ? AND profile_id = ?`, r.trait.id, r.profile)
	return err
}

// dropFaults deletes the faults of a trait's rows that are settled or pending by now.
// Whatever changes many statuses at once calls it at the end.
func (t *tx) dropFaults(traitID int64) error {
	_, err := t.Exec(`DELETE FROM trait_faults AS f WHERE f.trait_id = ?
		AND coalesce((SELECT v.status FROM trait_values v WHERE v.trait_id = f.trait_id AND v.profile_id = f.profile_id), 0) IN (0, 1)`, traitID)
	return err
}

func (t *tx) dropStrayFaults() error {
	_, err := t.Exec(`DELETE FROM trait_faults WHERE (trait_id, profile_id) IN (SELECT f.trait_id, f.profile_id` + strayFaults + `)`)
	return err
}

// dropUnapproved lets the rows that a computation holds wait for a verdict.
func (t *tx) dropUnapproved(traitID int64, computation string) (int64, error) {
	return t.Exec(`DELETE FROM trait_faults WHERE trait_id = ? AND class = 'computation' AND value = ?`, traitID, computation)
}

// clampFaults lets what would wait beyond a time go at once.
func (t *tx) clampFaults(latest int64) error {
	_, err := t.Exec(`UPDATE trait_faults SET next_attempt_at = ? WHERE next_attempt_at > ?`, t.now, latest)
	return err
}
