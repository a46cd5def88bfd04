package sync

import (
	"context"
	"fmt"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/segment"
)

// frequent counts the most frequent ids of a run's messages in bounded memory. An
// id in more than a thousandth of them is never missed, and no count is too high
// (J. Misra and D. Gries, Finding repeated elements, 1982).
type frequent struct {
	counts map[string]int64
}

const mostFrequent = 1000

func (f *frequent) add(id string) {
	if id == "" {
		return
	}
	if f.counts == nil {
		f.counts = make(map[string]int64, mostFrequent)
	}
	if n, known := f.counts[id]; known || len(f.counts) < mostFrequent {
		f.counts[id] = n + 1
		return
	}
	for id, n := range f.counts {
		if n == 1 {
			delete(f.counts, id)
		} else {
			f.counts[id] = n - 1
		}
	}
}

// crowds adds the ids with more of the messages than one person has.
func (f *frequent) crowds(all int64, person func(id string) state.Person, found map[state.Person]int64) {
	for id, n := range f.counts {
		if n > state.MostVisitors && float64(n) > state.CrowdShare*float64(all) {
			found[person(id)] = n
		}
	}
}

// seen counts the ids of a message.
func (p *pass) seen(who segment.Identity) {
	p.messages++
	p.users.add(who.UserID)
	p.visitors.add(who.AnonymousID)
}

// holdCrowds holds the merging of ids that are too frequent to be one person's, and
// logs all ids whose merging is held.
func (p *pass) holdCrowds(ctx context.Context) error {
	found := map[state.Person]int64{}
	p.users.crowds(p.messages, func(id string) state.Person { return state.Person{UserID: id} }, found)
	p.visitors.crowds(p.messages, func(id string) state.Person { return state.Person{AnonymousID: id} }, found)
	if err := p.State.HoldCrowds(ctx, found, p.messages); err != nil {
		return fmt.Errorf("look for ids that are more than one person's: %w", err)
	}
	held, err := p.State.Crowds(ctx)
	if err != nil {
		return fmt.Errorf("look for ids that are more than one person's: %w", err)
	}
	for i := range held {
		p.Log.Warn("an id has more visitors or messages than one person: nothing is merged into it, and it shares no click id; add it to placeholderIds if it is nobody's, to trustedIds if it is one person's",
			"id", held[i].ID, "kind", held[i].Kind, "visitors", held[i].Visitors, "messages", held[i].Messages)
	}
	return nil
}
