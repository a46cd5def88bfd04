package state

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// traitByKey finds a trait that must exist.
func (t *tx) traitByKey(key string) (*trait, error) {
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
		n, err = t.adoptValues(tr)
		t.countRun("adopted", n)
		return err
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
		again, _, err := t.doubtValues(tr, `(delivered IS NOT NULL OR doubt = 1) AND status <> 2`)
		if err != nil {
			return err
		}
		waited, err := t.moveValues(statusPending, `trait_id = ?1 AND status = 3`, tr.id) // certainly not taken: no doubt
		n = again + waited
		return err
	})
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
	return d.eachRefused(ctx, f, (*tx).releaseEvents, func(t *tx, r traitRow) error { return t.put(r, r.moved()) })
}

// DropRefused gives up refused deliveries for good: an event is dropped, a
// trait value is taken as said until it changes.
func (d *DB) DropRefused(ctx context.Context, f Filter) (int64, error) {
	return d.eachRefused(ctx, f, (*tx).dropEvents, func(t *tx, r traitRow) error {
		next := r
		next.delivered = sql.NullString{String: r.toSend(), Valid: true} // as if it had been said
		next.doubt, next.sent = false, sql.NullString{}
		next.status = statusSettled
		t.countRun("dropped", 1)
		return t.put(r, next)
	})
}

// eachRefused does something with the refused events, and with each refused trait value.
func (d *DB) eachRefused(ctx context.Context, f Filter, events func(*tx, string, ...any) (int64, error), value func(*tx, traitRow) error) (n int64, err error) {
	return n, d.update(ctx, func(t *tx) error {
		rows, err := t.traitRowsWhere(`v.status = 4 AND v.status > 0 AND (?1 = '' OR f.class = ?1) AND (?2 = '' OR v.trait_id = (SELECT id FROM traits WHERE key = ?2)) AND (?3 = 0 OR f.at < ?3)`,
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
			moved, err := events(t, `status = 4 AND status > 0 AND (?1 = '' OR class = ?1) AND (?2 = 0 OR refused_at < ?2)`, f.Class, unix(f.Before))
			if err != nil {
				return err
			}
			n += moved
		}
		return t.holdSuppressed()
	})
}
