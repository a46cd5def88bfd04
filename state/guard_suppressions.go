package state

import (
	"context"
	"errors"

	"github.com/impactsync/impactsync/state/internal/guard"
)

// suppressChunk is how many people are removed in one transaction.
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
		return v.Scan(`SELECT EXISTS (SELECT 1 FROM suppressions) OR EXISTS (SELECT 1 FROM approvals_given WHERE used IS NULL AND direction = 'suppressions')`, nil, &any)
	})
	if err != nil || !any {
		return s, err
	}
	err = d.update(ctx, func(t *tx) error {
		s, err = t.judgeSuppressions()
		return err
	})
	for more := true; more && err == nil; {
		err = d.update(ctx, func(t *tx) error {
			n, waiting, err := t.suppressSome(sendFalse)
			s.Waiting, more = s.Waiting+waiting, n == suppressChunk
			return err
		})
	}
	return s, err
}

func (t *tx) judgeSuppressions() (s Suppressed, err error) {
	if _, err := t.Exec(`DELETE FROM suppressions WHERE run <> ?`, t.d.run); err != nil {
		return s, err
	}
	if err := t.releaseApproved(true); err != nil {
		return s, err
	}
	set, err := t.suppressionSet()
	if err != nil {
		return s, err
	}
	if s.Reason, err = t.judge(set); err != nil {
		return s, err
	}
	if _, err := t.Exec(`UPDATE suppressions AS s SET held = coalesce((SELECT p.held FROM suppressions p WHERE p.profile_id = s.person), 1) WHERE person <> profile_id`); err != nil {
		return s, err
	}
	if _, err := t.Get(`SELECT count(*) FROM suppressions WHERE held = 1 AND person = profile_id`, nil, &s.Held); err != nil {
		return s, err
	}
	return s, errors.Join(t.freeSuppressed(), t.holdSuppressed())
}

// suppressionSet returns all who are named, those approved included. Each run is
// judged by itself: a list names everybody each time, and whoever is on it may come
// in again with each list of members.
func (t *tx) suppressionSet() (*guarded, error) {
	m := guard.Measure{Limit: t.d.guards.Suppressions}
	s := &guarded{guard.Set{Direction: Suppressions, Whole: true}, scopeSuppressions, ""}
	if _, err := t.Get(`SELECT count(*) FROM suppressions WHERE person = profile_id`, nil, &m.Fresh); err != nil || m.Fresh == 0 {
		return s, err
	}
	_, err := t.Get(`SELECT (SELECT count(*) FROM people WHERE absorbed_into IS NULL)
		+ (SELECT count(DISTINCT profile_id) FROM events_by_person e WHERE NOT EXISTS (SELECT 1 FROM people p WHERE p.id = e.profile_id))`, nil, &m.Base)
	s.Measures = []guard.Measure{m}
	return s, err
}

// suppressSome removes some of those who were let through.
func (t *tx) suppressSome(sendFalse bool) (n, waiting int64, err error) {
	people, err := collect(t, `SELECT DISTINCT person FROM suppressions WHERE held = 0 LIMIT ?`, []any{suppressChunk}, itself[int64])
	if err != nil || len(people) == 0 {
		return 0, 0, err
	}
	for _, id := range people {
		prof, found, err := t.byID(id)
		if err != nil {
			return 0, 0, err
		}
		if !found { // known by events only, or forgotten meanwhile
			prof.id = id
		}
		kept, err := t.suppress(prof, found, sendFalse)
		if err != nil {
			return 0, 0, err
		}
		waiting += one(kept)
		if _, err := t.Exec(`DELETE FROM suppressions WHERE person = ?`, id); err != nil {
			return 0, 0, err
		}
	}
	return int64(len(people)), waiting, nil
}
