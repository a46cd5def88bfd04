package state

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// approvalLife is how long an approval counts.
const approvalLife = 24 * time.Hour

// ErrNothingHeld means that there is nothing to approve.
var ErrNothingHeld = errors.New("nothing is held")

// Approval says how much of a held set is approved.
type Approval struct {
	Key         string // of the trait; not for ConversionBatch and Suppressions
	Direction   Direction
	Most        int64  // rows, or people of Suppressions; not for NewComputation
	Computation string // the id of a computation, or of its space
	By          Approver
}

// Approver says who approves something.
type Approver struct {
	OSUser string // of the operating system
	Host   string
	As     string // the name that they give
}

// Approved is the result of an approval.
type Approved struct {
	Held    int64 // rows of the set
	Granted int64 // how many of them may go
	Before  int64 // how many more of them may, by earlier approvals
}

// Approve lets the next run within a day release up to Most rows that are held now
// in one direction, whatever the guard says. What that run does not use expires:
// what is held later needs an approval of its own. A computation is approved for
// good, and its changes are then judged like any others. It needs no lock.
func (d *DB) Approve(ctx context.Context, a Approval) (res Approved, err error) {
	return res, d.update(ctx, func(t *tx) error {
		scope, of := scopeOfSet(a.Direction), string(a.Direction)
		if scope == 0 {
			tr, err := t.traitByKey(a.Key)
			if err != nil {
				return err
			}
			scope, of = tr.id, fmt.Sprintf("%s of %q", a.Direction, a.Key)
		}
		if a.Direction == NewComputation {
			res, err = t.approveComputation(scope, a)
			return err
		}
		var newest int64 // when the last row became held
		if _, err := t.Get(heldAndApproved(scope), []any{scope, a.Direction, t.now}, &res.Held, &newest, &res.Before); err != nil {
			return err
		}
		if res.Held == 0 {
			return fmt.Errorf("%w: no %s", ErrNothingHeld, of)
		}
		res.Granted = max(min(a.Most, res.Held-res.Before), 0)
		if res.Granted == 0 {
			return nil
		}
		_, err := t.Exec(`INSERT INTO approvals_given (scope, direction, amount, created_at, expires_at, os_user, host, given_as) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			scope, a.Direction, res.Granted, max(t.now, newest), t.now+int64(approvalLife), null(a.By.OSUser), null(a.By.Host), null(a.By.As)) // the clock may have been set back
		return err
	})
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
	if res.Held, err = t.dropUnapproved(traitID, a.Computation); err != nil {
		return res, err
	}
	res.Granted = res.Held
	_, err = t.Exec(`INSERT INTO approvals_given (scope, direction, computation, amount, used, created_at, os_user, host, given_as) VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8)`,
		traitID, a.Direction, a.Computation, res.Granted, t.now, null(a.By.OSUser), null(a.By.Host), null(a.By.As))
	return res, err
}
