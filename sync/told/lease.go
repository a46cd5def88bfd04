package told

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// Lease implements [Table]. The engine's clock counts.
func (t *table) Lease(ctx context.Context, holder string, ttl time.Duration) (func(context.Context) error, error) {
	holder += "#" + rand.Text() // no other process says the same
	if err := t.claim(ctx, holder, ttl); err != nil {
		return nil, err
	}
	t.take(holder, ttl)
	stop := renew(ctx, ttl, func(ctx context.Context) error { return t.lengthen(ctx, holder, ttl, "") })
	release := func(ctx context.Context) error {
		stop()
		t.take("", 0)
		return t.explain(t.engine.Write(ctx, sqlengine.Statement{Text: "UPDATE " + t.meta + " SET holder = '' WHERE holder = " + t.g.Param(1), Args: []any{holder}}))
	}
	if err := t.clear(ctx, incoming, ""); err != nil { // of processes that died
		return nil, errors.Join(err, release(ctx))
	}
	return release, nil
}

func (t *table) take(holder string, ttl time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.holder, t.ttl = holder, ttl
}

// renew calls fn until stop is called. Nobody is told if it fails: what is written looks
// at the lease itself.
func renew(ctx context.Context, ttl time.Duration, fn func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(ttl / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_ = fn(ctx)
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}

// claim takes the lease if it is free.
func (t *table) claim(ctx context.Context, holder string, ttl time.Duration) error {
	if err := t.lengthen(ctx, holder, ttl, " OR holder = '' OR lease_until < "+t.g.now); err != nil {
		return err
	}
	all, err := t.records(ctx, 2, "SELECT holder, "+t.g.Text(t.g.Micros("lease_until"))+" FROM "+t.meta)
	switch {
	case err != nil:
		return err
	case len(all) != 1:
		return notOne(t.meta, len(all))
	case all[0][0] != holder:
		return leasedBy(all[0][0], all[0][1])
	}
	return nil
}

// lengthen sets the end of the lease that a holder has, or where another condition holds.
func (t *table) lengthen(ctx context.Context, holder string, ttl time.Duration, or string) error {
	return t.explain(t.engine.Write(ctx, t.lengthened(holder, ttl, or)))
}

func (t *table) lengthened(holder string, ttl time.Duration, or string) sqlengine.Statement {
	text := "UPDATE " + t.meta + " SET holder = " + t.g.Param(1) + ", lease_until = " + t.g.after(seconds(ttl)) + " WHERE holder = " + t.g.Param(2) + or
	return sqlengine.Statement{Text: text, Args: []any{holder, holder}}
}

func seconds(d time.Duration) int64 { return max(1, int64((d+time.Second-1)/time.Second)) }

// leasedBy says who has the lease, and until when, in microseconds since 1970.
func leasedBy(holder, until string) error {
	micros, err := strconv.ParseInt(until, 10, 64)
	if err != nil {
		return err
	}
	return &LeasedError{Holder: holderName(holder), Until: time.UnixMicro(micros)}
}

func notOne(table string, n int) error {
	return fmt.Errorf("%w: the rows of %s are not one, but %d", ErrGone, table, n)
}

// holderName is what a holder called itself.
func holderName(holder string) string {
	name, _, _ := strings.Cut(holder, "#")
	return name
}

var errUnleased = fmt.Errorf("%w: nothing can be written without its lease", ErrLeased)

// lostTo says that a lease ran out and somebody else took it.
func lostTo(holder string) error {
	return fmt.Errorf("%w: the lease of this process ran out, and %s took it", ErrLeased, holderName(holder))
}
