package state

import (
	"errors"
	"time"
)

// The table trait_runs: how each trait stood at the end of the runs that changed it.

// moves are how many people became members of a trait in a transaction, and how many
// no longer are, by what is wanted.
type moves struct{ joins, leaves int64 }

// countMoved counts people who joined a trait, or left it if by is negative.
func (t *tx) countMoved(trait, by int64) {
	if t.members == nil {
		t.members = map[int64]moves{}
	}
	m := t.members[trait]
	m.joins, m.leaves = m.joins+max(by, 0), m.leaves+max(-by, 0)
	t.members[trait] = m
}

// countRenamed takes back a leave and a join that were of one person, who got another
// number.
func (t *tx) countRenamed(trait int64) {
	m := t.members[trait]
	m.joins, m.leaves = m.joins-1, m.leaves-1
	t.members[trait] = m
}

func (t *tx) flushMoves() error {
	for trait, m := range t.members {
		if m == (moves{}) {
			continue
		}
		if _, err := t.Exec(`INSERT INTO trait_runs (trait_id, run, joins, leaves) VALUES (?, ?, ?, ?)
			ON CONFLICT (trait_id, run) DO UPDATE SET joins = joins + excluded.joins, leaves = leaves + excluded.leaves`, trait, t.d.run, m.joins, m.leaves); err != nil {
			return err
		}
	}
	return nil
}

// closeTraits notes how the traits stand at the end of a run, as far as that differs
// from how they stood before it.
func (t *tx) closeTraits(run int64) error {
	_, err := t.Exec(`INSERT INTO trait_runs (trait_id, run, at, wanted, delivered, pending, held, refused)
		SELECT id, ?1, ?2, wanted, delivered, pending, held, refused FROM (
			SELECT t.id, coalesce(sum(value) FILTER (WHERE c.name = 'wanted'), 0) AS wanted, coalesce(sum(value) FILTER (WHERE c.name = 'delivered'), 0) AS delivered,
				coalesce(sum(value) FILTER (WHERE c.name IN ('pending', 'in_flight', 'retry_later', 'unknown')), 0) AS pending,
				coalesce(sum(value) FILTER (WHERE c.name = 'held'), 0) AS held, coalesce(sum(value) FILTER (WHERE c.name = 'refused'), 0) AS refused
			FROM traits t LEFT JOIN counters c ON c.scope = t.id GROUP BY t.id) s
		WHERE EXISTS (SELECT 1 FROM trait_runs WHERE trait_id = s.id AND run = ?1)
			OR (wanted, delivered, pending, held, refused) IS NOT (SELECT h.wanted, h.delivered, h.pending, h.held, h.refused FROM trait_runs h WHERE h.trait_id = s.id AND h.run < ?1 ORDER BY h.run DESC LIMIT 1)
		ON CONFLICT (trait_id, run) DO UPDATE SET at = excluded.at, wanted = excluded.wanted, delivered = excluded.delivered, pending = excluded.pending, held = excluded.held, refused = excluded.refused`,
		run, t.now)
	return err
}

// keepTraitRuns is how long it can be seen how a trait stood.
const keepTraitRuns = 92 * 24 * time.Hour

// pruneTraits deletes what is too old of the traits' history, but never the last that
// is known of one.
func (t *tx) pruneTraits() error {
	var before int64
	_, err := t.Get(`SELECT coalesce(max(run), 0) FROM runs WHERE started_at < ?`, []any{t.now - int64(keepTraitRuns)}, &before)
	if err != nil || before == 0 {
		return err
	}
	_, err = t.Exec(`DELETE FROM trait_runs WHERE trait_id IN (SELECT id FROM traits) AND run <= ?
		AND run < (SELECT max(l.run) FROM trait_runs l WHERE l.trait_id = trait_runs.trait_id)`, before)
	return err
}

// endDead ends the runs that died: by what they last showed of themselves, since
// nobody knows when it was.
func (t *tx) endDead() error {
	dead, err := collect(t, `SELECT run FROM runs WHERE ended_at IS NULL`, nil, itself[int64])
	for _, run := range dead {
		err = errors.Join(err, t.closeTraits(run))
	}
	if err != nil {
		return err
	}
	_, err = t.Exec(`UPDATE runs SET ended_at = heartbeat_at, note = 'the process exited before finishing; when is not known, it was last seen then' WHERE ended_at IS NULL`)
	return err
}
