package state

import (
	"context"
	"database/sql"
)

// Suppress removes people whose messages Segment blocks from now on: their
// events and everything else that is known of them. With sendFalse, an audience
// that impact.com may hold as true is kept until impact.com was told false, once.
// It returns how many people are kept for that.
//
// People who would lose a wanted value or an event that was not sent are only
// marked, for [DB.JudgeSuppressions]. Call it with a few thousand people at most,
// after the inputs are read and before anything is claimed: everybody on the list
// is removed again in each run.
func (d *DB) Suppress(ctx context.Context, people []Person, sendFalse bool) (waiting int64, err error) {
	return waiting, d.update(ctx, func(t *tx) error {
		for _, p := range people {
			prof, found, err := t.owner(p) // a visitor is the user by now
			if err != nil {
				return err
			}
			loses, err := t.loses(prof.id)
			if err != nil {
				return err
			}
			kept := false
			if loses {
				err = t.markSuppressed(prof)
			} else {
				kept, err = t.suppress(prof, found, sendFalse)
			}
			if err != nil {
				return err
			}
			waiting += one(kept)
		}
		return nil
	})
}

// loses reports whether a suppression would take something from a person.
func (t *tx) loses(id int64) (bool, error) {
	rows, err := t.rowsOf(id)
	if err != nil {
		return false, err
	}
	for i := range rows {
		if rows[i].isWanted() {
			return true, nil
		}
	}
	var one int
	return t.Get(`SELECT 1 FROM deliveries WHERE id IN (`+eventsOf("?1")+`) AND status > 0 LIMIT 1`, []any{id}, &one)
}

// markSuppressed marks a person under each of their numbers for the verdict (held =
// 2), unless one already holds them. A number that is left from an earlier run may be
// that of a visitor who is this person by now.
func (t *tx) markSuppressed(prof profile) error {
	s, err := t.tracesOf(prof)
	if err != nil {
		return err
	}
	for _, number := range s.numbers {
		if _, err := t.Exec(`INSERT INTO suppressions (profile_id, person, run, held) VALUES (?1, ?2, ?3, 2)
			ON CONFLICT DO UPDATE SET run = ?3, person = CASE WHEN ?1 = ?2 OR run <> ?3 THEN ?2 ELSE person END, held = CASE held WHEN 1 THEN 1 ELSE 2 END`, number, prof.id, t.d.run); err != nil {
			return err
		}
	}
	return nil
}

// suppress removes a person, or keeps them until impact.com was told a last false.
func (t *tx) suppress(prof profile, found, sendFalse bool) (kept bool, err error) {
	if found && sendFalse {
		if kept, err = t.lastFalse(prof.id); err != nil || kept {
			return kept, err
		}
	}
	s, err := t.tracesOf(prof)
	if err == nil {
		_, err = t.removeAll(s.numbers)
	}
	return false, err
}

// lastFalse makes false wanted of everything that impact.com may hold as true, and
// removes the rest. It reports whether anything is left to send.
func (t *tx) lastFalse(id int64) (kept bool, err error) {
	rows, err := t.rowsOf(id)
	if err != nil {
		return false, err
	}
	for _, old := range rows {
		switch {
		case old.trait.class != Audience || !old.told():
			t.countRun("forgotten", one(old.status != statusSettled))
			err = t.deleteTraitRow(old)
		case old.wanted.String == falseText && old.status != statusHeld:
			kept = true
		default:
			kept = true
			next := old.saying(sql.NullString{String: falseText, Valid: true}, t.now, sql.NullInt64{}).moved()
			t.countMove(old, next)
			err = t.put(old, next)
		}
		if err != nil {
			return false, err
		}
	}
	if kept {
		_, err = t.deleteEvents(id)
	}
	return kept, err
}
