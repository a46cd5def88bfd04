package state

import "errors"

// The rows of the guard's sets. Fresh rows wait for a verdict, held rows have one.
// Column at is when a row became held. It matters only for traits, whose lists are
// applied between an approval and the next judgement. ?1 is the scope, ?2 the
// direction; a query selects nothing for other scopes.
const (
	// A plus before trait_id keeps SQLite to the index of statuses.
	freshValues = `SELECT profile_id AS id FROM trait_due WHERE status = 6 AND is_exit = (?2 = 'exits') AND +trait_id = ?1 AND class IS NULL`
	heldValues  = `SELECT profile_id AS id, at FROM trait_due WHERE status = 6 AND +trait_id = ?1 AND class = ?2`

	// What the policy for unknown deliveries holds was attempted before.
	freshConversions = `SELECT id FROM deliveries WHERE kind = 'conversion' AND status = 6 AND status > 0 AND class IS NULL AND attempts = 0 AND ?1 = -1 AND ?2 = 'conversions'`
	heldConversions  = `SELECT id, 0 AS at FROM deliveries WHERE kind = 'conversion' AND status = 6 AND status > 0 AND class = 'conversions' AND ?1 = -1 AND ?2 = 'conversions'`

	freshSuppressions = `SELECT profile_id AS id FROM suppressions WHERE held = 2 AND person = profile_id AND ?1 = -2 AND ?2 = 'suppressions'`
	freshReversals    = `SELECT id FROM order_changes WHERE status = 6 AND status > 0 AND class IS NULL AND ?1 = -3 AND ?2 = 'reversals'`
	heldReversals     = `SELECT id, held_at AS at FROM order_changes WHERE status = 6 AND status > 0 AND class = 'reversals' AND ?1 = -3 AND ?2 = 'reversals' ORDER BY id`

	heldSuppressions = `SELECT profile_id AS id, 0 AS at FROM suppressions WHERE held = 1 AND person = profile_id AND ?1 = -2 AND ?2 = 'suppressions' ORDER BY id`
)

// rowsOf returns the queries of a scope.
func rowsOf(scope int64) (fresh, held string) {
	switch scope {
	case scopeConversions:
		return freshConversions, heldConversions
	case scopeSuppressions:
		return freshSuppressions, heldSuppressions
	case scopeReversals:
		return freshReversals, heldReversals
	default:
		return freshValues, heldValues
	}
}

// hold marks the fresh rows of a set as held.
func (t *tx) hold(scope int64, d Direction) error {
	fresh, _ := rowsOf(scope)
	which := ` IN (SELECT id FROM (` + fresh + `))`
	switch scope {
	case scopeConversions:
		return t.noteHeldConversions(`id`+which, scope, d)
	case scopeSuppressions:
		_, err := t.Exec(`UPDATE suppressions SET held = 1 WHERE profile_id`+which, scope, d)
		return err
	default:
		return t.holdValues(d, "", `v.trait_id = ?1 AND v.profile_id`+which, scope, d)
	}
}

// release makes rows of a scope due; which selects their ids.
func (t *tx) release(scope int64, which string, args ...any) (int64, error) {
	which = ` IN (SELECT id FROM (` + which + `))`
	switch scope {
	case scopeConversions:
		return t.releaseEvents(`id`+which, args...)
	case scopeSuppressions:
		return t.Exec(`UPDATE suppressions SET held = 0 WHERE profile_id`+which, args...)
	case scopeReversals:
		return t.passReversals(`id`+which, args...)
	default:
		return t.releaseValues(`v.trait_id = ?1 AND v.profile_id`+which, args...)
	}
}

// scopeOfSet returns the scope of a direction that belongs to no trait, else 0.
func scopeOfSet(d Direction) int64 {
	switch d {
	case ConversionBatch:
		return scopeConversions
	case Suppressions:
		return scopeSuppressions
	case Reversals:
		return scopeReversals
	default:
		return 0
	}
}

// heldAndApproved selects how much of scope ?1 and direction ?2 is held, since
// when the newest of it is, and how much of it open approvals let through at ?3.
func heldAndApproved(scope int64) string {
	_, held := rowsOf(scope)
	return `WITH held AS (` + held + `), counted AS (SELECT count(*) AS n, coalesce(max(at), 0) AS newest FROM held)
		SELECT n, newest, min(n, (SELECT coalesce(sum(min(a.amount, (SELECT count(*) FROM held WHERE at <= a.created_at))), 0)
			FROM approvals_given a WHERE a.used IS NULL AND a.scope = ?1 AND a.direction = ?2 AND a.expires_at > ?3)) FROM counted`
}

// releaseApproved releases what was approved: suppressions, or everything else. It
// uses the approvals up, so that they release nothing that is held later. It comes
// before the judgement.
func (t *tx) releaseApproved(suppressions bool) error {
	type approval struct {
		id, scope, left, given int64
		direction              Direction
	}
	all, err := collect(t, `SELECT id, scope, direction, amount, created_at FROM approvals_given WHERE used IS NULL AND expires_at > ? AND (direction = 'suppressions') = ? ORDER BY id`, []any{t.now, suppressions},
		func(a *approval) []any { return []any{&a.id, &a.scope, &a.direction, &a.left, &a.given} })
	if err != nil {
		return err
	}
	for _, a := range all {
		_, held := rowsOf(a.scope)
		n, err := t.release(a.scope, `SELECT id FROM (`+held+`) WHERE at <= ?3 LIMIT ?4`, a.scope, a.direction, a.given, a.left)
		if err != nil {
			return err
		}
		t.countRun("approved", n)
		if _, err := t.Exec(`UPDATE approvals_given SET used = ?, run = ? WHERE id = ?`, n, t.d.run, a.id); err != nil {
			return err
		}
	}
	_, err = t.Exec(`UPDATE approvals_given SET used = 0 WHERE used IS NULL AND (direction = 'suppressions') = ?`, suppressions) // they have expired
	return err
}

// What is held with a person whose suppression is, and what no longer is.
const (
	heldPeople  = `(SELECT profile_id FROM suppressions WHERE held = 1)`
	dueOfHeld   = `status IN (1, 3, 5) AND status > 0 AND profile_id IN ` + heldPeople
	freedEvents = `status = 6 AND status > 0 AND class = 'suppressions' AND profile_id NOT IN ` + heldPeople
	freedValues = `v.status = 6 AND v.class = 'suppressions' AND v.profile_id NOT IN ` + heldPeople
)

// holdSuppressed holds everything that is due of the people whose suppression
// is held. What becomes due while a run sends is held by whoever makes it so.
func (t *tx) holdSuppressed() error {
	var reason string
	held, err := t.Get(`SELECT reason FROM guard_verdicts WHERE scope = ? AND held = 1 AND EXISTS (SELECT 1 FROM suppressions WHERE held = 1) ORDER BY id DESC LIMIT 1`,
		[]any{scopeSuppressions}, &reason)
	if err != nil || !held {
		return err
	}
	reason = "the suppression is held: " + reason
	values := t.holdValues(Suppressions, reason, dueOfHeld)
	_, events := t.holdEvents(reason, dueOfHeld)
	return errors.Join(values, events)
}

// freeSuppressed frees what was held of people whose suppression no longer is.
func (t *tx) freeSuppressed() error {
	_, values := t.releaseValues(freedValues)
	_, events := t.releaseEvents(freedEvents)
	return errors.Join(values, events)
}
