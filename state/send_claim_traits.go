package state

import (
	"database/sql"
	"slices"
	"time"
)

// dueTrait is a due trait value. All that is due of its person may go with it.
type dueTrait struct{ trait, profile int64 }

func (d *dueTrait) dest() []any { return []any{&d.trait, &d.profile} }

// dueTraits selects what is due of trait ?2, or of any trait if that is 0.
var dueTraits = [...]string{
	`SELECT trait_id, profile_id FROM trait_due WHERE next_attempt_at <= ?3 AND is_exit = ?1 AND (?2 = 0 OR trait_id = ?2) ORDER BY next_attempt_at`,
	`SELECT trait_id, profile_id FROM trait_due WHERE status = 1 AND is_exit = ?1 AND (?2 = 0 OR trait_id = ?2) AND ?3 > 0 ORDER BY wanted_at`,
	`SELECT trait_id, profile_id FROM trait_due WHERE status = 1 AND is_exit = ?1 AND (?2 = 0 OR trait_id = ?2) AND ?3 > 0 ORDER BY wanted_at DESC`,
}

func (c *claiming) traitUpdates(q queue, most int) (int, error) {
	due, err := c.traitsDue(q, most)
	if err != nil {
		return 0, err
	}
	for _, d := range due {
		if err := c.traitUpdate(d); err != nil {
			return 0, err
		}
	}
	return len(due), nil
}

// traitsDue returns one due trait each of up to most people.
func (c *claiming) traitsDue(q queue, most int) (due []dueTrait, err error) {
	var only int64
	if c.want.Trait != "" {
		tr := c.d.traits[c.want.Trait]
		if tr == nil {
			return nil, nil
		}
		only = tr.id
	}
	scanned := 0
	for r, err := range each(c, dueTraits[q.order], []any{q.first, only, c.now}, (*dueTrait).dest) {
		if err != nil {
			return nil, err
		}
		if c.take(r.profile) {
			due = append(due, r)
		}
		if scanned++; len(due) == most || scanned == mostScanned {
			break
		}
	}
	return due, nil
}

// traitUpdate claims what is due of one person: everything, or the one trait that
// was found.
func (c *claiming) traitUpdate(p dueTrait) error {
	rows, err := c.dueRows(p)
	if err != nil || len(rows) == 0 {
		return err
	}
	prof, _, err := c.byID(p.profile)
	if err != nil {
		return err
	}
	c.d.seq++
	claim := &Claim{Kind: TraitUpdate, Attempt: c.d.seq, Profile: p.profile, Person: prof.person, Probe: c.want.probes(TraitUpdate)}
	for _, old := range rows {
		next := old
		next.status, next.doubt, next.nextAttempt = statusInFlight, true, sql.NullInt64{}
		next.sent = sql.NullString{String: old.toSend(), Valid: true}
		next.attempt = sql.NullInt64{Int64: c.d.seq, Valid: true}
		if err := c.put(old, next); err != nil {
			return err
		}
		claim.Doubt, claim.Attempts = claim.Doubt || old.doubt, max(claim.Attempts, old.attempts)
		claim.Values = append(claim.Values, ClaimedValue{
			Key: old.trait.key, Value: old.toSend(), At: time.Unix(0, old.wantedAt), Exit: old.isExit(), trait: old.trait, prior: prior{old.status, old.doubt, old.sent},
		})
	}
	c.claims = append(c.claims, claim)
	return nil
}

// dueRows returns the rows that go with the one that was found.
func (c *claiming) dueRows(p dueTrait) ([]traitRow, error) {
	if !c.want.Coalesce || c.want.Trait != "" {
		return c.dueWhere(`v.trait_id = ? AND v.profile_id = ?`, p.trait, p.profile)
	}
	rows, err := c.dueWhere(`v.trait_id IN (SELECT id FROM traits) AND v.profile_id = ?`, p.profile)
	slices.SortFunc(rows, byKey)
	return slices.DeleteFunc(rows, func(r traitRow) bool { return !c.takes(&r, p) }), err
}

// takes reports whether a row goes with the one that was found. What waits for a
// retry of its own does only when its time has come, so that a failed call is
// repeated as one call.
func (c *claiming) takes(r *traitRow, p dueTrait) bool {
	switch r.status {
	case statusPending:
		return true
	case statusRetryLater, statusUnknown:
		return r.trait.id == p.trait || r.nextAttempt.Valid && r.nextAttempt.Int64 <= c.now
	}
	return false
}
