package state

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// traitByKey returns a trait, or [ErrNotFound].
func (t *tx) traitByKey(key string) (*trait, error) {
	tr, ok := t.d.traits[key]
	if !ok {
		return nil, fmt.Errorf("%w: no trait %q in the state (see the view audiences)", ErrNotFound, key)
	}
	return tr, nil
}

// Adopt marks what is wanted of a trait as delivered, because impact.com has it from
// somebody else. An audience without a value counts as false, as it would be sent. It
// returns how many rows changed.
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

// Resync sets doubt on all values of a trait that impact.com was ever told, so that
// they are sent again, and makes what waits for a retry due at once. Nothing is
// forgotten. Held and refused rows stay so. It returns how many rows the next run
// sends because of it.
func (d *DB) Resync(ctx context.Context, key string) (n int64, err error) {
	return n, d.update(ctx, func(t *tx) error {
		tr, err := t.traitByKey(key)
		if err != nil {
			return err
		}
		again, _, err := t.doubtValues(tr, true)
		if err != nil {
			return err
		}
		waited, err := t.releaseValues(`v.trait_id = ?1 AND v.status = 3`, tr.id) // impact.com certainly did not take these, so there is no doubt
		n = again + waited
		return err
	})
}

// Filter selects refused deliveries or rejected input. An empty field selects
// everything.
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

// DropRefused gives up refused deliveries for good: an event is dropped, and a trait
// value counts as delivered until it changes.
func (d *DB) DropRefused(ctx context.Context, f Filter) (int64, error) {
	return d.eachRefused(ctx, f, (*tx).dropEvents, func(t *tx, r traitRow) error {
		next := r
		next.delivered = sql.NullString{String: r.toSend(), Valid: true} // as if it had been delivered
		next.doubt, next.sent = false, sql.NullString{}
		next.status = statusSettled
		if r.trait.elsewhere {
			next.deliveredAt = sql.NullInt64{Int64: t.now / int64(time.Second), Valid: true} // it is to be written
		}
		t.countRun("dropped", 1)
		return t.put(r, next)
	})
}

// eachRefused calls events with a condition for the refused events, and value with
// each refused trait value.
func (d *DB) eachRefused(ctx context.Context, f Filter, events func(*tx, string, ...any) (int64, error), value func(*tx, traitRow) error) (n int64, err error) {
	return n, d.update(ctx, func(t *tx) error {
		rows, err := t.dueWhere(`v.status = 4 AND (?1 = '' OR v.class = ?1) AND (?2 = '' OR v.trait_id = (SELECT id FROM traits WHERE key = ?2)) AND (?3 = 0 OR v.at < ?3)`,
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
