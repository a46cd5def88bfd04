package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// approvalLife is how long an approval counts.
const approvalLife = 24 * time.Hour

// ErrNothingHeld says that there is nothing to approve.
var ErrNothingHeld = errors.New("nothing is held")

// Approval lets a part of a held set through.
type Approval struct {
	Key         string // of the trait; not for ConversionBatch and Suppressions
	Direction   Direction
	Most        int64  // rows, or people of Suppressions; not for NewComputation
	Computation string // the id of a computation, or of its space
}

// Approved is what came of an approval.
type Approved struct {
	Held    int64 // rows of the set
	Granted int64 // of them may go
}

// Approve lets up to Most rows of one direction that are held now through in the
// next run, within a day, whatever the guard says. What is not used then is over:
// what is held later needs an approval of its own. A computation is approved for
// good, and its changes wait for the verdict that any others wait for. It needs
// no lock.
func (d *DB) Approve(ctx context.Context, a Approval) (res Approved, err error) {
	return res, d.update(ctx, func(t *tx) error {
		d.traits = nil // another process may have made the trait
		scope, of := int64(scopeConversions), string(a.Direction)
		switch a.Direction {
		case ConversionBatch:
		case Suppressions:
			scope = scopeSuppressions
		default:
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
		if _, err := t.get(heldAndApproved(a.Direction), []any{scope, a.Direction, t.now}, &res.Held, &newest, &open); err != nil {
			return err
		}
		if res.Held == 0 {
			return fmt.Errorf("%w: no %s", ErrNothingHeld, of)
		}
		res.Granted = max(min(a.Most, res.Held-open), 0)
		_, err := t.exec(`INSERT INTO approvals (scope, direction, amount, created_at, expires_at) SELECT ?1, ?2, ?3, ?4, ?5 WHERE ?3 > 0`,
			scope, a.Direction, res.Granted, max(t.now, newest), t.now+int64(approvalLife)) // the clock may have been set back
		return err
	})
}

// heldBy selects the rows of scope ?1 that a verdict on direction ?2 holds, and
// since when. Only lists come between an approval and the next judgement, so of
// others the time does not matter.
func heldBy(d Direction) string {
	switch d {
	case ConversionBatch:
		return `SELECT id, 0 AS at` + standingConversions
	case Suppressions:
		return `SELECT profile_id AS id, 0 AS at FROM suppressions WHERE held = 1 AND person = profile_id`
	}
	return `SELECT v.profile_id AS id, f.at FROM trait_values v JOIN trait_faults f ON f.trait_id = v.trait_id AND f.profile_id = v.profile_id AND f.class = ?2
		WHERE v.status = 6 AND v.status > 0 AND +v.trait_id = ?1`
}

// heldAndApproved selects how much of scope ?1 and direction ?2 is held, since
// when the newest of it is, and how much of it open approvals let through at ?3.
func heldAndApproved(d Direction) string {
	return `WITH held AS (` + heldBy(d) + `), counted AS (SELECT count(*) AS n, coalesce(max(at), 0) AS newest FROM held)
		SELECT n, newest, min(n, (SELECT coalesce(sum(min(a.amount - a.used, (SELECT count(*) FROM held WHERE at <= a.created_at))), 0)
			FROM approvals a WHERE a.scope = ?1 AND a.direction = ?2 AND a.expires_at > ?3)) FROM counted`
}

// approval is what an open one still lets through.
type approval struct {
	scope, left, given int64
	direction          Direction
}

// releaseApproved makes held rows due as far as approvals go.
func (t *tx) releaseApproved() error { return t.useApprovals(false, t.release) }

// useApprovals lets held things go as far as approvals do: of suppressions, or
// all others. Then these end, or they would open the guard for what it holds
// later. So it comes before the judgement.
func (t *tx) useApprovals(suppressions bool, release func(approval) (int64, error)) error {
	var all []approval
	err := t.each(`SELECT scope, direction, amount - used, created_at FROM approvals WHERE expires_at > ? AND (direction = 'suppressions') = ? ORDER BY id`, []any{t.now, suppressions}, func(rows *sql.Rows) error {
		var a approval
		err := rows.Scan(&a.scope, &a.direction, &a.left, &a.given)
		all = append(all, a)
		return err
	})
	if err != nil {
		return err
	}
	for _, a := range all {
		n, err := release(a)
		if err != nil {
			return err
		}
		t.countRun("approved", n)
	}
	_, err = t.exec(`DELETE FROM approvals WHERE (direction = 'suppressions') = ?`, suppressions)
	return err
}

// release makes rows of a held set due, as many as the approval lets through
// of those that were held when it was given.
func (t *tx) release(a approval) (n int64, err error) {
	which := `(SELECT id FROM (` + heldBy(a.direction) + `) WHERE at <= ?3 LIMIT ?4)`
	query := `UPDATE trait_values SET status = 1 WHERE trait_id = ?1 AND profile_id IN ` + which
	if a.direction == ConversionBatch {
		query = `UPDATE deliveries SET status = 1, class = NULL WHERE id IN ` + which
	}
	if n, err = t.exec(query, a.scope, a.direction, a.given, a.left); err != nil {
		return 0, err
	}
	t.count(a.scope, statusNames[statusHeld], -n)
	t.count(a.scope, statusNames[statusPending], n)
	if a.direction == ConversionBatch {
		return n, nil
	}
	return n, t.dropFaults(a.scope)
}
