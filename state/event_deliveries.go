package state

import (
	"slices"
	"time"

	"github.com/impactsync/impactsync/sync/money"
)

// The table deliveries, which holds the events. Every statement that writes it
// stands here, with the counters that it moves.

const (
	// heldUnanswered selects the events that [Hold] keeps. What the guard holds has
	// a class, or was never attempted.
	heldUnanswered = `status = 6 AND status > 0 AND class IS NULL AND attempts > 0`
	eventTally     = `SELECT CASE kind WHEN 'conversion' THEN -1 ELSE 0 END, status, count(*) FROM deliveries WHERE `
	tornEvents     = ` FROM deliveries WHERE status IN (3, 5) AND next_attempt_at IS NULL AND coalesce(file, 0) = 0`
)

// event is one that is to be stored.
type event struct {
	*Event
	id      int64
	key     eventKey
	profile int64
	click   bool // the message had a click id
	origin  int64
	line    int64
}

// insertEvents stores events and returns those whose order is there already.
func (t *tx) insertEvents(events []event) (again []event, err error) {
	for i := range events {
		e := &events[i]
		switch added, err := t.insertEvent(e); {
		case err != nil:
			return nil, err
		case !added:
			again = append(again, *e)
			continue
		}
		t.count(scopeOf(e.Kind), statusNames[t.d.firstStatus(e.Kind)], 1)
		if err := t.insertItems(e); err != nil {
			return nil, err
		}
	}
	t.countRun("found", int64(len(events)-len(again)))
	return again, nil
}

// insertEvent stores an event, unless its order is there already.
func (t *tx) insertEvent(e *event) (added bool, err error) {
	if e.OrderID == "" {
		return true, t.Put(insertEvent, t.eventArgs(e)...)
	}
	n, err := t.Exec(insertEvent, t.eventArgs(e)...)
	return n > 0, err
}

const insertEvent = `INSERT INTO deliveries (id, kind, status, has_click, profile_id, message_id, event, event_at, created_at, payload, origin, line, event_type, order_id, amount, currency, own_refusal, unsure)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT), ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`

// eventArgs returns the values of a new row, as the driver takes them. The payload is
// bound as a blob, because a text would have to be copied for the driver.
func (t *tx) eventArgs(e *event) []any {
	var amount any
	if e.Currency != "" {
		amount = int64(e.Amount)
	}
	return []any{e.id, string(e.Kind), int64(t.d.firstStatus(e.Kind)), e.click, e.profile, e.MessageID, e.Name, nanos(e.At), t.now, e.Payload, e.origin, e.line,
		null(e.EventType), null(e.OrderID), amount, null(e.Currency), null(e.Refusal.Reason), e.Refusal.Unsure}
}

// claimEvents marks events as in flight. Their attempts have successive numbers.
func (t *tx) claimEvents(claims []*Claim) error {
	ids := make([]int64, len(claims))
	for i, c := range claims {
		ids[i] = c.Delivery
		t.countStatus(scopeOf(c.Kind), c.was, statusInFlight, 1)
	}
	_, err := t.Exec(`UPDATE deliveries AS d SET status = 2, doubt = 1, attempt = ?2 + c.key, attempts = attempts + 1 FROM json_each(?1) c WHERE d.id = c.value`,
		asJSON(ids), claims[0].Attempt)
	return err
}

// endEvent ends the claim of one event.
func (t *tx) endEvent(c *Claim, to status, set string, args ...any) error {
	t.countStatus(scopeOf(c.Kind), statusInFlight, to, 1)
	_, err := t.Exec(`UPDATE deliveries SET status = ?, attempt = NULL, `+set+` WHERE id = ?`, slices.Concat([]any{to}, args, []any{c.Delivery})...)
	return err
}

// giveBackEvent undoes the claim of an event.
func (t *tx) giveBackEvent(c *Claim, doubt bool) error {
	return t.endEvent(c, c.was, `doubt = ?, attempts = attempts - 1`, doubt)
}

// firstLook is when the verdict on a conversion is looked up first. One was seen
// complete after four minutes.
const firstLook = 10 * time.Minute

// closing ends the claim of an event that is not sent again.
type closing struct {
	Delivery  int64  `json:"id"`
	Attempt   int64  `json:"attempt"`
	QueuedURI string `json:"uri,omitempty"` // where a verdict on it is looked up
}

