package state

import "fmt"

// judge is the guard's verdict on a list: on the exits and the
// joins that it has made due.
func (m *merge) judge() error {
	g, v := m.d.guardOf(m.trait), &m.verdict
	if v.Exits == 0 && m.dropped == 0 {
		m.list.suspicion = "" // nobody is missing
	}
	exits := &question{scope: m.trait.id, direction: Exits, fresh: v.Exits, base: v.Told}
	switch {
	case m.trait.class != Audience: // a value that is gone is not told
	case v.Exits > 0 && m.list.suspicion != "":
		v.exits = m.list.suspicion
	case v.Exits > 0 && m.list.unreadable > 0:
		v.exits = fmt.Sprintf("%d lines of the list do not say whom they are about, so that nobody can be said to have left", m.list.unreadable)
	case v.Exits > 0 && v.Members == 0:
		v.exits = fmt.Sprintf("the list is empty and would end all %d memberships", v.Exits)
	case g.Exits.Exceeded(v.Exits, v.Told):
		v.exits = fmt.Sprintf("%d of %d people told true would leave%s", v.Exits, v.Told, percentWords(v.Exits, v.Told, g.Exits))
	}
	if v.exits != "" {
		if err := m.noteVerdict(exits, v.exits); err != nil {
			return err
		}
	}
	if err := m.judgeJoins(g); err != nil {
		return err
	}
	v.Held, v.Reason = v.exits != "" || v.joins != "", v.exits
	if v.joins != "" && v.joins != v.exits {
		v.Reason = joinWords(v.exits, v.joins)
	}
	return nil
}

func joinWords(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// The joins of this list, and those of earlier lists that the guard holds and
// this list says again.
const (
	// A plus before trait_id keeps SQLite to the index of what is due.
	newJoins  = ` FROM trait_values WHERE status = 1 AND status > 0 AND is_exit = 0 AND +trait_id = ?1 AND origin = ?2`
	heldJoins = ` FROM trait_values AS v WHERE status = 6 AND status > 0 AND is_exit = 0 AND +trait_id = ?1 AND origin < 0
		AND NOT EXISTS (SELECT 1 FROM trait_faults f WHERE f.trait_id = v.trait_id AND f.profile_id = v.profile_id AND f.class = 'suppressions')`
)

// judgeJoins decides anew on all of them.
func (m *merge) judgeJoins(g Guard) error {
	var fresh, standing int64
	_, err := m.get(`SELECT count(*)`+heldJoins, []any{m.trait.id}, &standing)
	if err != nil || g.Joins == nil && standing == 0 && m.list.suspicion == "" {
		return err
	}
	if _, err := m.get(`SELECT count(*)`+newJoins, []any{m.trait.id, -m.list.gen}, &fresh); err != nil {
		return err
	}
	q := &question{scope: m.trait.id, direction: Joins, fresh: fresh + standing, base: m.verdict.Told}
	switch first := q.base == 0 && !g.FirstSync; {
	case m.list.suspicion != "" && q.fresh > 0:
		m.verdict.joins = m.list.suspicion
	case first || !g.Joins.Exceeded(q.fresh, q.base):
		return m.releaseJoins()
	default:
		m.verdict.joins = fmt.Sprintf("%d people would join %d told true%s", q.fresh, q.base, percentWords(q.fresh, q.base, g.Joins))
	}
	if err := m.holdJoins(); err != nil {
		return err
	}
	return m.noteVerdict(q, m.verdict.joins)
}

func (m *merge) holdJoins() error {
	n, err := m.exec(`UPDATE trait_values SET status = 6 WHERE trait_id = ?1 AND profile_id IN (SELECT profile_id`+newJoins+`)`, m.trait.id, -m.list.gen)
	if err != nil {
		return err
	}
	m.count(m.trait.id, statusNames[statusPending], -n)
	m.count(m.trait.id, statusNames[statusHeld], n)
	return m.markHeld(m.trait.id, Joins)
}

func (m *merge) releaseJoins() error {
	n, err := m.exec(`UPDATE trait_values SET status = 1 WHERE trait_id = ?1 AND profile_id IN (SELECT profile_id`+heldJoins+`)`, m.trait.id)
	if err != nil {
		return err
	}
	m.count(m.trait.id, statusNames[statusHeld], -n)
	m.count(m.trait.id, statusNames[statusPending], n)
	return m.dropFaults(m.trait.id)
}
