package state

// The table trait_faults: what is the matter with a trait value that failed, or
// is held. Every statement that writes it stands here. A row stands and goes with
// the value's status.

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

// attemptsOf returns how often a row was tried in vain.
func (t *tx) attemptsOf(r *traitRow) (n int, err error) {
	_, err = t.Get(`SELECT attempts FROM trait_faults WHERE trait_id = ? AND profile_id = ?`, []any{r.trait.id, r.profile}, &n)
	return n, err
}

// mayRetry reports whether a row's time to be tried again has come.
func (t *tx) mayRetry(r *traitRow) (bool, error) {
	return t.Get(`SELECT 1 FROM trait_faults WHERE trait_id = ? AND profile_id = ? AND next_attempt_at <= ?`, []any{r.trait.id, r.profile, t.now}, new(int))
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

// clearFault forgets what was the matter with a row, by its new status. One that
// is merely tried again keeps its count of attempts.
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

// dropFaults forgets what was the matter with the rows of a trait that are
// settled or pending by now. What changes many statuses at once ends with it.
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

// clampFaults lets nothing wait longer than until a time.
func (t *tx) clampFaults(latest int64) error {
	_, err := t.Exec(`UPDATE trait_faults SET next_attempt_at = ? WHERE next_attempt_at > ?`, t.now, latest)
	return err
}
