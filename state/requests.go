package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// traitByKey finds a trait that must exist.
func (t *tx) traitByKey(key string) (*trait, error) {
	if err := t.loadTraits(); err != nil {
		return nil, err
	}
	tr, ok := t.d.traits[key]
	if !ok {
		return nil, fmt.Errorf("%w: no trait %q in the state (see the view audiences)", ErrNotFound, key)
	}
	return tr, nil
}

// Adopt takes what is wanted of a trait as delivered: somebody else has told
// impact.com. An audience without a value counts as false, as it would be sent.
// It returns how many rows moved.
func (d *DB) Adopt(ctx context.Context, key string) (n int64, err error) {
	return n, d.update(ctx, func(t *tx) error {
		tr, err := t.traitByKey(key)
		if err != nil {
			return err
		}
		if n, err = t.Exec(`UPDATE trait_values SET delivered = coalesce(wanted, 0), delivered_at = ?1, doubt = 0, sent = NULL, attempt = NULL, status = 0, is_exit = 0
			WHERE trait_id = ?2 AND (wanted IS NOT NULL OR ?3 = 'audience' AND status > 0) AND (wanted IS NOT delivered OR doubt = 1 OR status > 0)
			AND NOT (?3 = 'audience' AND wanted = 0 AND delivered IS NULL AND doubt = 0)`, t.now/int64(time.Millisecond), tr.id, tr.class); err != nil {
			return err
		}
		t.countRun("adopted", n)
		return errors.Join(t.dropFaults(tr.id), t.recount(tr))
	})
}

// Resync sets doubt on everything of a trait that impact.com was ever told, so
// that it is said again, and ends the waiting of what is to be tried again.
// Nothing is forgotten. Held and refused rows stay so. It returns how many rows
// the next run sends by it.
func (d *DB) Resync(ctx context.Context, key string) (n int64, err error) {
	return n, d.update(ctx, func(t *tx) error {
		tr, err := t.traitByKey(key)
		if err != nil {
			return err
		}
		// A computed trait without a value has nothing that could be sent again.
		const said = ` WHERE trait_id = ?1 AND (delivered IS NOT NULL OR doubt = 1) AND (?2 = 'audience' OR wanted IS NOT NULL)`
		if _, err := t.Exec(`UPDATE trait_values SET doubt = 1, sent = coalesce(sent, delivered)`+said+` AND status IN (4, 6)`, tr.id, tr.class); err != nil {
			return err
		}
		again, err := t.Exec(`UPDATE trait_values SET doubt = 1, sent = coalesce(sent, delivered), status = 1, is_exit = (?2 = 'audience' AND wanted IS NOT 1)`+said+` AND status IN (0, 1, 3, 5)`, tr.id, tr.class)
		if err != nil {
			return err
		}
		waited, err := t.Exec(`UPDATE trait_values SET status = 1 WHERE trait_id = ? AND status = 3`, tr.id) // certainly not taken: no doubt
		if err != nil {
			return err
		}
		n = again + waited
		return errors.Join(t.dropFaults(tr.id), t.recount(tr))
	})
}

// countersOf counts a trait's rows afresh.
const countersOf = `
	SELECT 'wanted' AS name, count(*) AS value FROM trait_values WHERE trait_id = ?1 AND wanted IS NOT NULL AND (?2 = 'computed' OR wanted = 1)
	UNION ALL SELECT 'delivered', count(*) FROM trait_values WHERE trait_id = ?1 AND delivered IS NOT NULL AND (?2 = 'computed' OR delivered = 1)
	UNION ALL SELECT 'told', count(*) FROM trait_values WHERE trait_id = ?1 AND (doubt = 1 AND sent IS NOT 0 OR delivered IS NOT NULL AND (?2 = 'computed' OR delivered = 1))
	UNION ALL SELECT s.name, (SELECT count(*) FROM trait_values v WHERE v.trait_id = ?1 AND v.status = s.status) FROM (` + statusRows + `) s`

// recount writes the counters of a trait afresh after a change in bulk.
func (t *tx) recount(tr *trait) error {
	for c := range t.moved {
		if c.scope == tr.id {
			delete(t.moved, c)
		}
	}
	if _, err := t.Exec(`DELETE FROM counters WHERE scope = ?`, tr.id); err != nil {
		return err
	}
	_, err := t.Exec(`INSERT INTO counters (scope, name, value) SELECT ?1, name, value FROM (`+countersOf+`)`, tr.id, tr.class)
	return err
}

// Filter chooses among refused deliveries or rejected input. Empty fields
// choose everything.
type Filter struct {
	Class  string
	Trait  string
	Source string
	Before time.Time
	Limit  int
}

// RetryRefused makes refused deliveries due again. It needs no lock.
func (d *DB) RetryRefused(ctx context.Context, f Filter) (int64, error) {
	return d.eachRefused(ctx, f, statusPending, "", func(t *tx, r traitRow) error { return t.put(r, r.moved()) })
}

// DropRefused gives up refused deliveries for good: an event is dropped, a
// trait value is taken as said until it changes.
func (d *DB) DropRefused(ctx context.Context, f Filter) (int64, error) {
	return d.eachRefused(ctx, f, statusSettled, "dropped", func(t *tx, r traitRow) error {
		next := r
		next.delivered = sql.NullString{String: r.toSend(), Valid: true} // as if it had been said
		next.doubt, next.sent = false, sql.NullString{}
		next.status = statusSettled
		t.countRun("dropped", 1)
		return t.put(r, next)
	})
}

// eachRefused moves refused events to another status, and trait values as value does.
func (d *DB) eachRefused(ctx context.Context, f Filter, to status, outcome string, value func(*tx, traitRow) error) (n int64, err error) {
	return n, d.update(ctx, func(t *tx) error {
		if err := t.loadTraits(); err != nil {
			return err
		}
		rows, err := t.traitRowsWhere(`v.status = 4 AND v.status > 0 AND EXISTS (SELECT 1 FROM trait_faults f JOIN traits t ON t.id = f.trait_id
			WHERE f.trait_id = v.trait_id AND f.profile_id = v.profile_id AND (?1 = '' OR f.class = ?1) AND (?2 = '' OR t.key = ?2) AND (?3 = 0 OR f.at < ?3))`,
			f.Class, f.Trait, unix(f.Before))
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := value(t, r); err != nil {
				return err
			}
		}
		n = int64(len(rows))
		if f.Trait == "" {
			events, err := t.moveEvents(to, outcome, `status = 4 AND status > 0 AND (?1 = '' OR class = ?1) AND (?2 = 0 OR refused_at < ?2)`, f.Class, unix(f.Before))
			if err != nil {
				return err
			}
			n += events
		}
		return t.holdSuppressed()
	})
}

// DropRejected forgets rejected input.
func (d *DB) DropRejected(ctx context.Context, f Filter) (n int64, err error) {
	return n, d.update(ctx, func(t *tx) error {
		n, err = t.Exec(`DELETE FROM rejected WHERE (?1 = '' OR source = ?1) AND (?2 = 0 OR seen_at < ?2)`, f.Source, unix(f.Before))
		return err
	})
}
