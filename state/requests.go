package state

import (
	"context"
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

// approvalLife is how long an approval counts.
const approvalLife = 24 * time.Hour

// ErrNothingHeld says that there is nothing to approve.
var ErrNothingHeld = errors.New("nothing is held")

// Approve lets up to n held exits of a trait through in the next runs, for a
// day. It needs no lock. It gives how many are held now; more than those cannot
// be approved in advance.
func (d *DB) Approve(ctx context.Context, key string, n int64) (held int64, err error) {
	err = d.update(ctx, func(t *tx) error {
		d.traits = nil // another process may have made the trait
		tr, err := t.traitByKey(key)
		if err != nil {
			return err
		}
		if _, err := t.get(`SELECT coalesce(sum(value), 0) FROM counters WHERE scope = ? AND name = 'held'`, []any{tr.id}, &held); err != nil {
			return err
		}
		if held == 0 {
			return fmt.Errorf("%w of %q", ErrNothingHeld, key)
		}
		_, err = t.exec(`INSERT INTO approvals (trait_id, exits, created_at, expires_at) VALUES (?, ?, ?, ?)`, tr.id, min(n, held), t.now, t.now+int64(approvalLife))
		return err
	})
	return held, err
}

// releaseApproved makes held exits due as far as approvals go, of one trait or
// (0) of all.
func (t *tx) releaseApproved(traitID int64) error {
	type approval struct{ id, trait, left int64 }
	for {
		var a approval
		found, err := t.get(`SELECT a.id, a.trait_id, a.exits - a.used FROM approvals a WHERE a.used < a.exits AND a.expires_at > ?1 AND (?2 = 0 OR a.trait_id = ?2)
			AND EXISTS (SELECT 1 FROM trait_values v WHERE v.status = 6 AND v.status > 0 AND v.is_exit = 1 AND v.trait_id = a.trait_id) ORDER BY a.id LIMIT 1`,
			[]any{t.now, traitID}, &a.id, &a.trait, &a.left)
		if err != nil || !found {
			return err
		}
		const most = 10_000 // rows in memory at a time
		rows, err := t.traitRowsWhere(`v.status = 6 AND v.status > 0 AND v.is_exit = 1 AND v.trait_id = ? LIMIT ?`, a.trait, min(a.left, most))
		if err != nil {
			return err
		}
		for _, old := range rows {
			if err := t.put(old, old.moved()); err != nil {
				return err
			}
		}
		t.countRun("approved", int64(len(rows)))
		if _, err := t.exec(`UPDATE approvals SET used = used + ? WHERE id = ?`, len(rows), a.id); err != nil {
			return err
		}
	}
}

// Adopt takes what is wanted of a trait as delivered: somebody else has told
// impact.com. It gives how many rows moved.
func (d *DB) Adopt(ctx context.Context, key string) (n int64, err error) {
	return n, d.update(ctx, func(t *tx) error {
		tr, err := t.traitByKey(key)
		if err != nil {
			return err
		}
		if n, err = t.exec(`UPDATE trait_values SET delivered = wanted, delivered_at = ?1, doubt = 0, sent = NULL, status = 0, is_exit = 0
			WHERE trait_id = ?2 AND wanted IS NOT NULL AND (wanted IS NOT delivered OR doubt = 1 OR status > 0)
			AND NOT (?3 = 'audience' AND wanted = 'false' AND delivered IS NULL AND doubt = 0)`, t.now, tr.id, tr.class); err != nil {
			return err
		}
		if _, err := t.exec(`DELETE FROM trait_faults WHERE trait_id = ?`, tr.id); err != nil {
			return err
		}
		t.countRun("adopted", n)
		return t.recount(tr)
	})
}

// Resync sets doubt on everything of a trait that impact.com was ever told, so
// that it is said again. Nothing is forgotten. It gives how many rows are due
// by it.
func (d *DB) Resync(ctx context.Context, key string) (n int64, err error) {
	return n, d.update(ctx, func(t *tx) error {
		tr, err := t.traitByKey(key)
		if err != nil {
			return err
		}
		// A computed trait without a value has nothing that could be sent again.
		if n, err = t.exec(`UPDATE trait_values SET doubt = 1, sent = coalesce(sent, delivered), status = 1, is_exit = (?2 = 'audience' AND wanted IS NOT 'true')
			WHERE trait_id = ?1 AND (delivered IS NOT NULL OR doubt = 1) AND status IN (0, 1, 3, 5) AND (?2 = 'audience' OR wanted IS NOT NULL)`, tr.id, tr.class); err != nil {
			return err
		}
		if _, err := t.exec(`DELETE FROM trait_faults WHERE trait_id = ?1 AND class IS NULL`, tr.id); err != nil {
			return err
		}
		return t.recount(tr)
	})
}

// countersOf counts a trait's rows afresh.
const countersOf = `
	SELECT 'wanted' AS name, count(*) AS value FROM trait_values WHERE trait_id = ?1 AND wanted IS NOT NULL AND (?2 = 'computed' OR wanted = 'true')
	UNION ALL SELECT 'delivered', count(*) FROM trait_values WHERE trait_id = ?1 AND delivered IS NOT NULL AND (?2 = 'computed' OR delivered = 'true')
	UNION ALL SELECT 'told', count(*) FROM trait_values WHERE trait_id = ?1 AND (doubt = 1 OR delivered IS NOT NULL AND (?2 = 'computed' OR delivered = 'true'))
	UNION ALL SELECT s.name, (SELECT count(*) FROM trait_values v WHERE v.trait_id = ?1 AND v.status = s.id)
	FROM (SELECT 0 AS id, 'settled' AS name UNION ALL VALUES (1, 'pending'), (2, 'in_flight'), (3, 'retry_later'), (4, 'refused'), (5, 'unknown'), (6, 'held')) s`

// recount writes the counters of a trait afresh after a change in bulk.
func (t *tx) recount(tr *trait) error {
	for c := range t.moved {
		if c.scope == tr.id {
			delete(t.moved, c)
		}
	}
	if _, err := t.exec(`DELETE FROM counters WHERE scope = ?`, tr.id); err != nil {
		return err
	}
	_, err := t.exec(`INSERT INTO counters (scope, name, value) SELECT ?1, name, value FROM (`+countersOf+`)`, tr.id, tr.class)
	return err
}

// Forget removes a person: the profile, its anonymous ids, its trait values
// and its deliveries. It gives how many rows went. What impact.com holds of
// the person stays there.
func (d *DB) Forget(ctx context.Context, p Person) (removed int64, err error) {
	return removed, d.update(ctx, func(t *tx) error {
		if err := t.loadTraits(); err != nil {
			return err
		}
		prof, found, err := t.find(p)
		if err != nil {
			return err
		}
		if prof.absorbed != 0 {
			prof.id = prof.absorbed
		}
		removed, err = t.forgetProfile(prof.id)
		if err == nil && !found && removed == 0 {
			return fmt.Errorf("%w: nobody with this id in the state", ErrNotFound)
		}
		return err
	})
}

func (t *tx) forget(p Person) error {
	prof, _, err := t.find(p)
	if err != nil {
		return err
	}
	if prof.absorbed != 0 {
		prof.id = prof.absorbed
	}
	_, err = t.forgetProfile(prof.id)
	t.countRun("people_forgotten", 1)
	return err
}

func (t *tx) forgetProfile(id int64) (removed int64, err error) {
	t.d.profiles.clear() // its anonymous ids too
	for _, tr := range t.d.traits {
		r, err := t.traitRow(tr, id)
		if err != nil {
			return removed, err
		}
		if !r.exists {
			continue
		}
		t.countRun("forgotten", one(r.status != statusSettled))
		if err := t.deleteTraitRow(r); err != nil {
			return removed, err
		}
		removed++
	}
	n, err := t.forgetDeliveries(id)
	if err != nil {
		return removed, err
	}
	removed += n
	for _, q := range []string{`DELETE FROM attempts WHERE profile_id = ?`, `DELETE FROM profiles WHERE absorbed_into = ?`, `DELETE FROM profiles WHERE id = ?`} {
		n, err := t.exec(q, id)
		if err != nil {
			return removed, err
		}
		removed += n
	}
	return removed, nil
}

func (t *tx) forgetDeliveries(id int64) (removed int64, err error) {
	for kind, scope := range map[Kind]int64{PageLoad: scopePageLoads, Conversion: scopeConversions} {
		for status := statusSettled; status <= statusHeld; status++ {
			n, err := t.exec(`DELETE FROM deliveries WHERE profile_id = ? AND kind = ? AND status = ?`, id, kind, status)
			if err != nil {
				return removed, err
			}
			if status != statusSettled {
				t.countRun("forgotten", n)
			}
			t.count(scope, statusNames[status], -n)
			removed += n
		}
	}
	return removed, nil
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
	return d.eachRefused(ctx, f, func(t *tx, r traitRow) error { return t.put(r, r.moved()) },
		`UPDATE deliveries SET status = 1, class = NULL, refused_at = NULL, fingerprint = NULL WHERE id IN (`+refusedEvents+`)`, statusPending)
}

// DropRefused gives refused deliveries up for good: an event is dropped, a
// trait value is taken as said until it changes.
func (d *DB) DropRefused(ctx context.Context, f Filter) (int64, error) {
	return d.eachRefused(ctx, f, func(t *tx, r traitRow) error {
		next := r
		next.wanted, next.doubt, next.sent = r.delivered, false, r.sent
		next.status = statusSettled
		t.countRun("dropped", 1)
		return t.put(r, next)
	}, `UPDATE deliveries SET status = 0, payload = NULL, outcome = 'dropped', delivered_at = ?4 WHERE id IN (`+refusedEvents+`)`, statusSettled)
}

const refusedEvents = `SELECT id FROM deliveries WHERE status = 4 AND status > 0 AND kind = ?1 AND (?2 = '' OR class = ?2) AND (?3 = 0 OR refused_at < ?3) AND ?4 > 0`

func (d *DB) eachRefused(ctx context.Context, f Filter, value func(*tx, traitRow) error, events string, to int) (n int64, err error) {
	return n, d.update(ctx, func(t *tx) error {
		d.traits = nil // another process may have made traits
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
		if f.Trait != "" {
			return nil
		}
		for kind, scope := range map[Kind]int64{PageLoad: scopePageLoads, Conversion: scopeConversions} {
			moved, err := t.exec(events, kind, f.Class, unix(f.Before), t.now)
			if err != nil {
				return err
			}
			t.count(scope, statusNames[statusRefused], -moved)
			t.count(scope, statusNames[to], moved)
			n += moved
		}
		return nil
	})
}

// DropRejected forgets rejected input.
func (d *DB) DropRejected(ctx context.Context, f Filter) (n int64, err error) {
	return n, d.update(ctx, func(t *tx) error {
		n, err = t.exec(`DELETE FROM rejected WHERE (?1 = '' OR source = ?1) AND (?2 = 0 OR seen_at < ?2)`, f.Source, unix(f.Before))
		return err
	})
}
