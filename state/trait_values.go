package state

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The tables trait_values and trait_due. Every statement that writes them stands here,
// with the counters that it moves. A row is in trait_due, whole, while it is due or in
// doubt. The view trait_rows has both tables' rows.

const valueColumns = `status, doubt, wanted, wanted_at, delivered, delivered_at, sent, attempt, origin, message, attempts, next_attempt_at, last_error, class, value, fingerprint, at`

const (
	insertDue     = `INSERT OR REPLACE INTO trait_due (` + valueColumns + `, is_exit, trait_id, profile_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	insertSettled = `INSERT OR REPLACE INTO trait_values (wanted, wanted_at, delivered, delivered_at, origin, message, trait_id, profile_id)
		VALUES (?1, nullif(?2, (SELECT listed_at FROM generations WHERE id = -?5)), ?3, ?4, ?5, ?6, ?7, ?8)`

	// settledOfDue turns rows of trait_due (v) into rows of trait_values.
	settledOfDue = `INSERT OR REPLACE INTO trait_values (trait_id, profile_id, wanted, wanted_at, origin, message, delivered, delivered_at)
		SELECT v.trait_id, v.profile_id, v.wanted, nullif(v.wanted_at, (SELECT listed_at FROM generations WHERE id = -v.origin)), v.origin, v.message, `
)

func (r *traitRow) dest() []any {
	return []any{&r.status, &r.doubt, value{&r.wanted}, &r.wantedAt, value{&r.delivered}, &r.deliveredAt, value{&r.sent}, &r.attempt, &r.origin, said{r},
		&r.attempts, &r.nextAttempt, &r.lastError, &r.class, &r.value, &r.fingerprint, &r.at}
}

func (r *traitRow) dueArgs() []any {
	return []any{r.status, r.doubt, stored(r.wanted), r.wantedAt, stored(r.delivered), r.deliveredAt, stored(r.sent), r.attempt, r.origin, r.message(),
		r.attempts, r.nextAttempt, r.lastError, r.class, r.value, r.fingerprint, r.at, r.status != statusSettled && r.isExit(), r.trait.id, r.profile}
}

func (r *traitRow) settledArgs() []any {
	return []any{stored(r.wanted), r.wantedAt, stored(r.delivered), r.deliveredAt, r.origin, r.message(), r.trait.id, r.profile}
}

// said scans what a row knows of a message.
type said struct{ *traitRow }

type message struct {
	ID         string `json:"id,omitempty"`
	ReceivedAt int64  `json:"received_at,omitempty"`
	OrderedAt  int64  `json:"ordered_at,omitempty"`
}

// Scan implements [sql.Scanner].
func (s said) Scan(from any) error {
	text, ok := from.(string)
	if !ok {
		return nil
	}
	var m message
	err := json.Unmarshal([]byte(text), &m)
	s.messageID = sql.NullString{String: m.ID, Valid: m.ID != ""}
	s.receivedAt = sql.NullInt64{Int64: m.ReceivedAt, Valid: m.ReceivedAt != 0}
	s.orderedAt = sql.NullInt64{Int64: m.OrderedAt, Valid: m.OrderedAt != 0}
	return err
}

// message returns what a table holds of the message that said what is wanted.
func (r *traitRow) message() any {
	m := message{r.messageID.String, r.receivedAt.Int64, r.orderedAt.Int64}
	if m == (message{}) {
		return nil
	}
	text, _ := json.Marshal(m) // texts and numbers always can be
	return string(text)
}

// traitRow reads a person's row of a trait, which need not exist.
func (t *tx) traitRow(tr *trait, profile int64) (traitRow, error) {
	r := traitRow{trait: tr, profile: profile}
	var err error
	r.exists, err = t.Get(`SELECT `+valueColumns+` FROM trait_rows WHERE trait_id = ? AND profile_id = ?`, []any{tr.id, profile}, r.dest()...)
	return r, err
}

// dueWhere reads rows of trait_due (v).
func (t *tx) dueWhere(condition string, args ...any) ([]traitRow, error) {
	return t.traitRows(`trait_due v WHERE `+condition, args...)
}

// rowsOf reads every row of a person, by trait key.
func (t *tx) rowsOf(profile int64) ([]traitRow, error) {
	rows, err := t.traitRows(`trait_rows WHERE trait_id IN (SELECT id FROM traits) AND profile_id = ?`, profile)
	slices.SortFunc(rows, byKey)
	return rows, err
}

func byKey(a, b traitRow) int { return cmp.Compare(a.trait.key, b.trait.key) }

func (t *tx) traitRows(from string, args ...any) ([]traitRow, error) {
	var all []traitRow
	err := t.Each(`SELECT trait_id, profile_id, `+valueColumns+` FROM `+from, args, func(rows *sql.Rows) error {
		var id int64
		r := traitRow{exists: true}
		if err := rows.Scan(append([]any{&id, &r.profile}, r.dest()...)...); err != nil {
			return err
		}
		var err error
		r.trait, err = t.traitOf(id)
		all = append(all, r)
		return err
	})
	return all, err
}

// traitOf returns the trait of a value.
func (t *tx) traitOf(id int64) (*trait, error) {
	if tr := t.d.byID[id]; tr != nil {
		return tr, nil
	}
	return nil, fmt.Errorf("%w: a value is of trait %d, which does not exist", ErrUnusable, id)
}

// put stores a row in place of old.
func (t *tx) put(old, r traitRow) error {
	if old.exists {
		t.countValue(&old, -1)
	}
	t.countValue(&r, 1)
	t.countMoved(r.trait.id, one(r.isWanted())-one(old.exists && old.isWanted()))
	if r.status == statusHeld && old.status == statusHeld && r.wanted == old.wanted {
		r.fault = old.fault // it is still held for the same reason
	}
	if !r.settled() {
		return t.Put(insertDue, r.dueArgs()...)
	}
	if err := t.Put(insertSettled, r.settledArgs()...); err != nil || !old.exists || old.settled() {
		return err
	}
	return t.deleteDue(&r)
}

func (t *tx) deleteDue(r *traitRow) error {
	_, err := t.Exec(`DELETE FROM trait_due WHERE trait_id = ? AND profile_id = ?`, r.trait.id, r.profile)
	return err
}

func (t *tx) deleteTraitRow(r traitRow) error {
	t.countValue(&r, -1)
	t.countMoved(r.trait.id, -one(r.isWanted()))
	if err := t.deleteDue(&r); err != nil {
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

func (t *tx) countChange(old, r *traitRow) {
	t.countValue(old, -1)
	t.countValue(r, 1)
}

func (t *tx) countValue(r *traitRow, by int64) {
	id := r.trait.id
	t.count(id, "wanted", by*one(r.isWanted()))
	t.count(id, "delivered", by*one(r.isDelivered()))
	t.count(id, "told", by*one(r.told()))
	t.count(id, statusNames[r.status], by)
}

// valueKey names a row: its trait, its profile, and the attempt that sends it.
type valueKey [3]int64

func keysOf(claims []*Claim) []valueKey {
	keys := make([]valueKey, 0, len(claims))
	for _, c := range claims {
		for i := range c.Values {
			keys = append(keys, valueKey{c.Values[i].trait.id, c.Profile, c.Attempt})
		}
	}
	return keys
}

const (
	// listed reads a parameter of json_each as a table of keys.
	listed = `WITH list AS MATERIALIZED (SELECT key, value ->> 0 AS trait_id, value ->> 1 AS profile_id, value ->> 2 AS attempt FROM json_each(?1)) `

	// listedInFlight selects those of the listed rows of trait_due (v) that are still in
	// flight, with what is wanted. Attempts have numbers of their own. With the plus
	// SQLite uses the table's key.
	listedInFlight = ` WHERE (v.trait_id, v.profile_id) IN (SELECT trait_id, profile_id FROM list) AND v.attempt IN (SELECT attempt FROM list)
		AND +v.status = 2 AND v.sent IS coalesce(v.wanted, 0)`
)

// claimValues marks what claims send as in flight.
func (t *tx) claimValues(claims []*Claim) error {
	_, err := t.Exec(listed+`UPDATE trait_due AS v SET status = 2, doubt = 1, sent = coalesce(wanted, 0), attempt = list.attempt, next_attempt_at = NULL
		FROM list WHERE v.trait_id = list.trait_id AND v.profile_id = list.profile_id`, asJSON(keysOf(claims)))
	return err
}

// deliverValues settles what claims sent, as far as it is still in flight, and reports
// whether that was all of it.
func (t *tx) deliverValues(claims []*Claim) (all bool, err error) {
	if len(claims) == 0 {
		return true, nil
	}
	keys := keysOf(claims)
	list := asJSON(keys)
	if _, err := t.Exec(listed+settledOfDue+`v.sent, ?2 FROM trait_due v`+listedInFlight, list, t.now/int64(time.Second)); err != nil {
		return false, err
	}
	n := 0
	dest := func(v *dueValue) []any {
		return []any{&v.traitID, value{&v.wanted}, value{&v.delivered}, value{&v.sent}}
	}
	for v, err := range each(t, listed+`DELETE FROM trait_due AS v`+listedInFlight+` RETURNING trait_id, wanted, delivered, sent`, []any{list}, dest) {
		if err != nil {
			return false, err
		}
		if v.trait, err = t.traitOf(v.traitID); err != nil {
			return false, err
		}
		v.status, v.doubt = statusInFlight, true
		next := v.answered(t.now)
		t.countChange(&v.traitRow, &next)
		n++
	}
	t.countRun("delivered", int64(n))
	return n == len(keys), nil
}

// noFault is the SQL by which rows have no trouble any more.
const noFault = `attempts = 0, next_attempt_at = NULL, last_error = NULL, class = NULL, value = NULL, fingerprint = NULL, at = NULL`

// releaseValues makes rows of trait_due (v) pending, whatever their traits, and returns
// how many. Which is a condition of numbered parameters.
func (t *tx) releaseValues(which string, args ...any) (int64, error) {
	return t.moveValues(statusPending, which, args, noFault)
}

// holdValues makes rows of trait_due (v) held, with the guard's reason. They count as
// held later than any approval was given, even if the clock was set back.
func (t *tx) holdValues(d Direction, reason, which string, args ...any) error {
	n := len(args)
	set := fmt.Sprintf(`class = ?%d, last_error = ?%d, next_attempt_at = NULL, at = max(?%d, (SELECT coalesce(max(created_at), 0) + 1 FROM approvals_given WHERE used IS NULL))`, n+1, n+2, n+3)
	_, err := t.moveValues(statusHeld, which, args, set, d, null(reason), t.now)
	return err
}

// moveValues gives rows of trait_due (v) another status and what else is to be set.
func (t *tx) moveValues(to status, which string, args []any, set string, more ...any) (n int64, err error) {
	which = ` WHERE ` + which
	all, err := t.tally(`SELECT trait_id, status, count(*) FROM trait_due v`+which+` GROUP BY 1, 2`, args)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	n = t.countMoves(all, to)
	_, err = t.Exec(fmt.Sprintf(`UPDATE trait_due AS v SET status = %d, %s`, to, set)+which, append(args, more...)...)
	return n, err
}

// addMembers stores what a list wants of people who have no row of its trait yet.
func (t *tx) addMembers(tr *trait, at, origin int64, people []member) error {
	args := make([]any, 0, 3+2*len(people))
	args = append(args, tr.id, at, origin)
	for i := range people {
		args = append(args, people[i].id, stored(people[i].wanted()))
	}
	// FAIL spares SQLite the copies that it keeps to undo one statement: a failure undoes all of the merge.
	_, err := t.Exec(valuesOf(`INSERT OR FAIL INTO trait_due (trait_id, wanted_at, origin, status, profile_id, wanted) VALUES `, "(?1, ?2, ?3, 1, ?, ?)", len(people)), args...)
	n := int64(len(people))
	t.countRun("found", n)
	t.count(tr.id, "wanted", n)
	t.countMoved(tr.id, n)
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
	// Whoever has a row of what is due is left to others, hence IGNORE.
	n, err = t.Exec(valuesOf(`INSERT OR IGNORE INTO trait_due (trait_id, profile_id, status, is_exit, wanted, wanted_at, origin, delivered, delivered_at)
		SELECT trait_id, profile_id, ?4, 1, 0, ?2, ?3, 1, delivered_at FROM trait_values WHERE trait_id = ?1 AND wanted = 1 AND delivered = 1 AND profile_id IN (`, "?", len(people))+")", args...)
	t.countRun("found", n)
	t.count(tr.id, "wanted", -n)
	t.countMoved(tr.id, -n)
	t.countStatus(tr.id, statusSettled, due, n)
	return n, err
}

// adoptValues takes what is wanted of a trait as delivered.
func (t *tx) adoptValues(tr *trait) (n int64, err error) {
	_, err = t.Exec(settledOfDue+`coalesce(v.wanted, 0), ?2 FROM trait_due v WHERE v.trait_id = ?1 AND v.status > 0`, tr.id, t.now/int64(time.Second))
	if err != nil {
		return 0, err
	}
	n, err = t.Exec(`DELETE FROM trait_due WHERE trait_id = ? AND status > 0`, tr.id)
	return n, errors.Join(err, t.recount(tr))
}

// doubtValues sets doubt on rows of a trait, or only on those that impact.com was ever
// told, and makes those due that are not refused, held or in flight. It returns how
// many became due, and how many stayed as they were.
func (t *tx) doubtValues(tr *trait, told bool) (due, stay int64, err error) {
	const (
		doubt = `UPDATE trait_due SET doubt = 1, sent = coalesce(sent, delivered), attempt = NULL, is_exit = (?2 = 'audience' AND wanted IS NOT 1)`
		// A computed trait without a value has nothing that could be sent.
		where = ` WHERE trait_id = ?1 AND (?2 = 'audience' OR wanted IS NOT NULL) AND `
		known = `(delivered IS NOT NULL OR doubt = 1 OR NOT ?3) AND (status <> 2 OR NOT ?3) AND `
	)
	args := []any{tr.id, tr.class, told}
	if stay, err = t.Exec(doubt+where+known+`status IN (4, 6)`, args...); err != nil {
		return 0, 0, err
	}
	if due, err = t.Exec(doubt+`, status = 1, `+noFault+where+known+`status NOT IN (4, 6)`, args...); err != nil {
		return 0, 0, err
	}
	settled, err := t.Exec(`INSERT OR IGNORE INTO trait_due (trait_id, profile_id, status, is_exit, doubt, sent, wanted, wanted_at, delivered, delivered_at, origin, message)
		SELECT trait_id, profile_id, 1, ?2 = 'audience' AND wanted IS NOT 1, 1, delivered, wanted, coalesce(wanted_at, (SELECT listed_at FROM generations WHERE id = -origin)), delivered, delivered_at, origin, message
		FROM trait_values`+where+`(delivered IS NOT NULL OR NOT ?3)`, args...)
	return due + settled, stay, errors.Join(err, t.recount(tr))
}

// leaveHome removes the rows of a range of people that are settled, and written to a
// table elsewhere, and returns whose they were. The counters keep them: they are away.
func (t *tx) leaveHome(tr *trait, after, last int64) (people []int64, err error) {
	args := []any{tr.id, after, last, tr.class}
	const (
		within = ` WHERE trait_id = ?1 AND profile_id > ?2 AND profile_id <= ?3`
		// A computed trait that was cleared is not as the table has it.
		leaves = within + ` AND (?4 = 'audience' OR delivered IS NULL OR wanted IS delivered)`
	)
	if _, err = t.Exec(`DELETE FROM trait_values AS v`+within+` AND EXISTS (SELECT 1 FROM trait_due d WHERE d.trait_id = v.trait_id AND d.profile_id = v.profile_id)`, args[:3]...); err != nil {
		return nil, err
	}
	type left struct {
		id        int64
		delivered sql.NullString
	}
	rows, err := collect(t, `DELETE FROM trait_values`+leaves+` RETURNING profile_id, delivered`, args, func(l *left) []any { return []any{&l.id, value{&l.delivered}} })
	for _, l := range rows {
		people = append(people, l.id)
		if r := (traitRow{trait: tr, delivered: l.delivered}); l.delivered.Valid {
			t.countAway(tr, one(r.isDelivered()), 1)
		} else {
			t.count(tr.id, statusNames[statusSettled], -1)
		}
	}
	if err != nil {
		return nil, err
	}
	for _, table := range []string{"trait_values", "trait_due"} { // what stays is written, too
		if _, err := t.Exec(`UPDATE `+table+` SET delivered_at = NULL`+within+` AND delivered IS NOT NULL AND delivered_at IS NOT NULL`, args[:3]...); err != nil {
			return nil, err
		}
	}
	return people, nil
}

// countedValues counts rows as the counters do.
func countedValues(where string) string {
	return `WITH counted AS MATERIALIZED (SELECT v.trait_id, v.status, count(*) AS n, count(*) FILTER (WHERE ` + isTrue("v.wanted") + `) AS wanted, count(*) FILTER (WHERE ` + isTrue("v.delivered") + `) AS delivered,
			count(*) FILTER (WHERE v.doubt = 1 AND v.sent IS NOT 0 OR ` + isTrue("v.delivered") + `) AS told FROM trait_rows v LEFT JOIN traits t ON t.id = v.trait_id ` + where + ` GROUP BY 1, 2)
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
	for c := range t.moved {
		if c.scope == tr.id {
			delete(t.moved, c)
		}
	}
	if _, err := t.Exec(`DELETE FROM counters WHERE scope = ? AND name NOT IN ('away', 'away_all')`, tr.id); err != nil {
		return err
	}
	_, err := t.Exec(`INSERT INTO counters (scope, name, value) SELECT scope, name, value FROM (`+countedValues(`WHERE v.trait_id = ?`)+`)`, tr.id)
	if err != nil || !tr.elsewhere {
		return err
	}
	_, err = t.Exec(`INSERT INTO counters (scope, name, value) SELECT scope, name, value FROM (`+countedAway+`) WHERE scope = ?
		ON CONFLICT (scope, name) DO UPDATE SET value = value + excluded.value`, tr.id)
	return err
}

// countedAway counts rows that are elsewhere as the counters do.
const countedAway = `SELECT c.scope, n.name, c.value FROM counters c JOIN (SELECT 'wanted' AS name UNION ALL VALUES ('delivered'), ('told')) n WHERE c.name = 'away'
	UNION ALL SELECT scope, 'settled', value FROM counters WHERE name = 'away_all'`

// tornValues are values that would wait for ever: without the time of their retry, or
// refused without a reason.
const tornValues = `(v.status IN (3, 5) AND v.next_attempt_at IS NULL OR v.status = 4 AND v.at IS NULL)`

// failed stores a row whose claim did not end well.
func (t *tx) failed(old, next traitRow, o *Outcome) error {
	next.fault = fault{
		attempts: old.attempts + 1, at: sql.NullInt64{Int64: t.now, Valid: true}, value: old.sent,
		lastError: sql.NullString{String: o.Error, Valid: true}, class: nullText(o.Class), fingerprint: nullText(o.Fingerprint),
		nextAttempt: sql.NullInt64{Int64: unix(o.Next), Valid: next.status != statusRefused},
	}
	return t.put(old, next)
}

// nullText makes an empty text NULL.
func nullText(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

// unapproved returns why a row is held whose computation is not approved.
func (t *tx) unapproved(c computation) fault {
	return fault{class: nullText(string(NewComputation)), value: nullText(c.name()), lastError: nullText(c.against()), at: sql.NullInt64{Int64: t.now, Valid: true}}
}

// dropUnapproved lets the rows that a computation holds wait for a verdict.
func (t *tx) dropUnapproved(traitID int64, computation string) (int64, error) {
	return t.Exec(`UPDATE trait_due SET `+noFault+` WHERE trait_id = ? AND class = 'computation' AND value = ?`, traitID, computation)
}

// clampRetries lets what would wait beyond a time go at once.
func (t *tx) clampRetries(latest int64) error {
	_, err := t.Exec(`UPDATE trait_due SET next_attempt_at = ? WHERE next_attempt_at > ?`, t.now, latest)
	return err
}
