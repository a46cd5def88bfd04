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

// Approve lets up to Most held rows of one direction through in the next runs,
// for a day, whatever the guard says; those over what is held now cannot be
// approved in advance. A computation is approved for good, and its changes wait
// for the verdict that any others wait for. It needs no lock.
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
		var open int64 // earlier approvals that were not used yet
		if _, err := t.get(`SELECT count(*) FROM (`+heldBy(a.Direction)+`)`, heldArgs(scope, a.Direction), &res.Held); err != nil {
			return err
		}
		if res.Held == 0 {
			return fmt.Errorf("%w: no %s", ErrNothingHeld, of)
		}
		if _, err := t.get(`SELECT coalesce(sum(amount - used), 0) FROM approvals WHERE scope = ? AND direction = ? AND expires_at > ?`,
			[]any{scope, a.Direction, t.now}, &open); err != nil {
			return err
		}
		res.Granted = max(min(a.Most, res.Held-open), 0)
		_, err := t.exec(`INSERT INTO approvals (scope, direction, amount, created_at, expires_at) SELECT ?1, ?2, ?3, ?4, ?5 WHERE ?3 > 0`,
			scope, a.Direction, res.Granted, t.now, t.now+int64(approvalLife))
		return err
	})
}

// heldBy selects the rows that a verdict on a direction holds.
func heldBy(d Direction) string {
	switch d {
	case ConversionBatch:
		return `SELECT id` + standingConversions
	case Suppressions:
		return `SELECT profile_id FROM suppressions WHERE held = 1 AND person = profile_id`
	}
	return `SELECT v.profile_id FROM trait_values v JOIN trait_faults f ON f.trait_id = v.trait_id AND f.profile_id = v.profile_id AND f.class = ?2
		WHERE v.status = 6 AND v.status > 0 AND +v.trait_id = ?1`
}

func heldArgs(scope int64, d Direction) []any {
	if d == ConversionBatch || d == Suppressions {
		return nil
	}
	return []any{scope, d}
}

// releaseApproved makes held rows due as far as approvals go.
func (t *tx) releaseApproved() error { return t.useApprovals(false, t.release) }

// useApprovals lets held things go as far as approvals do: of suppressions, or
// all others.
func (t *tx) useApprovals(suppressions bool, release func(scope int64, d Direction, most int64) (int64, error)) error {
	type approval struct {
		id, scope, left int64
		direction       Direction
	}
	var all []approval
	err := t.each(`SELECT id, scope, direction, amount - used FROM approvals WHERE used < amount AND expires_at > ? AND (direction = 'suppressions') = ? ORDER BY id`, []any{t.now, suppressions}, func(rows *sql.Rows) error {
		var a approval
		err := rows.Scan(&a.id, &a.scope, &a.direction, &a.left)
		all = append(all, a)
		return err
	})
	if err != nil {
		return err
	}
	for _, a := range all {
		n, err := release(a.scope, a.direction, a.left)
		if err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE approvals SET used = used + ? WHERE id = ?`, n, a.id); err != nil {
			return err
		}
		t.countRun("approved", n)
	}
	return nil
}

// release makes at most so many rows of a held set due.
func (t *tx) release(scope int64, d Direction, most int64) (n int64, err error) {
	which := heldBy(d) + ` LIMIT `
	if d == ConversionBatch {
		n, err = t.exec(`UPDATE deliveries SET status = 1, class = NULL WHERE id IN (`+which+`?1)`, most)
	} else {
		n, err = t.exec(`UPDATE trait_values SET status = 1 WHERE trait_id = ?1 AND profile_id IN (`+which+`?3)`, scope, d, most)
	}
	if err != nil {
		return 0, err
	}
	t.count(scope, statusNames[statusHeld], -n)
	t.count(scope, statusNames[statusPending], n)
	if d == ConversionBatch {
		return n, nil
	}
	_, err = t.exec(`DELETE FROM trait_faults AS f WHERE f.trait_id = ?1 AND f.class = ?2
		AND (SELECT v.status FROM trait_values v WHERE v.trait_id = ?1 AND v.profile_id = f.profile_id) = 1`, scope, d)
	return n, err
}
