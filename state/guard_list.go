package state

import "github.com/impactsync/impactsync/state/internal/guard"

// The joins of this list, and those of earlier lists that the guard holds and
// this list says again.
const (
	newJoins  = ` status = 1 AND status > 0 AND is_exit = 0 AND +trait_id = ?1 AND origin = ?2`
	heldJoins = `SELECT profile_id AS id FROM trait_values AS v WHERE status = 6 AND status > 0 AND is_exit = 0 AND +trait_id = ?1 AND origin < 0
		AND NOT EXISTS (SELECT 1 FROM trait_faults f WHERE f.trait_id = v.trait_id AND f.profile_id = v.profile_id AND f.class = 'suppressions')`
)

// judge is the guard's verdict on a list: on the exits and the joins that it has
// made due. It writes the joins; the exits are written with it.
func (m *merge) judge() error {
	v, limits := &m.verdict, m.d.guardOf(m.trait)
	facts, err := m.facts(limits)
	if err != nil {
		return err
	}
	exits, joins := facts.Sets(limits)
	v.exits, v.joins = exits.Against(), joins.Against()
	v.Held, v.Reason = v.exits != "" || v.joins != "", guard.Join(v.exits, v.joins)
	if err := m.note(&guarded{exits, m.trait.id, m.trait.key}, v.exits); err != nil {
		return err
	}
	if err := m.note(&guarded{joins, m.trait.id, m.trait.key}, v.joins); err != nil {
		return err
	}
	if v.joins != "" {
		return m.holdNewJoins()
	}
	if facts.Joins == 0 {
		return nil
	}
	if _, err := m.release(m.trait.id, heldJoins, m.trait.id); err != nil {
		return err
	}
	return m.dropFaults(m.trait.id)
}

func (m *merge) facts(limits Guard) (guard.List, error) {
	f := guard.List{Members: m.verdict.Members, Told: m.verdict.Told, Exits: m.verdict.Exits, Unreadable: m.list.unreadable, Suspicion: m.list.suspicion}
	if f.Exits == 0 && m.dropped == 0 {
		f.Suspicion = "" // nobody is missing
	}
	if m.trait.class != Audience {
		f.Exits = 0 // a value that is gone is not told
	}
	var standing int64
	_, err := m.get(`SELECT count(*) FROM (`+heldJoins+`)`, []any{m.trait.id}, &standing)
	if err != nil || limits.Joins == nil && standing == 0 && f.Suspicion == "" {
		return f, err
	}
	_, err = m.get(`SELECT count(*) FROM trait_values WHERE`+newJoins, []any{m.trait.id, -m.list.gen}, &f.Joins)
	f.Joins += standing
	return f, err
}

func (m *merge) holdNewJoins() error {
	n, err := m.exec(`UPDATE trait_values SET status = 6 WHERE trait_id = ?1 AND profile_id IN (SELECT profile_id FROM trait_values WHERE`+newJoins+`)`, m.trait.id, -m.list.gen)
	if err != nil {
		return err
	}
	m.countStatus(m.trait.id, statusPending, statusHeld, n)
	return m.hold(m.trait.id, Joins)
}
