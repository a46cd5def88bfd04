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
	newOfList  = `SELECT profile_id AS id FROM trait_values WHERE status = 1 AND status > 0 AND is_exit = (?2 = 'exits') AND +trait_id = ?1 AND origin = -?3`
	heldBefore = `SELECT profile_id AS id FROM trait_values AS v WHERE status = 6 AND status > 0 AND is_exit = (?2 = 'exits') AND +trait_id = ?1
		AND CASE ?2 WHEN 'joins' THEN origin < 0 ELSE coalesce(ordered_at, wanted_at) <= ?3 END
		AND NOT EXISTS (SELECT 1 FROM trait_faults f WHERE f.trait_id = v.trait_id AND f.profile_id = v.profile_id AND f.class = 'suppressions')`
)

// judge judges the exits and the joins of a list.
func (m *merge) judge() error {
	v, limits := &m.verdict, m.d.guardOf(m.trait)
	facts, err := m.facts(limits)
	if err != nil {
		return err
	}
	exits, joins := facts.Sets(limits)
	if v.exits, err = m.judgeSet(exits); err != nil {
		return err
	}
	if v.joins, err = m.judgeSet(joins); err != nil {
		return err
	}
	v.Held, v.Reason = v.exits != "" || v.joins != "", guard.Join(v.exits, v.joins)
	return nil
}

func (m *merge) facts(limits Guard) (guard.List, error) {
	f := guard.List{Members: m.verdict.Members, Told: m.verdict.Told, Exits: m.verdict.Exits, Unreadable: m.list.unreadable, Suspicion: m.list.suspicion}
	if f.Exits == 0 && m.dropped == 0 {
		f.Suspicion = "" // nobody is missing
	}
	if m.trait.class != Audience {
		f.Exits = 0 // a value that is gone is not told
	}
	var before int64
	_, err := m.Get(`SELECT count(*) FROM (`+heldBefore+`)`, []any{m.trait.id, Joins, 0}, &before)
	if err != nil || limits.Joins == nil && before == 0 && f.Suspicion == "" {
		return f, err
	}
	_, err = m.Get(`SELECT count(*) FROM (`+newOfList+`)`, []any{m.trait.id, Joins, m.list.gen}, &f.Joins)
	f.Joins += before
	return f, err
}

// judgeSet holds what the list made due in one direction, or releases what was held
// before.
func (m *merge) judgeSet(set guard.Set) (reason string, err error) {
	s := &guarded{set, m.trait.id, m.trait.key}
	if reason = s.Against(); reason == "" {
		newest := int64(math.MaxInt64)
		if m.trait.authority == AuthorityLatest {
			newest = m.at
		}
		_, err := m.release(s.scope, heldBefore, s.scope, s.Direction, newest)
		return "", err
	}
	if _, err := m.moveValues(statusHeld, `v.trait_id = ?1 AND v.profile_id IN (`+newOfList+`)`, s.scope, s.Direction, m.list.gen); err != nil {
		return "", err
	}
	return reason, errors.Join(m.hold(s.scope, s.Direction), m.note(s, reason))
}
