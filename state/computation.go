package state

import (
	"cmp"
	"fmt"
)

// computation identifies what Segment computes a trait with. An audience that is
// deleted and made again under its old name keeps its key, but gets a new
// computation and may mean other people.
type computation struct{ space, id string }

func (c computation) fits(other computation) bool {
	return (c.space == "" || other.space == "" || c.space == other.space) && (c.id == "" || other.id == "" || c.id == other.id)
}

// knows reports whether the changes of a computation are judged as usual. Those of
// a trait's first computation are; another computation has to be approved.
func (t *tx) knows(tr *trait, info *TraitInfo) (bool, error) {
	c := computation{info.SpaceID, info.ComputationID}
	if approved, seen := tr.computations[c]; seen || c == (computation{}) {
		return approved || c == (computation{}), nil
	}
	first := true
	for other, approved := range tr.computations {
		if approved && c.fits(other) {
			tr.computations[c] = true
			return true, nil
		}
		first = first && !approved
	}
	tr.computations[c] = first
	var approvedAt any
	if first {
		approvedAt = t.now
		if _, err := t.Exec(`UPDATE traits SET space_id = ?, computation_id = ? WHERE id = ?`, c.space, c.id, tr.id); err != nil {
			return false, err
		}
	}
	_, err := t.Exec(`INSERT INTO computations (trait_id, space_id, computation_id, seen_at, approved_at) VALUES (?, ?, ?, ?, ?)`, tr.id, c.space, c.id, t.now, approvedAt)
	return first, err
}

// name is what an approval names a computation by.
func (c computation) name() string { return cmp.Or(c.id, c.space) }

func (c computation) against() string {
	return fmt.Sprintf("computation %q of space %q is new under this key", c.id, c.space)
}

// approveComputation accepts the changes of a computation. The rows that were held
// for it wait for a verdict now.
func (t *tx) approveComputation(traitID int64, a Approval) (res Approved, err error) {
	known, err := t.Exec(`UPDATE computations SET approved_at = ?1 WHERE trait_id = ?2 AND (computation_id = ?3 OR computation_id = '' AND space_id = ?3)`,
		t.now, traitID, a.Computation)
	if err != nil {
		return res, err
	}
	if known == 0 {
		return res, fmt.Errorf("%w: no new computation %q of %q", ErrNothingHeld, a.Computation, a.Key)
	}
	if _, err := t.Exec(`UPDATE traits SET (space_id, computation_id) = (SELECT space_id, computation_id FROM computations
		WHERE trait_id = ?1 AND approved_at = ?2 ORDER BY seen_at DESC LIMIT 1) WHERE id = ?1`, traitID, t.now); err != nil {
		return res, err
	}
	t.d.traits = nil
	res.Held, err = t.dropUnapproved(traitID, a.Computation)
	res.Granted = res.Held
	return res, err
}
