package state

import (
	"context"
	"errors"
)

// Ruling is a verdict that holds a set back.
type Ruling struct {
	Key       string // of a trait; "" for conversions
	Direction Direction
	Reason    string
}

// Judge lets through what was approved, and then judges everything that came as
// messages and was not judged yet. Nothing that waits for a verdict can be
// claimed before. Call it when all inputs are read. It returns the verdicts that
// hold something back. Its cost grows with what is held.
func (d *DB) Judge(ctx context.Context) (held []Ruling, err error) {
	err = d.update(ctx, func(t *tx) error {
		held = nil
		if err := errors.Join(t.releaseApproved(false), t.forgetPassed()); err != nil {
			return err
		}
		sets, err := t.traitSets()
		if err != nil {
			return err
		}
		conversions, err := t.conversionSet()
		if err != nil {
			return err
		}
		for _, s := range append(sets, conversions) {
			reason, err := t.judge(s)
			if err != nil {
				return err
			}
			if reason != "" {
				held = append(held, Ruling{s.key, s.Direction, reason})
			}
		}
		return nil
	})
	return held, err
}

// judge holds or releases what is fresh of a set, and notes the verdict.
func (t *tx) judge(s *guarded) (reason string, err error) {
	if len(s.Measures) == 0 {
		return "", nil
	}
	if reason = s.Against(); reason != "" {
		err = t.hold(s.scope, s.Direction)
	} else {
		err = t.pass(s)
	}
	return reason, errors.Join(err, t.note(s, reason))
}

// pass releases what is fresh of a set and, if a list names everybody again, what was
// held.
func (t *tx) pass(s *guarded) error {
	if s.scope > 0 {
		if err := t.notePassed(s); err != nil {
			return err
		}
	}
	which, held := rowsOf(s.scope)
	if s.Whole {
		which += ` UNION ALL SELECT id FROM (` + held + `)`
	}
	_, err := t.release(s.scope, which, s.scope, s.Direction)
	return err
}

// note stores a verdict, for later verdicts and for those who look. Verdicts on whole lists are
// stored only if they hold something.
func (t *tx) note(s *guarded, reason string) error {
	if s.Whole && reason == "" {
		return nil
	}
	for _, m := range s.Measures {
		_, err := t.Exec(`INSERT INTO guard_verdicts (scope, direction, unit, run, at, fresh, base, held, exempt, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			s.scope, s.Direction, m.Unit, t.d.run, t.now, m.Fresh, m.Base, reason != "", s.Exempt, reason)
		if err != nil {
			return err
		}
	}
	return nil
}

// forgetPassed deletes who was let through before the window, or by a clock that
// was ahead.
func (t *tx) forgetPassed() error {
	_, err := t.Exec(`DELETE FROM guard_passed WHERE at <= ? OR at >= ?`, t.now-int64(guardWindow), t.now+int64(guardWindow))
	return err
}

// notePassed stores who is let through, for the window. A first sync starts a new
// one.
func (t *tx) notePassed(s *guarded) error {
	query, args := `INSERT INTO guard_passed (profile_id, trait_id, is_exit, at) SELECT id, ?1, ?2 = 'exits', ?3 FROM (`+freshValues+`) WHERE true
		ON CONFLICT DO UPDATE SET at = excluded.at`, []any{s.scope, s.Direction, t.now}
	if s.Exempt {
		query, args = `DELETE FROM guard_passed WHERE trait_id = ? AND is_exit = (? = 'exits')`, args[:2]
	}
	_, err := t.Exec(query, args...)
	return err
}
