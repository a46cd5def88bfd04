package state

import (
	"context"
	"maps"
	"sync"
)

// Sender claims deliveries and settles them, turn by turn. It remembers what is
// under way in this process; what lasts is in the state. A run has one.
type Sender struct {
	db *DB

	mu sync.Mutex
	memory
}

// NewSender returns a sender for the run that began last.
func (d *DB) NewSender() *Sender {
	return &Sender{db: d, memory: memory{busy: map[int64]bool{}, people: map[int64]bool{}, passed: map[queue]position{}}}
}

// Turn settles the outcomes of earlier claims and claims what is to be sent
// next, in one transaction, so that a sender pays for one commit and not two.
// A claim stays until it is settled; what a dead process claimed is recovered
// by [DB.BeginRun].
func (s *Sender) Turn(ctx context.Context, outcomes []Outcome, want Want) ([]*Claim, error) {
	if len(outcomes) == 0 && want.PageLoads <= 0 && want.Conversions <= 0 {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.memory // a turn that is rolled back leaves the old one
	next.busy, next.people, next.passed = maps.Clone(s.busy), maps.Clone(s.people), maps.Clone(s.passed)
	c := &claiming{memory: &next, want: want}
	ctx = context.WithoutCancel(ctx) // outcomes must be kept even when the run is being stopped
	err := s.db.update(ctx, func(t *tx) error {
		if err := t.settle(outcomes, want); err != nil {
			return err
		}
		for i := range outcomes {
			delete(c.busy, outcomes[i].Claim.Profile)
		}
		c.tx = t
		return c.all()
	})
	if err != nil {
		return nil, err
	}
	s.memory = next
	return c.claims, nil
}

// all claims for both hosts.
func (c *claiming) all() error {
	if err := c.ofTracking(float64(c.want.PageLoads)); err != nil {
		return err
	}
	most := len(c.claims) + c.want.Conversions
	for _, click := range [...]bool{true, false} {
		if err := c.of(class{Conversion, click}, most-len(c.claims)); err != nil {
			return err
		}
	}
	return nil
}

// ofTracking claims for the tracking host: first each class's share, then what is
// left, in order.
func (c *claiming) ofTracking(room float64) error {
	if room <= 0 {
		return nil
	}
	for i, t := range tracking {
		c.credit[i] = min(c.credit[i]+t.share*room, room)
		before := len(c.claims)
		if err := c.of(t.class, min(int(c.credit[i]), c.want.PageLoads-before)); err != nil {
			return err
		}
		c.credit[i] -= float64(len(c.claims) - before)
	}
	for _, t := range tracking {
		if err := c.of(t.class, c.want.PageLoads-len(c.claims)); err != nil {
			return err
		}
	}
	return nil
}

// of claims up to n of a class: half of them not tried before, which come first, the
// others retries, so that what fails again and again holds nobody up. What one half
// leaves free goes to the other.
func (c *claiming) of(of class, n int) error {
	switch {
	case n <= 0 || c.want.Trait != "" && of.kind != TraitUpdate:
		return nil
	case c.want.probes(of.kind):
		_, err := c.from(queue{of, newest}, n)
		return err
	}
	c.oddTurn = !c.oddTurn
	half := (n + int(one(c.oddTurn))) / 2
	first, err := c.from(queue{of, untried}, half)
	if err != nil {
		return err
	}
	again, err := c.from(queue{of, retries}, n-first)
	if err != nil || first < half {
		return err
	}
	_, err = c.from(queue{of, untried}, n-first-again)
	return err
}

func (c *claiming) from(q queue, most int) (n int, err error) {
	switch {
	case most <= 0:
		return 0, nil
	case q.kind == TraitUpdate:
		return c.traitUpdates(q, most)
	}
	return c.events(q, most)
}
