package state

import "context"

// mostUnlisted is how many names of each kind are stored.
const mostUnlisted = 1000

// countUnlisted adds to the counters of names that the configuration does not list.
func (t *tx) countUnlisted(all map[Unlisted]int64) error {
	for u, n := range all {
		t.countRun("unlisted_"+u.Kind, n)
		if _, err := t.Exec(`INSERT INTO unlisted (kind, name, count, seen_at)
			SELECT ?1, ?2, ?3, ?4 WHERE (SELECT count(*) FROM unlisted WHERE kind = ?1) < ?5 OR EXISTS (SELECT 1 FROM unlisted WHERE kind = ?1 AND name = ?2)
			ON CONFLICT (kind, name) DO UPDATE SET count = count + excluded.count, seen_at = excluded.seen_at`, u.Kind, u.Name, n, t.now, mostUnlisted); err != nil {
			return err
		}
	}
	return nil
}

type unlistedEvent struct {
	name  string
	count int64
}

func unlistedEvents(r reading) ([]unlistedEvent, error) {
	return collect(r, `SELECT name, count FROM unlisted WHERE kind = 'event'`, nil, func(u *unlistedEvent) []any { return []any{&u.name, &u.count} })
}

// listEvent removes an event that the configuration lists now.
func (t *tx) listEvent(name string) error {
	_, err := t.Exec(`DELETE FROM unlisted WHERE kind = 'event' AND name = ?`, name)
	return err
}

// mostRejected is how many rows one object can add to the table rejected. All of
// them are counted.
const mostRejected = 1000

func (t *tx) reject(all []Rejected) error {
	for _, r := range all {
		t.countRun("rejected", 1)
		// If an object is read again, the same line replaces its older row.
		if _, err := t.Exec(`DELETE FROM rejected WHERE source = ? AND object = ? AND line = ?`, r.Source, r.Object, r.Line); err != nil {
			return err
		}
		if _, err := t.Exec(`INSERT INTO rejected (run, source, object, line, reason, seen_at)
			SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE (SELECT count(*) FROM rejected WHERE source = ?2 AND object = ?3) < ?7`,
			t.d.run, r.Source, r.Object, r.Line, r.Reason, t.now, mostRejected); err != nil {
			return err
		}
	}
	return nil
}

// Reject stores rejected input that belongs to no batch.
func (d *DB) Reject(ctx context.Context, all []Rejected) error {
	if len(all) == 0 {
		return nil
	}
	return d.update(ctx, func(t *tx) error { return t.reject(all) })
}

// redactRejected removes reasons that name one of some ids, given as JSON.
func (t *tx) redactRejected(ids string) error {
	_, err := t.Exec(`UPDATE rejected SET reason = 'removed with a forgotten person' WHERE EXISTS (SELECT 1 FROM json_each(?1) j WHERE instr(reason, j.value) > 0)`, ids)
	return err
}

// DropRejected deletes rejected input and returns how many rows.
func (d *DB) DropRejected(ctx context.Context, f Filter) (n int64, err error) {
	return n, d.update(ctx, func(t *tx) error {
		n, err = t.Exec(`DELETE FROM rejected WHERE (?1 = '' OR source = ?1) AND (?2 = 0 OR seen_at < ?2)`, f.Source, unix(f.Before))
		return err
	})
}
