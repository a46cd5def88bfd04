package sync

import (
	"context"
	"errors"
	"fmt"
	"time"

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
		if err := p.vanished(ctx, in.feed, in.gone); err != nil {
			return err
		}
	}
	if err := p.holdCrowds(ctx); err != nil {
		return err
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
		p.Log.Warn("the guard holds changes back; impactsync status says how to approve them", "trait", h.Key, "direction", h.Direction, "why", h.Reason)
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
				lists = append(lists, inputs{feed: in.feed, all: []source.Input{one}, gone: in.gone})
			}
		}
	}
	if len(lists) > 0 {
		return lists
	}
	return found
}

func (p *pass) readShape(ctx context.Context, in inputs, shape source.Shape) error {
	if shape == source.ShapeLog {
		return p.readLogs(ctx, in)
	}
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
		read := p.readChanges
		if shape == source.ShapeList {
			read = p.readList
		}
		if err := p.input(ctx, in.feed, func() error { return read(ctx, in.feed, one) }); err != nil {
			return err
		}
	}
	return nil
}

// readLogs reads what is listed of a source. Tiny objects share commits.
func (p *pass) readLogs(ctx context.Context, in inputs) (err error) {
	left := p.listing.Left(in.feed.Name())
	if !in.logs || left.Objects == 0 {
		return nil
	}
	p.Progress.start("read", in.feed.Name(), left.Bytes, "bytes")
	defer p.Progress.done()
	s := p.startStoring(ctx)
	for o, listErr := range p.listing.Objects(ctx, in.feed.Name()) {
		if err = listErr; err == nil {
			err = p.input(ctx, in.feed, func() error { return p.readLog(ctx, in.feed, o, s) })
		}
		if err != nil {
			break
		}
	}
	if failed := s.end(); err == nil && failed != nil {
		err = p.input(ctx, in.feed, func() error { return failed })
	}
	return err
}

func size(in source.Input) (total int64) {
	for _, o := range in.Objects {
		total += o.Size
	}
	return total
}

// input reads one input. What is wrong with this one alone is noted, and the
// others go on; only what concerns all of them is an error.
func (p *pass) input(ctx context.Context, f Feed, read func() error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err := read()
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

// readChanges reads a changes file on from where it was left.
func (p *pass) readChanges(ctx context.Context, f Feed, in source.Input) error {
	obj := in.Objects[0]
	known, found, err := p.State.ObjectState(ctx, f.Name(), obj.Name)
	if err != nil {
		return stored(err)
	}
	if found && unchanged(known, obj) && (known.Done || known.Problem != "") {
		p.Progress.add(obj.Size)
		return nil
	}
	s := p.startStoring(ctx)
	err = p.readObject(ctx, f, in, source.Position{Offset: known.Offset, Line: known.Line, Hash: known.Hash}, s)
	if failed := s.end(); failed != nil {
		err = failed
	}
	return err
}

func (p *pass) readLog(ctx context.Context, f Feed, o state.Listed, s *storing) error {
	obj := source.Object{Name: o.Name, Key: o.Key, Size: o.Size, ETag: o.ETag, ModTime: o.ModTime}
	in := source.Input{Source: f.Name(), Shape: source.ShapeLog, Objects: []source.Object{obj}}
	return p.readObject(ctx, f, in, source.Position{Offset: o.Offset, Line: o.Line, Hash: o.Hash}, s)
}

// readObject reads a log or a changes file on from a position.
func (p *pass) readObject(ctx context.Context, f Feed, in source.Input, from source.Position, s *storing) error {
	at, obj := from, in.Objects[0]
	r := &reader{pass: p, feed: f, input: in}
	err := f.Read(ctx, in, from, func(b source.Batch) error {
		read := b.Position.Offset - at.Offset
		at = b.Position
		p.Progress.add(b.Taken)
		return s.put(r.batch(b, position(f.Name(), obj, b.Position)), read)
	})
	return p.objectEnd(ctx, f, obj, at, s, err)
}

// storing stores batches, in order, while the next ones are being read. A commit
// waits for the disk, and writes a page of a table once however many of its rows
// changed; so many batches share one, also those of many tiny objects.
type storing struct {
	commits chan []state.Batch
	worker  conc.WaitGroup
	failed  chan struct{} // closed when err is set and the worker has ended
	err     error

	next  []state.Batch // not handed over yet
	rows  int           // in it
	bytes int64         // that it was made from
	since time.Time     // of its first batch
}

// A commit is handed over when it has so many rows, before it would be made from
// more bytes (messages can be large), or after a while, where a bucket is slow.
// Three are in memory at most: one being read, one waiting, one being stored.
const (
	commitRows  = 6000
	commitBytes = 24 << 20
	commitTime  = 2 * time.Second
)

func (p *pass) startStoring(ctx context.Context) *storing {
	s := &storing{commits: make(chan []state.Batch, 1), failed: make(chan struct{})}
	s.worker.Go(func() {
		for batches := range s.commits {
			if s.err = stored(p.State.Store(ctx, batches...)); s.err != nil {
				close(s.failed)
				return
			}
		}
	})
	return s
}

// put takes a batch that was made from so many bytes. It waits while too many are
// still to be stored.
func (s *storing) put(b state.Batch, bytes int64) error {
	if len(s.next) > 0 && s.bytes+bytes > commitBytes {
		if err := s.hand(); err != nil {
			return err
		}
	}
	if len(s.next) == 0 {
		s.since = time.Now()
	}
	s.next = append(s.next, b)
	s.rows += 1 + len(b.Items) + len(b.Rejected)
	s.bytes += bytes
	if s.rows < commitRows && time.Since(s.since) < commitTime {
		return nil
	}
	return s.hand()
}

// hand hands what was put over.
func (s *storing) hand() error {
	batches := s.next
	s.next, s.rows, s.bytes = nil, 0, 0
	select {
	case s.commits <- batches:
		return nil
	case <-s.failed:
		return s.err
	}
}

// end waits until everything is stored.
func (s *storing) end() error {
	if len(s.next) > 0 {
		_ = s.hand() // its error is s.err
	}
	close(s.commits)
	s.worker.Wait()
	return s.err
}

// objectEnd keeps why an object was not read to its end.
func (p *pass) objectEnd(ctx context.Context, f Feed, obj source.Object, at source.Position, s *storing, err error) error {
	var damaged *source.DamagedError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, source.ErrGone), errors.Is(err, source.ErrChanged):
		// What was read counts; the next run reads on, or starts again.
		p.count(ctx, "unsteady_object")
		p.Log.Warn("an object changed while it was read; the next run reads it again", "source", f.Name(), "object", obj.Name, "error", err)
		return nil
	case errors.As(err, &damaged):
		o := position(f.Name(), obj, at)
		o.Done, o.Problem = false, damaged.Error()
		p.Log.Warn("an object is damaged; what was whole is kept", "source", f.Name(), "object", obj.Name, "error", damaged.Err)
		line, reason := damaged.Line+1, fmt.Sprintf("damaged after line %d: %v", damaged.Line, damaged.Err)
		if damaged.Line == 0 {
			line, reason = 0, "cannot be read: "+damaged.Err.Error()
		}
		return s.put(state.Batch{Object: o, Rejected: []state.Rejected{{Source: f.Name(), Object: obj.Name, Line: line, Reason: reason}}}, 0)
	}
	return err
}

func (p *pass) count(ctx context.Context, name string) {
	if err := p.State.Count(ctx, name, 1); err != nil {
		p.Log.Warn("a counter could not be kept", "counter", name, "error", err)
	}
}
