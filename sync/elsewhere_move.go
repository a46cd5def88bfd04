package sync

import (
	"context"
	"fmt"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/told"
)

// There reports whether a table is there and can be used.
func (e *Elsewhere) There(at *Place) bool { return e.open[at.Name] != nil }

// Counts returns what a table has of each trait; nothing, if it was never made.
func (e *Elsewhere) Counts(ctx context.Context, at *Place) (map[string]told.Counts, error) {
	if !e.There(at) {
		return nil, nil
	}
	return at.Table.Counts(ctx)
}

// MoveHere moves everything that is elsewhere into the state, and returns how much that
// was of each trait. It may be repeated.
func (e *Elsewhere) MoveHere(ctx context.Context) (moved map[string]int64, err error) {
	moved = map[string]int64{}
	if err := e.Flush(ctx); err != nil { // what is to be removed there must not come home
		return nil, err
	}
	tables, err := e.State.Tables(ctx)
	if err != nil {
		return nil, err
	}
	for key, t := range tables {
		if err := e.BringAll(ctx, key, t.Place, false); err != nil {
			return moved, fmt.Errorf("bring %s home: %w", key, err)
		}
		if err := e.State.KeepHere(ctx, key); err != nil {
			return moved, err
		}
		moved[key] = t.Away
	}
	return moved, e.clear(ctx)
}

// clear removes from the tables what is in the state by now; also what a move left that
// was cut short.
func (e *Elsewhere) clear(ctx context.Context) error {
	for _, at := range e.open {
		counts, err := at.Table.Counts(ctx)
		if err != nil {
			return err
		}
		for key := range counts {
			if err := e.empty(ctx, at, key); err != nil {
				return fmt.Errorf("remove %s, which is in the state by now: %w", key, err)
			}
		}
	}
	return nil
}

// MoveThere moves what is settled of traits that are in the state to the tables of their
// places, and returns how much that was. It may be repeated.
func (e *Elsewhere) MoveThere(ctx context.Context, places map[string]string) (moved map[string]int64, err error) {
	moved = map[string]int64{}
	tables, err := e.State.Tables(ctx)
	if err != nil {
		return nil, err
	}
	traits, err := e.State.TraitInfos(ctx)
	if err != nil {
		return nil, err
	}
	for _, info := range traits {
		at := e.open[places[info.Key]]
		if _, there := tables[info.Key]; there || at == nil {
			continue
		}
		// A table that was used before may have what is not so any more.
		if err := e.empty(ctx, at, info.Key); err != nil {
			return moved, fmt.Errorf("remove what schema %s had of %s: %w", at.Name, info.Key, err)
		}
		if err := e.State.KeepElsewhere(ctx, info, at.Name, true); err != nil {
			return moved, err
		}
		moved[info.Key] = 0
	}
	if err := e.Flush(ctx); err != nil {
		return moved, err
	}
	tables, err = e.State.Tables(ctx)
	for key := range moved {
		moved[key] = tables[key].Away
	}
	return moved, err
}

// empty removes everything that a table has of a trait.
func (e *Elsewhere) empty(ctx context.Context, at *Place, key string) error {
	if at == nil {
		return nil
	}
	return e.put(ctx, at, func(yield func(told.Row, error) bool) {
		for row, err := range at.Table.Rows(ctx, key) {
			row.Gone = true
			if !yield(row, err) || err != nil {
				return
			}
		}
	})
}

// About returns what the tables have of people, and of those with whom one of the ids
// rides along.
func (e *Elsewhere) About(ctx context.Context, people []state.Person) (rows []state.Told, err error) {
	for _, at := range e.open {
		keys := keysOfPeople(people)
		for _, ask := range []func(context.Context, []told.Key) ([]told.Row, error){at.Table.Of, at.Table.Riding} {
			found, err := ask(ctx, keys)
			if err != nil {
				return nil, err
			}
			rows = append(rows, toldOf(found)...)
		}
	}
	return rows, nil
}
