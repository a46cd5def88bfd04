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
}

// Approved is the result of an approval.
type Approved struct {
	Held    int64 // rows of the set
	Granted int64 // how many of them may go
}

// Approve lets the next run within a day release up to Most rows that are held now
// in one direction, whatever the guard says. What that run does not use expires:
// what is held later needs an approval of its own. A computation is approved for
// good, and its changes are then judged like any others. It needs no lock.
func (d *DB) Approve(ctx context.Context, a Approval) (res Approved, err error) {
	return res, d.update(ctx, func(t *tx) error {
		d.traits = nil // another process may have made the trait
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
		var open, newest int64 // what earlier approvals let through, and when the last row became held
		if _, err := t.Get(heldAndApproved(scope), []any{scope, a.Direction, t.now}, &res.Held, &newest, &open); err != nil {
			return err
		}
		if res.Held == 0 {
			return fmt.Errorf("%w: no %s", ErrNothingHeld, of)
		}
		res.Granted = max(min(a.Most, res.Held-open), 0)
		_, err := t.Exec(`INSERT INTO approvals (scope, direction, amount, created_at, expires_at) SELECT ?1, ?2, ?3, ?4, ?5 WHERE ?3 > 0`,
			scope, a.Direction, res.Granted, max(t.now, newest), t.now+int64(approvalLife)) // the clock may have been set back
		return err
	})
}

// scopeOfSet returns the scope of a direction that belongs to no trait, else 0.
func scopeOfSet(d Direction) int64 {
	switch d {
	case ConversionBatch:
		return scopeConversions
	case Suppressions:
		return scopeSuppressions
	default:
		return 0
	}
}

// heldAndApproved selects how much of scope ?1 and direction ?2 is held, since
// when the newest of it is, and how much of it open approvals let through at ?3.
func heldAndApproved(scope int64) string {
	_, held := rowsOf(scope)
	return `WITH held AS (` + held + `), counted AS (SELECT count(*) AS n, coalesce(max(at), 0) AS newest FROM held)
		SELECT n, newest, min(n, (SELECT coalesce(sum(min(a.amount - a.used, (SELECT count(*) FROM held WHERE at <= a.created_at))), 0)
			FROM approvals a WHERE a.scope = ?1 AND a.direction = ?2 AND a.expires_at > ?3)) FROM counted`
}

// releaseApproved releases what was approved: suppressions, or everything else. It
// uses the approvals up, so that they release nothing that is held later. It comes
// before the judgement.
func (t *tx) releaseApproved(suppressions bool) error {
	type approval struct {
		scope, left, given int64
		direction          Direction
	}
	all, err := collect(t, `SELECT scope, direction, amount - used, created_at FROM approvals WHERE expires_at > ? AND (direction = 'suppressions') = ? ORDER BY id`, []any{t.now, suppressions},
		func(a *approval) []any { return []any{&a.scope, &a.direction, &a.left, &a.given} })
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
	}
	_, err = t.Exec(`DELETE FROM approvals WHERE (direction = 'suppressions') = ?`, suppressions)
	return err
}
