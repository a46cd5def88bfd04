package sync

import (
	"context"
	"crypto/rand"
	"fmt"
	"iter"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/told"
)

// put writes rows to a table, all or nothing where its engine can.
func (e *Elsewhere) put(ctx context.Context, at *Place, rows iter.Seq2[told.Row, error]) error {
	e.point("before rows are written")
	err := at.Table.Write(ctx, rand.Text(), rows)
	e.point("after rows were written")
	return err
}

// toldRows are rows of the state as a table takes them.
func toldRows(rows []state.Told) iter.Seq2[told.Row, error] {
	return func(yield func(told.Row, error) bool) {
		for i := range rows {
			if !yield(toldRow(&rows[i]), nil) {
				return
			}
		}
	}
}

// writeBack writes what was delivered to a table.
type writeBack struct {
	*Elsewhere
	at   *Place
	todo []state.Writing // the range before the next one, of each trait
	done []state.Writing // what was handed over, without its rows
}

// write writes the next rows, and then lets what is settled of them leave the state.
func (b *writeBack) write(ctx context.Context) error {
	b.done = b.done[:0]
	first, err := b.next(ctx)
	if err != nil {
		return err
	}
	if len(first) > 0 {
		if err := b.put(ctx, b.at, b.rows(ctx, first)); err != nil {
			return fmt.Errorf("write what was delivered: %w", err)
		}
	}
	for _, w := range b.done {
		if err := b.State.Written(ctx, w); err != nil {
			return stored(err)
		}
		b.point("after rows left the state")
	}
	return nil
}

// rows are the rows of one write.
func (b *writeBack) rows(ctx context.Context, rows []state.Told) iter.Seq2[told.Row, error] {
	return func(yield func(told.Row, error) bool) {
		for n := 0; len(rows) > 0; {
			for i := range rows {
				if !yield(toldRow(&rows[i]), nil) {
					return
				}
			}
			b.point("after rows were handed over")
			if n += len(rows); n >= toldWrite {
				return
			}
			var err error
			if rows, err = b.next(ctx); err != nil {
				yield(told.Row{}, err)
				return
			}
		}
	}
}

// next returns the rows of the next range that has some; none, if there is none.
func (b *writeBack) next(ctx context.Context) (rows []state.Told, err error) {
	for len(b.todo) > 0 && len(rows) == 0 {
		w, err := b.State.ToWrite(ctx, b.todo[0], toldBatch)
		if err != nil {
			return nil, stored(err)
		}
		rows, w.Rows = w.Rows, nil
		b.done = append(b.done, w)
		if b.todo[0] = w; w.Done {
			b.todo = b.todo[1:]
		}
	}
	return rows, nil
}
