package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// scopeSuppressions stands beside the scopes of counters in verdicts and approvals.
const scopeSuppressions = -2

// suppressChunk is how many people are taken out in one transaction.
const suppressChunk = 500

// Suppressed is what came of the people that a list of suppressed people names.
type Suppressed struct {
	Waiting int64  // kept until impact.com was told a last false
	Held    int64  // people whose suppression the guard holds
	Reason  string // the guard's words
}

// JudgeSuppressions judges everybody who would lose something to a list of
// suppressed people, and removes them if the guard lets them through, or as far
// as that was approved. While a suppression is held, that person's due rows are
// held too: if the list is right nothing may be sent about them, and if it is
// wrong nothing may be lost. Call it in each run once the list was read to its
// end: whoever it no longer names is released. Its cost grows with the number
// of people it names.
func (d *DB) JudgeSuppressions(ctx context.Context, sendFalse bool) (s Suppressed, err error) {
	var any bool
	err = d.view(ctx, func(v *view) error {
		return v.get(`SELECT EXISTS (SELECT 1 FROM suppressions) OR EXISTS (SELECT 1 FROM approvals WHERE direction = 'suppressions')`, nil, &any)
	})
	if err != nil || !any {
		return s, err
	}
	err = d.update(ctx, func(t *tx) error {
		if err := t.loadTraits(); err != nil {
			return err
		}
		s, err = t.judgeSuppressions()
		return err
	})
	for more := true; more && err == nil; {
		err = d.update(ctx, func(t *tx) error {
			if err := t.loadTraits(); err != nil {
				return err
			}
			n, waiting, err := t.suppressSome(sendFalse)
			s.Waiting, more = s.Waiting+waiting, n == suppressChunk
			return err
		})
	}
	return s, err
}

func (t *tx) judgeSuppressions() (s Suppressed, err error) {
	if _, err := t.exec(`DELETE FROM suppressions WHERE run <> ?`, t.d.run); err != nil {
		return s, err
	}
	if s.Reason, err = t.againstSuppressions(); err != nil {
		return s, err
	}
	// An approval is for those who were held before, so others are not yet (2).
	if _, err := t.exec(`UPDATE suppressions SET held = CASE WHEN ?1 THEN 2 - held ELSE 0 END`, s.Reason != ""); err != nil {
		return s, err
	}
	if err := t.useApprovals(true, t.releaseSuppressions); err != nil {
		return s, err
	}
	if _, err := t.exec(`UPDATE suppressions SET held = 1 WHERE held = 2`); err != nil {
		return s, err
	}
	if _, err := t.get(`SELECT count(*) FROM suppressions WHERE held = 1 AND person = profile_id`, nil, &s.Held); err != nil {
		return s, err
	}
	return s, errors.Join(t.freeSuppressed(), t.holdSuppressed())
}

// againstSuppressions gives the guard's words against all of them, "" if they
// may go. Each run is judged by itself: a list names everybody each time, and
// who is on one may come in again with each list of members.
func (t *tx) againstSuppressions() (string, error) {
	q := &question{scope: scopeSuppressions, direction: Suppressions, limit: t.d.guards.Suppressions}
	if _, err := t.get(`SELECT count(*) FROM suppressions WHERE person = profile_id`, nil, &q.fresh); err != nil || q.limit == nil || q.fresh < max(q.limit.AtLeast, 1) {
		return "", err
	}
	// Those known by events only are counted last: that reads an index of all events.
	for _, more := range []string{
		`SELECT count(*) FROM profiles WHERE absorbed_into IS NULL`,
		`SELECT count(DISTINCT profile_id) FROM deliveries d WHERE NOT EXISTS (SELECT 1 FROM profiles p WHERE p.id = d.profile_id)`,
	} {
		var n int64
		if _, err := t.get(more, nil, &n); err != nil {
			return "", err
		}
		if q.base += n; !q.limit.Exceeded(q.fresh, q.base) {
			return "", nil
		}
	}
	against := fmt.Sprintf("%d of %d people known would be suppressed%s", q.fresh, q.base, percentWords(q.fresh, q.base, q.limit))
	return against, t.noteVerdict(q, against)
}

// releaseSuppressions lets at most so many people of the held set go their way.
func (t *tx) releaseSuppressions(a approval) (n int64, err error) {
	const which = `SELECT person FROM suppressions WHERE held = 1 AND person = profile_id ORDER BY person LIMIT ?`
	if _, err := t.get(`SELECT count(*) FROM (`+which+`)`, []any{a.left}, &n); err != nil || n == 0 {
		return 0, err
	}
	_, err = t.exec(`UPDATE suppressions SET held = 0 WHERE person IN (`+which+`)`, a.left)
	return n, err
}

// suppressSome takes some of those out who were let through.
func (t *tx) suppressSome(sendFalse bool) (n, waiting int64, err error) {
	var people []int64
	err = t.each(`SELECT DISTINCT person FROM suppressions WHERE held = 0 LIMIT ?`, []any{suppressChunk}, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		people = append(people, id)
		return err
	})
	if err != nil || len(people) == 0 {
		return 0, 0, err
	}
	f := newForgetting(t)
	for _, id := range people {
		prof, found, err := t.byID(id)
		if err != nil {
			return 0, 0, err
		}
		if !found { // known by events only, or forgotten meanwhile
			prof.id = id
		}
		kept, err := f.suppress(prof, found, sendFalse)
		if err != nil {
			return 0, 0, err
		}
		waiting += one(kept)
		if _, err := t.exec(`DELETE FROM suppressions WHERE person = ?`, id); err != nil {
			return 0, 0, err
		}
	}
	return int64(len(people)), waiting, nil
}