// closeEvents ends the claims of events of a kind, but for those that were forgotten
// meanwhile, and returns how many.
func (t *tx) closeEvents(kind Kind, outcome string, doubt bool, all ...closing) (int64, error) {
	n, err := t.Exec(`UPDATE deliveries AS d SET status = 0, payload = NULL, attempt = NULL, next_attempt_at = NULL, last_error = NULL, doubt = ?2, delivered_at = ?3, outcome = ?4,
		queued_uri = c.value ->> 'uri', look_at = CASE WHEN c.value ->> 'uri' IS NOT NULL THEN ?5 END
		FROM json_each(?1) c WHERE d.id = c.value ->> 'id' AND d.status = 2 AND d.attempt = c.value ->> 'attempt'`,
		asJSON(all), doubt, t.now, outcome, t.now+int64(firstLook))
	t.countStatus(scopeOf(kind), statusInFlight, statusSettled, n)
	return n, err
}

// failEvent ends the claim of an event that was refused, may be sent again, or is
// held.
func (t *tx) failEvent(o *Outcome, to status, doubt bool) error {
	var next, refusedAt any = unix(o.Next), nil
	if to == statusRefused {
		next, refusedAt = nil, t.now
	}
	return t.endEvent(o.Claim, to, `doubt = ?, next_attempt_at = ?, last_error = ?, class = ?, refused_at = ?, fingerprint = ?`,
		doubt, next, o.Error, null(o.Class), refusedAt, null(o.Fingerprint))
}

// moveEvents gives events another status, and what set says, and returns how
// many. Which is a condition of numbered parameters; set has unnamed ones.
func (t *tx) moveEvents(to status, which string, args []any, set string, more ...any) (n int64, err error) {
	all, err := t.tally(eventTally+which+` GROUP BY 1, 2`, args)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	n = t.countMoves(all, to)
	_, err = t.Exec(`WITH which AS (SELECT id FROM deliveries WHERE `+which+`) UPDATE deliveries SET status = ?, attempt = NULL, `+set+` WHERE id IN which`,
		slices.Concat(args, []any{to}, more)...)
	return n, err
}

// releaseEvents makes refused or held events due.
func (t *tx) releaseEvents(which string, args ...any) (int64, error) {
	return t.moveEvents(statusPending, which, args,
		`file = NULL, next_attempt_at = NULL, class = NULL, refused_at = NULL, fingerprint = NULL, last_error = CASE class WHEN 'suppressions' THEN NULL ELSE last_error END`)
}

// dropEvents gives events up.
func (t *tx) dropEvents(which string, args ...any) (int64, error) {
	n, err := t.moveEvents(statusSettled, which, args, `payload = NULL, next_attempt_at = NULL, delivered_at = ?, outcome = 'dropped'`, t.now)
	t.countRun("dropped", n)
	return n, err
}

const diedError = "the process ended before the answer came"

// applyPolicy treats events whose answer never came as a policy says.
func (t *tx) applyPolicy(p Policy, which string, args ...any) (int64, error) {
	if p == Drop {
		return t.dropEvents(which, args...)
	}
	return t.moveEvents(p.status(), which, args, `next_attempt_at = ?, last_error = CASE status WHEN 2 THEN ? ELSE last_error END`, t.now, diedError)
}

// holdEvents holds events that are due of people whose suppression is held.
func (t *tx) holdEvents(reason, which string, args ...any) (int64, error) {
	return t.moveEvents(statusHeld, which, args, `class = 'suppressions', next_attempt_at = NULL, last_error = ?`, reason)
}

// noteHeldConversions stores that the guard holds conversions.
func (t *tx) noteHeldConversions(which string, args ...any) error {
	_, err := t.Exec(`UPDATE deliveries SET class = 'conversions' WHERE `+which, args...)
	return err
}

// supersedeEvent gives up an event and frees its order for another one.
func (t *tx) supersedeEvent(id int64) error {
	n, err := t.moveEvents(statusSettled, `id = ?1 AND status > 0`, []any{id}, `event_type = NULL, payload = NULL, outcome = 'superseded', delivered_at = ?`, t.now)
	t.countRun("superseded", n)
	return err
}

// withdrawEvent gives up a conversion that was not sent, because all of its order was
// taken back. The order stays its own.
func (t *tx) withdrawEvent(id int64) error {
	n, err := t.moveEvents(statusSettled, `id = ?1 AND status > 0`, []any{id}, `payload = NULL, next_attempt_at = NULL, outcome = 'refunded', delivered_at = ?`, t.now)
	t.countRun("superseded", n)
	return err
}

// setAmount stores what a conversion that was not sent is worth after refunds.
func (t *tx) setAmount(id int64, amount money.Amount) error {
	_, err := t.Exec(`UPDATE deliveries SET amount = ? WHERE id = ? AND amount IS NOT NULL`, amount, id)
	return err
}

// freeOrder lets another event have the order of one that was given up.
func (t *tx) freeOrder(id int64) error {
	_, err := t.Exec(`UPDATE deliveries SET event_type = NULL WHERE id = ?`, id)
	return err
}

