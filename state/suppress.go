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
		waiting = 0
		f := newForgetting(t)
		for _, p := range people {
			prof, found, err := t.find(p)
			if err != nil {
				return err
			}
			loses, err := t.loses(prof.id)
			if err != nil {
				return err
			}
			if loses {
				if err := t.markSuppressed(prof.id, p); err != nil {
					return err
				}
				continue
			}
			kept, err := f.suppress(prof, found, sendFalse)
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
	return t.Get(`SELECT 1 FROM deliveries WHERE profile_id = ? AND status > 0 LIMIT 1`, []any{id}, &one)
}

// markSuppressed marks a person under each of their ids, for the verdict (held = 2),
// unless one already holds them.
func (t *tx) markSuppressed(id int64, p Person) error {
	f := newForgetting(t)
	f.visit = func(other int64) error {
		_, err := t.Exec(`INSERT INTO suppressions (profile_id, person, run, held) VALUES (?1, ?2, ?3, 2)
			ON CONFLICT DO UPDATE SET run = ?3, person = CASE WHEN ?1 = ?2 THEN ?2 ELSE person END, held = CASE held WHEN 1 THEN 1 ELSE 2 END`, other, id, t.d.run)
		return err
	}
	return f.person(p)
}

func (f *forgetting) suppress(prof profile, found, sendFalse bool) (kept bool, err error) {
	if found && sendFalse && prof.absorbed == 0 {
		if kept, err = f.lastFalse(prof.id); err != nil || kept {
			return kept, err
		}
	}
	_, name := prof.person.kindAndKey()
	return false, f.profile(prof, name)
}

// lastFalse makes false wanted of all that may be held as true, and removes
// the rest. It reports whether anything is left to send.
func (f *forgetting) lastFalse(id int64) (kept bool, err error) {
	for _, tr := range f.d.traits {
		old, err := f.traitRow(tr, id)
		if err != nil {
			return false, err
		}
		if !old.exists {
			continue
		}
		if tr.class != Audience || !old.told() {
			f.countRun("forgotten", one(old.status != statusSettled))
			if err := f.deleteTraitRow(old); err != nil {
				return false, err
			}
			continue
		}
		kept = true
		if old.wanted.String == falseText && old.status != statusHeld {
			continue
		}
		next := old.saying(sql.NullString{String: falseText, Valid: true}, f.now, sql.NullInt64{}).moved()
		f.countMove(old, next)
		if err := f.put(old, next); err != nil {
			return false, err
		}
	}
	if !kept {
		return false, nil
	}
	_, err = f.deleteEvents(id)
	return true, err
}
