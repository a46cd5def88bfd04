package state

// The rows of the guard's sets. Fresh rows wait for a verdict, held rows have one.
// Column at is when a row became held. It matters only for traits, whose lists are
// applied between an approval and the next judgement. ?1 is the scope, ?2 the
// direction; a query selects nothing for other scopes.
const (
	// A plus before trait_id keeps SQLite to the index of what is due.
	freshValues = `SELECT v.profile_id AS id FROM trait_values v WHERE v.status = 6 AND v.status > 0 AND v.is_exit = (?2 = 'exits') AND +v.trait_id = ?1
		AND NOT EXISTS (SELECT 1 FROM trait_faults f WHERE f.trait_id = ?1 AND f.profile_id = v.profile_id AND f.class IS NOT NULL)`
	heldValues = `SELECT v.profile_id AS id, f.at FROM trait_values v JOIN trait_faults f ON f.trait_id = v.trait_id AND f.profile_id = v.profile_id AND f.class = ?2
		WHERE v.status = 6 AND v.status > 0 AND +v.trait_id = ?1`

	// What the policy for unknown deliveries holds was attempted before.
	freshConversions = `SELECT id FROM deliveries WHERE kind = 'conversion' AND status = 6 AND status > 0 AND class IS NULL AND attempts = 0 AND ?1 = -1 AND ?2 = 'conversions'`
	heldConversions  = `SELECT id, 0 AS at FROM deliveries WHERE kind = 'conversion' AND status = 6 AND status > 0 AND class = 'conversions' AND ?1 = -1 AND ?2 = 'conversions'`

	freshSuppressions = `SELECT profile_id AS id FROM suppressions WHERE held = 2 AND person = profile_id AND ?1 = -2 AND ?2 = 'suppressions'`
	heldSuppressions  = `SELECT profile_id AS id, 0 AS at FROM suppressions WHERE held = 1 AND person = profile_id AND ?1 = -2 AND ?2 = 'suppressions' ORDER BY id`
)

// rowsOf returns the queries of a scope.
func rowsOf(scope int64) (fresh, held string) {
	switch scope {
	case scopeConversions:
		return freshConversions, heldConversions
	case scopeSuppressions:
		return freshSuppressions, heldSuppressions
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
		return t.noteHeld(d, "", `v.trait_id = ?1 AND v.profile_id`+which, scope, d)
	}
}

// pass releases a set: what is fresh and, if a list names everybody again, what
// was held.
func (t *tx) pass(s *guarded) error {
	if s.scope > 0 {
		if err := t.notePassed(s); err != nil {
			return err
		}
	}
	which, held := rowsOf(s.scope)
	if s.Whole {
		which += ` UNION ALL SELECT id FROM (` + held + `)`
	}
	_, err := t.release(s.scope, which, s.scope, s.Direction)
	return err
}

// release makes rows of a scope due; which selects their ids.
func (t *tx) release(scope int64, which string, args ...any) (int64, error) {
	which = ` IN (SELECT id FROM (` + which + `))`
	switch scope {
	case scopeConversions:
		return t.releaseEvents(`id`+which, args...)
	case scopeSuppressions:
		return t.Exec(`UPDATE suppressions SET held = 0 WHERE profile_id`+which, args...)
	default:
		return t.moveValues(statusPending, `v.trait_id = ?1 AND v.profile_id`+which, args...)
	}
}
