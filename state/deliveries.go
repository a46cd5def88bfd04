package state

import "database/sql"

// What is asked of the table deliveries, and how the status of an event changes.

// heldUnanswered are the events that [Hold] keeps. What the guard holds has a
// class, or was never attempted.
const heldUnanswered = `status = 6 AND status > 0 AND class IS NULL AND attempts > 0`

const selectDue = `SELECT d.id, d.status, d.kind, d.profile_id, d.event, d.event_at, coalesce(d.payload, ''), d.attempts, d.doubt, d.has_click,
	coalesce(p.click_id, ''), coalesce(p.click_at, 0), coalesce(p.click_sure, 0), CASE d.status WHEN 1 THEN d.event_at ELSE d.next_attempt_at END, ` + waits + `
	FROM deliveries d LEFT JOIN profiles p ON p.id = d.profile_id `

// A conversion waits until no earlier page load of its person is open, because
// impact.com attributes it by them.
const waits = `d.kind = 'conversion' AND d.created_at >= ?4 AND EXISTS (SELECT 1 FROM deliveries o
	WHERE o.profile_id = d.profile_id AND o.status IN (1, 2, 3, 5) AND o.kind = 'page_load' AND o.event_at <= d.event_at)`

// The first of these goes along deliveries_next, the others along
// deliveries_due, each from a position on: an OR of both would sort the whole
// queue. SQLite uses a partial index only where its condition stands in the query
// word for word, hence the "status > 0".
var dueEvents = [...]string{
	selectDue + `WHERE d.status IN (3, 5) AND d.next_attempt_at <= ?3 AND d.kind = ?1 AND d.has_click = ?2 AND (d.next_attempt_at, d.id) > (?5, ?6) ORDER BY d.next_attempt_at, d.id`,
	selectDue + `WHERE d.kind = ?1 AND d.status = 1 AND d.status > 0 AND d.has_click = ?2 AND ?3 > 0 AND (d.event_at, d.id) > (?5, ?6) ORDER BY d.event_at, d.id`,
	selectDue + `WHERE d.kind = ?1 AND d.status = 1 AND d.status > 0 AND d.has_click = ?2 AND ?3 > 0 AND (d.event_at, d.id) > (?5, ?6) ORDER BY d.event_at DESC, d.id DESC`,
}

type deliveryRow struct {
	id       int64
	status   status
	kind     Kind
	profile  int64
	event    string
	at       int64
	payload  string
	attempts int
	doubt    bool
	hasClick bool
	clickID  string
	clickAt  int64
	sure     bool
	place    int64 // in its queue
	waits    bool  // for the person's page loads
}

func (r *deliveryRow) dest() []any {
	return []any{&r.id, &r.status, &r.kind, &r.profile, &r.event, &r.at, &r.payload, &r.attempts, &r.doubt, &r.hasClick, &r.clickID, &r.clickAt, &r.sure, &r.place, &r.waits}
}

// moveEvents gives events another status and returns how many. Outcome is that of
// settled ones. Which is a condition of ours, of numbered parameters.
func (t *tx) moveEvents(to status, outcome, which string, args ...any) (n int64, err error) {
	err = t.Each(`SELECT kind, status, count(*) FROM deliveries WHERE `+which+` GROUP BY 1, 2`, args, func(rows *sql.Rows) error {
		var kind Kind
		var from status
		var some int64
		err := rows.Scan(&kind, &from, &some)
		t.countEvents(kind, from, to, some)
		n += some
		return err
	})
	if err != nil || n == 0 {
		return n, err
	}
	var set string
	switch to {
	case statusSettled:
		set, args = `payload = NULL, next_attempt_at = NULL, delivered_at = ?, outcome = ?`, append(args, t.now, outcome)
		t.countRun("dropped", n)
	case statusPending:
		set = `next_attempt_at = NULL, class = NULL, refused_at = NULL, fingerprint = NULL, last_error = CASE class WHEN 'suppressions' THEN NULL ELSE last_error END`
	default: // no answer came
		set, args = `next_attempt_at = ?, last_error = CASE status WHEN 2 THEN ? ELSE last_error END`, append(args, t.now, diedError)
	}
	_, err = t.Exec(`WITH which AS (SELECT id FROM deliveries WHERE `+which+`) UPDATE deliveries SET attempt = NULL, `+set+`, status = ? WHERE id IN which`, append(args, to)...)
	return n, err
}

func (t *tx) countEvents(kind Kind, from, to status, n int64) {
	t.count(scopeOf(kind), statusNames[from], -n)
	t.count(scopeOf(kind), statusNames[to], n)
}

// claimEvent marks an event as in flight.
func (t *tx) claimEvent(r *deliveryRow, attempt int64) error {
	t.countEvents(r.kind, r.status, statusInFlight, 1)
	_, err := t.Exec(`UPDATE deliveries SET status = 2, doubt = 1, attempt = ?, attempts = attempts + 1 WHERE id = ?`, attempt, r.id)
	return err
}

// giveBackEvent makes an event what it was before its claim.
func (t *tx) giveBackEvent(r *deliveryRow, doubt bool) error {
	t.countEvents(r.kind, statusInFlight, r.status, 1)
	_, err := t.Exec(`UPDATE deliveries SET status = ?, doubt = ?, attempt = NULL, attempts = attempts - 1 WHERE id = ?`, r.status, doubt, r.id)
	return err
}

// eventEnd is what a claim makes of an event.
type eventEnd struct {
	to        status
	doubt     bool
	outcome   string // of statusSettled
	queuedURI string
}

// endEvent ends the claim of an event.
func (t *tx) endEvent(r *deliveryRow, o *Outcome, end *eventEnd) error {
	t.countEvents(r.kind, statusInFlight, end.to, 1)
	if end.to == statusSettled {
		var lookAt any
		if end.queuedURI != "" {
			lookAt = t.now + int64(firstLook)
		}
		_, err := t.Exec(`UPDATE deliveries SET status = 0, payload = NULL, attempt = NULL, next_attempt_at = NULL, last_error = NULL, doubt = ?, delivered_at = ?, outcome = ?, queued_uri = ?, look_at = ? WHERE id = ?`,
			end.doubt, t.now, end.outcome, null(end.queuedURI), lookAt, r.id)
		return err
	}
	var next, refused any = unix(o.Next), nil
	if end.to == statusRefused {
		next, refused = nil, t.now
	}
	_, err := t.Exec(`UPDATE deliveries SET status = ?, doubt = ?, attempt = NULL, next_attempt_at = ?, last_error = ?, class = ?, refused_at = ?, fingerprint = ? WHERE id = ?`,
		end.to, end.doubt, next, o.Error, null(o.Class), refused, null(o.Fingerprint), r.id)
	return err
}
