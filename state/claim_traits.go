package state

import (
	"database/sql"
	"time"
)

func (c *claiming) traitUpdates(exits bool, n int) error {
	return c.steps(TraitUpdate, n, func(query, most int) (int, error) {
		people, err := c.peopleDue(query, exits, most)
		if err != nil {
			return 0, err
		}
		for _, p := range people {
			if err := c.traitUpdate(p); err != nil {
				return 0, err
			}
		}
		return len(people), nil
	})
}

type dueTrait struct{ trait, profile int64 }

// duePeople are those of whom something is due; to each of ?2, 0 is any trait.
var duePeople = [...]string{
	`SELECT v.trait_id, v.profile_id FROM trait_faults f JOIN trait_values v ON v.trait_id = f.trait_id AND v.profile_id = f.profile_id
		WHERE f.next_attempt_at <= ?3 AND v.status IN (3, 5) AND v.is_exit = ?1 AND (?2 = 0 OR v.trait_id = ?2) ORDER BY f.next_attempt_at`,
	`SELECT trait_id, profile_id FROM trait_values WHERE status = 1 AND status > 0 AND is_exit = ?1 AND (?2 = 0 OR trait_id = ?2) AND ?3 > 0 ORDER BY wanted_at`,
	`SELECT trait_id, profile_id FROM trait_values WHERE status = 1 AND status > 0 AND is_exit = ?1 AND (?2 = 0 OR trait_id = ?2) AND ?3 > 0 ORDER BY wanted_at DESC`,
}

func (c *claiming) peopleDue(query int, exits bool, most int) (due []dueTrait, err error) {
	only := int64(0)
	if tr := c.d.traits[c.want.Trait]; tr != nil {
		only = tr.id
	} else if c.want.Trait != "" {
		return nil, nil
	}
	if most <= 0 {
		return nil, nil
	}
	return due, c.some(duePeople[query], []any{exits, only, c.now}, func(rows *sql.Rows) (bool, error) {
		var r dueTrait
		if err := rows.Scan(&r.trait, &r.profile); err != nil {
			return false, err
		}
		if c.take(r.profile) {
			due = append(due, r)
		}
		return len(due) < most, nil
	})
}

// traitUpdate claims what is due of one person: everything, or the one trait
// that brought them here.
func (c *claiming) traitUpdate(p dueTrait) error {
	rows, err := c.dueRows(p)
	if err != nil || len(rows) == 0 {
		return err
	}
	var prof profile
	if _, err := c.Get(selectProfile, []any{p.profile}, prof.dest()...); err != nil {
		return err
	}
	c.d.seq++
	claim := Claim{Kind: TraitUpdate, Attempt: c.d.seq, Profile: p.profile, Person: prof.person, Probe: c.want.probes(TraitUpdate)}
	for _, old := range rows {
		next := old
		next.status, next.doubt = statusInFlight, true
		next.sent = sql.NullString{String: old.toSend(), Valid: true}
		next.attempt = sql.NullInt64{Int64: c.d.seq, Valid: true}
		if err := c.put(old, next); err != nil {
			return err
		}
		claim.Doubt = claim.Doubt || old.doubt
		if old.status != statusPending {
			if _, err := c.Get(`SELECT attempts FROM trait_faults WHERE trait_id = ? AND profile_id = ?`, []any{old.trait.id, p.profile}, &claim.Attempts); err != nil {
				return err
			}
		}
		claim.Values = append(claim.Values, ClaimedValue{
			Key: old.trait.key, Value: old.toSend(), At: time.Unix(0, old.wantedAt), Exit: old.trait.class == Audience && old.toSend() == falseText, prior: old,
		})
	}
	c.claims = append(c.claims, claim)
	return nil
}

func (c *claiming) dueRows(p dueTrait) ([]traitRow, error) {
	if !c.want.Coalesce || c.want.Trait != "" {
		r, err := c.traitRow(c.d.byID[p.trait], p.profile)
		return []traitRow{r}, err
	}
	rows, err := c.rowsOf(p.profile)
	if err != nil {
		return nil, err
	}
	due := rows[:0]
	for _, r := range rows {
		take, err := c.takes(r, p)
		if err != nil {
			return nil, err
		}
		if take {
			due = append(due, r)
		}
	}
	return due, nil
}

// takes reports whether a row goes along with the one that brought its person
// here. What waits for a retry of its own is not dragged along before its time
// has come; then it is, so that a call that failed is repeated as one call.
func (c *claiming) takes(r traitRow, p dueTrait) (bool, error) {
	switch {
	case !r.exists:
		return false, nil
	case r.status == statusPending:
		return true, nil
	case r.status != statusRetryLater && r.status != statusUnknown:
		return false, nil
	case r.trait.id == p.trait:
		return true, nil
	}
	var one int
	return c.Get(`SELECT 1 FROM trait_faults WHERE trait_id = ? AND profile_id = ? AND next_attempt_at <= ?`, []any{r.trait.id, r.profile, c.now}, &one)
}
