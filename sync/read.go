package sync

import (
	"context"
	"errors"
	"fmt"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/sourcegraph/conc"
)

// read takes in everything: messages first, since they say which anonymous
// ids belong to which users, then changes, then full lists.
func (p *pass) read(ctx context.Context, found []inputs) error {
	found = onlyAdopted(found, p.options.Adopt)
	for _, shape := range []source.Shape{source.ShapeLog, source.ShapeChanges, source.ShapeList} {
		for _, in := range found {
			if err := p.readShape(ctx, in, shape); err != nil {
				return err
			}
		}
	}
	for _, in := range found {
		if err := p.vanished(ctx, in.feed); err != nil {
			return err
		}
	}
	return p.judge(ctx)
}

// judge has the guard look at what came as messages, before anything is sent.
func (p *pass) judge(ctx context.Context) error {
	held, err := p.State.Judge(ctx)
	if err != nil {
		return fmt.Errorf("judge what was read: %w", err)
	}
	for _, h := range held {
		p.Log.Warn("the guard holds changes back; impactsync status tells how to approve them", "trait", h.Key, "direction", h.Direction, "why", h.Reason)
	}
	return nil
}

// onlyAdopted leaves, of a trait that comes as a list, nothing but the list:
// to adopt it, nothing else has to be read. A trait that comes in messages
// needs all of them.
func onlyAdopted(found []inputs, key string) []inputs {
	var lists []inputs
	for _, in := range found {
		for _, one := range in.all {
			if key != "" && one.Shape == source.ShapeList && one.Key == key {
				lists = append(lists, inputs{feed: in.feed, all: []source.Input{one}})
			}
		}
	}
	if len(lists) > 0 {
		return lists
	}
	return found
}

func (p *pass) readShape(ctx context.Context, in inputs, shape source.Shape) error {
	var some []source.Input
	total := int64(0)
	for _, one := range in.all {
		if one.Shape == shape {
			some = append(some, one)
			total += size(one)
		}
	}
	if len(some) > 0 && shape != source.ShapeList { // each list has bars of its own
		p.Progress.start("read", in.feed.Name(), total, "bytes")
		defer p.Progress.done()
	}
	for _, one := range some {
		if err := p.input(ctx, in.feed, one); err != nil {
			return err
		}
	}
	return nil
}

func size(in source.Input) (total int64) {
	for _, o := range in.Objects {
		total += o.Size
	}
	return total
}

// input reads one input. What is wrong with this one alone is noted, and the
// others go on; only what concerns all of them is an error.
func (p *pass) input(ctx context.Context, f Feed, in source.Input) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var err error
	if in.Shape == source.ShapeList {
		err = p.readList(ctx, f, in)
	} else {
		err = p.readObject(ctx, f, in)
	}
	var mine *storeError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &mine):
		return mine.err
	default:
		p.cannotRead(f, err)
		return nil
	}
}

// storeError tells an error of the state from one of the source.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

func stored(err error) error {
	if err == nil {
		return nil
	}
	return &storeError{err}
}

// readObject reads a log or a changes file on from where it was left.
func (p *pass) readObject(ctx context.Context, f Feed, in source.Input) error {
	obj := in.Objects[0]
	known, found, err := p.State.ObjectState(ctx, f.Name(), obj.Name)
	if err != nil {
		return stored(err)
	}
	if found && unchanged(known, obj) && (known.Done || known.Problem != "") {
		p.Progress.add(obj.Size)
		return nil
	}
	from := source.Position{Offset: known.Offset, Line: known.Line, Hash: known.Hash}
	at := from
	r := &reader{pass: p, feed: f, input: in}
	s := p.startStoring(ctx)
	err = f.Read(ctx, in, from, func(b source.Batch) error {
		at = b.Position
		p.Progress.add(b.Taken)
		return s.put(r.batch(b, position(f.Name(), obj, b.Position)))
	})
	if failed := s.end(); failed != nil {
		err = failed
	}
	return p.objectEnd(ctx, f, obj, at, err)
}

// storing stores batches, in order, while the next one is being read.
type storing struct {
	batches chan state.Batch
	worker  conc.WaitGroup
	failed  chan struct{} // closed when err is set and the worker has ended
	err     error
}

func (p *pass) startStoring(ctx context.Context) *storing {
	s := &storing{batches: make(chan state.Batch, commitBatches), failed: make(chan struct{})}
	s.worker.Go(func() {
		for b := range s.batches {
			if s.err = stored(p.State.Store(ctx, s.waiting(b)...)); s.err != nil {
				close(s.failed)
				return
			}
		}
	})
	return s
}

// commitBatches is how many batches one commit takes at most: a commit waits
// for the disk.
const commitBatches = 8

// waiting gives a batch and those that came in meanwhile.
func (s *storing) waiting(b state.Batch) []state.Batch {
	all := []state.Batch{b}
	for len(all) < commitBatches {
		select {
		case next, ok := <-s.batches:
			if !ok {
				return all
			}
			all = append(all, next)
		default:
			return all
		}
	}
	return all
}

// put hands a batch over; it waits while many are still to be stored.
func (s *storing) put(b state.Batch) error {
	select {
	case s.batches <- b:
		return nil
	case <-s.failed:
		return s.err
	}
}

// end waits until everything is stored.
func (s *storing) end() error {
	close(s.batches)
	s.worker.Wait()
	return s.err
}

// objectEnd keeps why an object was not read to its end.
func (p *pass) objectEnd(ctx context.Context, f Feed, obj source.Object, at source.Position, err error) error {
	var damaged *source.DamagedError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, source.ErrGone), errors.Is(err, source.ErrChanged):
		// What was read counts; the next run reads on, or starts again.
		p.count(ctx, "unsteady_object")
		p.Log.Warn("an object did not hold still; the next run reads it again", "source", f.Name(), "object", obj.Name, "error", err)
		return nil
	case errors.As(err, &damaged):
		o := position(f.Name(), obj, at)
		o.Done, o.Problem = false, damaged.Error()
		p.Log.Warn("an object is damaged; what was whole is kept", "source", f.Name(), "object", obj.Name, "error", damaged.Err)
		return stored(p.State.Store(ctx, state.Batch{Object: o, Rejected: []state.Rejected{{
			Source: f.Name(), Object: obj.Name, Line: damaged.Line + 1, Reason: fmt.Sprintf("damaged after line %d: %v", damaged.Line, damaged.Err),
		}}}))
	}
	return err
}

func (p *pass) count(ctx context.Context, name string) {
	if err := p.State.Count(ctx, name, 1); err != nil {
		p.Log.Warn("a counter could not be kept", "counter", name, "error", err)
	}
}
