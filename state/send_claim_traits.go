package state

import (
	"cmp"
	"slices"
	"time"
)

// dueTrait is a due trait value. All that is due of its person may go with it.
type dueTrait struct{ trait, profile int64 }

func (d *dueTrait) dest() []any { return []any{&d.trait, &d.profile} }

// dueTraits selects what is due of trait ?2, or of any trait if that is 0.
var dueTraits = [...]string{
	`SELECT trait_id, profile_id FROM trait_due WHERE next_attempt_at <= ?3 AND is_exit = (SELECT ?1) AND (?2 = 0 OR trait_id = ?2) ORDER BY next_attempt_at`,
	`SELECT trait_id, profile_id FROM trait_due WHERE status = 1 AND is_exit = (SELECT ?1) AND (?2 = 0 OR trait_id = ?2) AND ?3 > 0 ORDER BY wanted_at`,
	`SELECT trait_id, profile_id FROM trait_due WHERE status = 1 AND is_exit = (SELECT ?1) AND (?2 = 0 OR trait_id = ?2) AND ?3 > 0 ORDER BY wanted_at DESC`,
}

func (c *claiming) traitUpdates(q queue, most int) (int, error) {
	found, err := c.traitsDue(q, most)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	claims, err := c.updatesOf(found)
	if err != nil {
		return 0, err
	}
	c.claims = append(c.claims, claims...)
	return len(found), c.claimValues(claims)
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

// dueValue is a due trait value with its person.
type dueValue struct {
	traitRow
	traitID int64
	person  Person
	found   int // which of those that were found brought it
}

func (v *dueValue) dest() []any {
	return []any{
		&v.found, &v.traitID, &v.profile, &v.status, &v.doubt, value{&v.wanted}, &v.wantedAt, value{&v.delivered}, value{&v.sent}, &v.attempts, &v.nextAttempt,
		&v.person.UserID, &v.person.AnonymousID, &v.person.EmailSHA1,
	}
}

const (
	selectDueValues = listed + `SELECT list.key, v.trait_id, v.profile_id, v.status, v.doubt, v.wanted, v.wanted_at, v.delivered, v.sent, v.attempts, v.next_attempt_at,
		` + personIDs + ` FROM list `
	joinPeople = ` AND v.profile_id = list.profile_id ` + joinPerson

	foundValues = selectDueValues + `CROSS JOIN trait_due v ON v.trait_id = list.trait_id` + joinPeople
	allValues   = selectDueValues + `CROSS JOIN traits t CROSS JOIN trait_due v ON v.trait_id = t.id` + joinPeople
)

// updatesOf returns a claim for each person of whom a trait was found: of that trait,
// or of everything that is due.
func (c *claiming) updatesOf(found []dueTrait) (claims []*Claim, err error) {
	query := foundValues
	if c.want.Coalesce && c.want.Trait == "" {
		query = allValues
	}
	keys := make([]valueKey, len(found))
	for i, f := range found {
		keys[i] = valueKey{f.trait, f.profile}
	}
	for v, err := range each(c, query, []any{asJSON(keys)}, (*dueValue).dest) {
		if err != nil {
			return nil, err
		}
		if !c.takes(&v, found[v.found]) {
			continue
		}
		if v.trait, err = c.traitOf(v.traitID); err != nil {
			return nil, err
		}
		if n := len(claims); n == 0 || claims[n-1].Profile != v.profile {
			c.d.seq++
			claims = append(claims, &Claim{Kind: TraitUpdate, Attempt: c.d.seq, Profile: v.profile, Person: v.person, Probe: c.want.probes(TraitUpdate)})
		}
		claims[len(claims)-1].add(&v.traitRow)
		next := v.claimed()
		c.countChange(&v.traitRow, &next)
	}
	for _, claim := range claims {
		slices.SortFunc(claim.Values, func(a, b ClaimedValue) int { return cmp.Compare(a.Key, b.Key) })
	}
	return claims, nil
}

// add adds a value to a claim.
func (c *Claim) add(r *traitRow) {
	c.Doubt, c.Attempts = c.Doubt || r.doubt, max(c.Attempts, r.attempts)
	c.Values = append(c.Values, ClaimedValue{
		Key: r.trait.key, Value: r.toSend(), At: time.Unix(0, r.wantedAt), Exit: r.isExit(), trait: r.trait, prior: prior{r.status, r.doubt, r.sent},
	})
}

// takes reports whether a row goes with the one that was found. What waits for a
// retry of its own does only when its time has come, so that a failed call is
// repeated as one call.
func (c *claiming) takes(v *dueValue, found dueTrait) bool {
	switch v.status {
	case statusPending:
		return true
	case statusRetryLater, statusUnknown:
		return v.traitID == found.trait || v.nextAttempt.Valid && v.nextAttempt.Int64 <= c.now
	}
	return false
}
