package state

import (
	"errors"
	"math"

	"github.com/impactsync/impactsync/state/internal/guard"
)

// Rows of trait ?1 in direction ?2. newOfList selects what list ?3 made due,
// heldBefore what was held before and is judged again: the joins of earlier lists
// that this one repeats, and exits that are not newer than time ?3.
const (
	newOfList  = `SELECT profile_id AS id FROM trait_due WHERE status = 1 AND is_exit = (?2 = 'exits') AND +trait_id = ?1 AND origin = -?3`
	heldBefore = `SELECT profile_id AS id FROM trait_due WHERE status = 6 AND is_exit = (?2 = 'exits') AND +trait_id = ?1
		AND CASE ?2 WHEN 'joins' THEN origin < 0 ELSE coalesce(message ->> '$.ordered_at', wanted_at) <= ?3 END AND class IS NOT 'suppressions'`
)

// judge judges the exits and the joins of a list.
func (w *wanting) judge(f guard.List) error {
	v, limits := &w.verdict, w.d.guardOf(w.trait)
	if w.trait.class != Audience {
		f.Exits = 0 // a value that is gone is not told
	}
	var err error
	if f.Joins, err = w.newJoins(limits.Joins != nil || f.Suspicion != "" || f.Renamed != ""); err != nil {
		return err
	}
	exits, joins := f.Sets(limits)
	if v.exits, err = w.judgeSet(exits); err != nil {
		return err
	}
	if v.joins, err = w.judgeSet(joins); err != nil {
		return err
	}
	v.Held, v.Reason = v.exits != "" || v.joins != "", guard.Join(v.exits, v.joins)
	return nil
}

// newJoins counts the joins to judge: those of this list, if something may hold them,
// and those that earlier lists added and that are still held.
func (w *wanting) newJoins(judged bool) (n int64, err error) {
	var before int64
	_, err = w.Get(`SELECT count(*) FROM (`+heldBefore+`)`, []any{w.trait.id, Joins, 0}, &before)
	if err != nil || !judged && before == 0 {
		return 0, err
	}
	_, err = w.Get(`SELECT count(*) FROM (`+newOfList+`)`, []any{w.trait.id, Joins, w.gen}, &n)
	return n + before, err
}

// judgeSet holds what the list made due in one direction, or releases what was held
// before.
func (w *wanting) judgeSet(set guard.Set) (reason string, err error) {
	s := &guarded{set, w.trait.id, w.trait.key}
	if reason = s.Against(); reason == "" {
		newest := int64(math.MaxInt64)
		if w.trait.authority == AuthorityLatest {
			newest = w.at
		}
		_, err := w.release(s.scope, heldBefore, s.scope, s.Direction, newest)
		return "", err
	}
	if err := w.holdValues(s.Direction, "", `v.trait_id = ?1 AND v.profile_id IN (`+newOfList+`)`, s.scope, s.Direction, w.gen); err != nil {
		return "", err
	}
	return reason, errors.Join(w.hold(s.scope, s.Direction), w.note(s, reason))
}