// keepEvents lets a user keep those events of a shared device that were not sent yet
// and were read before one, when the device becomes another user's.
func (t *tx) keepEvents(visitor, user, event int64) error {
	// Without OR FAIL SQLite would copy each page that it changes, to undo the statement alone.
	_, err := t.Exec(`UPDATE OR FAIL deliveries SET profile_id = ? WHERE id IN (SELECT delivery_id FROM events_by_person WHERE profile_id = ? AND delivery_id < ?) AND status > 0`, user, visitor, event)
	return err
}

// giveEventBack takes a user id that many people share off an event, which becomes
// its visitor's.
func (t *tx) giveEventBack(id, visitor int64) error {
	_, err := t.Exec(`UPDATE OR FAIL deliveries SET profile_id = ?, payload = json_remove(payload, '$.userId') WHERE id = ?`, visitor, id)
	return err
}

// giveEventsBack makes a user's events that name a visitor only the visitor's again.
func (t *tx) giveEventsBack(user, visitor int64, anonymousID string) error {
	_, err := t.Exec(`UPDATE OR FAIL deliveries SET profile_id = ? WHERE id IN (SELECT delivery_id FROM events_by_person WHERE profile_id = ?) AND status > 0
		AND payload ->> '$.anonymousId' = ? AND coalesce(payload ->> '$.userId', '') = ''`, visitor, user, anonymousID)
	return err
}

// reviveEvent makes a settled conversion due again, with a payload.
func (t *tx) reviveEvent(id int64, payload []byte) (int64, error) {
	n, err := t.Exec(`UPDATE deliveries SET status = 1, payload = CAST(? AS TEXT), attempts = 0, doubt = 0, outcome = NULL, delivered_at = NULL, queued_uri = NULL, look_at = NULL,
			file = NULL, next_attempt_at = NULL, last_error = NULL, class = NULL, refused_at = NULL, fingerprint = NULL, created_at = ?
		WHERE id = ? AND status = 0 AND kind = 'conversion' AND event_type IS NOT NULL`, payload, t.now, id)
	t.count(scopeConversions, statusNames[statusPending], n)
	return n, err
}

// setOwnRefusal stores whether our own rules would refuse an event.
func (t *tx) setOwnRefusal(id int64, r OwnRefusal) error {
	_, err := t.Exec(`UPDATE deliveries SET own_refusal = ?1, unsure = ?2 WHERE id = ?3 AND (own_refusal IS NOT ?1 OR unsure <> ?2)`, null(r.Reason), r.Unsure, id)
	return err
}

// setNextLook stores when a verdict is looked up again; nil is never. It reports
// whether the conversion is still there.
func (t *tx) setNextLook(id int64, at any) (bool, error) {
	n, err := t.Exec(`UPDATE deliveries SET look_at = ? WHERE id = ?`, at, id)
	return n > 0, err
}

// clampEvents lets retries that would wait beyond a time go at once, and lets no
// conversion be from the future.
func (t *tx) clampEvents(latest int64) error {
	if _, err := t.Exec(`UPDATE deliveries SET next_attempt_at = ? WHERE status IN (3, 5) AND next_attempt_at > ?`, t.now, latest); err != nil {
		return err
	}
	_, err := t.Exec(`UPDATE deliveries SET created_at = ?1 WHERE kind = 'conversion' AND status > 0 AND created_at > ?1`, t.now)
	return err
}

// mendEvents lets events be retried that would wait for ever.
func (t *tx) mendEvents() error {
	_, err := t.Exec(`UPDATE deliveries SET next_attempt_at = ? WHERE id IN (SELECT id`+tornEvents+`)`, t.now)
	return err
}

// pruneEvents deletes page loads that were settled before one time, and other
// events before another.
func (t *tx) pruneEvents(pageLoads, all int64) error {
	if _, err := t.Exec(`DELETE FROM deliveries WHERE status = 0 AND kind = 'page_load' AND delivered_at < ?`, pageLoads); err != nil {
		return err
	}
	_, err := t.Exec(`DELETE FROM deliveries WHERE status = 0 AND delivered_at < ?`, all)
	return err
}

// deleteEvents removes a person's events, delivered or not, and returns how many.
func (t *tx) deleteEvents(profile int64) (int64, error) {
	all, err := t.tally(eventTally+`id IN (SELECT delivery_id FROM events_by_person WHERE profile_id = ?) GROUP BY 1, 2`, []any{profile})
	if err != nil || len(all) == 0 {
		return 0, err
	}
	if err := t.forgetFileErrors(profile); err != nil {
		return 0, err
	}
	for _, some := range all {
		t.countRun("forgotten", some.n*one(some.status != statusSettled))
		t.count(some.scope, statusNames[some.status], -some.n)
	}
	return t.Exec(`DELETE FROM deliveries WHERE id IN (SELECT delivery_id FROM events_by_person WHERE profile_id = ?)`, profile)
}
