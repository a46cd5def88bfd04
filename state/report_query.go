package state

import "context"

// Snapshot is the state at one moment, for queries of its views.
type Snapshot struct{ v *view }

// Snapshot calls fn with the state as it is now. What is written meanwhile does not
// show.
func (d *DB) Snapshot(ctx context.Context, fn func(*Snapshot) error) error {
	return d.view(ctx, func(v *view) error { return fn(&Snapshot{v}) })
}

// Select returns the rows of a query of the views. Dest returns where to scan a row to.
func Select[T any](s *Snapshot, query string, dest func(*T) []any, args ...any) ([]T, error) {
	return collect(s.v, query, args, dest)
}
