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

// memory is what a sender knows from one turn to the next.
type memory struct {
	busy    map[int64]bool     // people with an attempt under way
	people  map[int64]bool     // claimed so far, where their number is limited
	passed  map[queue]position // up to where conversions were found to wait
	credit  [len(tracking)]float64
	oddTurn bool // the odd one of a turn is for what was not tried before
}

// NewSender returns a sender for the run that began last.
func (d *DB) NewSender() *Sender {
	return &Sender{db: d, memory: memory{busy: map[int64]bool{}, people: map[int64]bool{}, passed: map[queue]position{}}}
}

// Turn settles the outcomes of earlier claims and claims what is to be sent
// next, in one transaction, so that a sender pays for one commit and not two.
// A claim stays until it is settled; what a dead process claimed is recovered
// by [DB.BeginRun].
func (s *Sender) Turn(ctx context.Context, outcomes []Outcome, want Want) ([]Claim, error) {
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
		if err := t.loadTraits(); err != nil {
			return err
		}
		for i := range outcomes {
			if err := t.settle(&outcomes[i], want); err != nil {
				return err
			}
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
