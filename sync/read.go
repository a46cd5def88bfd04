package sync

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"
	"time"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/sourcegraph/conc"
)

// read reads everything: messages first, since they say which anonymous ids
// belong to which users, then changes, then full lists.
func (p *pass) read(ctx context.Context, found []inputs) error {
	found = onlyAdopted(found, p.options.Adopt)
	if err := p.allKept(ctx, found); err != nil {
		return err
	}
	vanished := func(ctx context.Context, in inputs) error { return p.vanished(ctx, in.feed, in.gone) }
	for _, step := range []func(context.Context, inputs) error{p.readLogs, p.readChanges, p.readLists, vanished} {
		for _, in := range found {
			if err := step(ctx, in); err != nil {
				return err
			}
		}
	}
	if err := p.holdCrowds(ctx); err != nil {
		return err
	}
	if err := p.elsewhere.BringAbsorbed(ctx); err != nil {
		return err
	}
	return p.judge(ctx)
}

// judge lets the guard look at what came as messages, before anything is sent.
func (p *pass) judge(ctx context.Context) error {
	held, err := p.State.Judge(ctx)
	if err != nil {
		return fmt.Errorf("judge what was read: %w", err)
	}
	for _, h := range held {
		p.Log.Warn("the guard holds changes back; impactsync status says how to approve them", "trait", h.Key, "direction", h.Direction, "why", h.Reason)
	}
	return p.holdRefused(ctx)
}

// onlyAdopted returns only the list of a trait that is to be adopted, if it comes
// as a list: nothing else has to be read then. A trait that comes in messages needs
// all of them.
func onlyAdopted(found []inputs, key string) []inputs {
	var lists []inputs
	for _, in := range found {
		for _, list := range in.lists {
			if key != "" && list.Key == key {
				lists = append(lists, inputs{feed: in.feed, lists: []source.Input{list}, gone: in.gone})
			}
		}
	}
	if len(lists) > 0 {
		return lists
	}
	return found
}

// readLists reads the full lists of a source. Each has progress bars of its own.
func (p *pass) readLists(ctx context.Context, in inputs) error {
	for _, list := range in.lists {
		if err := p.input(ctx, in.feed, func() error { return p.readList(ctx, in.feed, list) }); err != nil {
			return err
		}
	}
	return nil
}

// readLogs reads the logs of a source. Tiny objects share commits.
func (p *pass) readLogs(ctx context.Context, in inputs) (err error) {
	left := p.listing.Left(in.feed.Name())
	if !in.logs {
		return nil
	}
	if left.Objects == 0 {
		return p.noteWhole(ctx, in)
	}
	p.Progress.start("read", in.feed.Name(), left.Bytes, "bytes")
	defer p.Progress.done()
	s := p.startStoring(ctx)
	for o, listErr := range readAhead(ctx, in.feed, p.listing.Objects(ctx, in.feed.Name())) {
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
	p.State.CopyLog(ctx) // while people are brought up to date, on one processor
	if err == nil {
		err = p.noteWhole(ctx, in)
	}
	return err
}

// input reads one input. What is wrong with this input alone is noted, and the
// others continue; only what concerns all of them is an error.
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

// storeError marks an error of the state, as opposed to one of the source.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

func stored(err error) error {
	if err == nil {
		return nil
	}
	return &storeError{err}
}

// readChanges reads the changes files of a source.
func (p *pass) readChanges(ctx context.Context, in inputs) error {
	if len(in.changes) == 0 {
		return nil
	}
	p.Progress.start("read", in.feed.Name(), size(in.changes...), "bytes")
	defer p.Progress.done()
	for _, file := range in.changes {
		if err := p.input(ctx, in.feed, func() error { return p.readChangesFile(ctx, in.feed, file) }); err != nil {
			return err
		}
	}
	return nil
}

// readChangesFile continues where the file was left.
func (p *pass) readChangesFile(ctx context.Context, f Feed, in source.Input) error {
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
	err = p.readObject(ctx, f, in, known, s)
	if failed := s.end(); failed != nil {
		err = failed
	}
	return err
}

func size(inputs ...source.Input) (total int64) {
	for _, in := range inputs {
		for _, o := range in.Objects {
			total += o.Size
		}
	}
	return total
}

func (p *pass) readLog(ctx context.Context, f Feed, o state.Listed, s *storing) error {
	in := source.Input{Source: f.Name(), Shape: source.ShapeLog, Objects: []source.Object{asObject(o)}}
	return p.readObject(ctx, f, in, o.Object, s)
}

// readObject reads a log or a changes file from where it is known to be read.
func (p *pass) readObject(ctx context.Context, f Feed, in source.Input, known state.Object, s *storing) error {
	from, obj := source.Position{Offset: known.Offset, Line: known.Line, Hash: known.Hash}, in.Objects[0]
	at := from
	r := &reader{pass: p, feed: f, input: in, counted: known.Counted}
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
// changed; so many batches share a commit, also those of many tiny objects. They are
// handed over in pieces, so that few of them are in memory.
type storing struct {
	pieces chan piece
	worker conc.WaitGroup
	failed atomic.Pointer[error]

	next  piece     // not handed over yet
	since time.Time // when its first batch came
}

// piece is a part of a commit.
type piece struct {
	batches []state.Batch
	rows    int
	bytes   int64 // that it was made from
}

// A piece is handed over when it has pieceRows, before it would exceed pieceBytes
// (messages can be large), or after pieceTime, if a bucket is slow. Besides the one
// being read and the one being stored, pieceQueue of them wait at most. A commit ends
// after commitRows or commitBytes, or when there was nothing to store for commitWait.
const (
	pieceRows   = 1000
	pieceBytes  = 8 << 20
	pieceTime   = 2 * time.Second
	pieceQueue  = 6
	commitRows  = 8 * pieceRows
	commitBytes = 24 << 20
	commitWait  = 200 * time.Millisecond
)

var errStopped = stored(errors.New("what was read is not stored any more"))

func (p *pass) startStoring(ctx context.Context) *storing {
	s := &storing{pieces: make(chan piece, pieceQueue)}
	s.worker.Go(func() {
		ended := false
		defer func() {
			if ended {
				return
			}
			s.failed.Store(&errStopped) // in a panic, which end passes on: nobody must wait for the worker
			for range s.pieces {
				continue
			}
		}()
		for first := range s.pieces {
			if s.err() != nil || first.rows == 0 {
				continue // until the reader sees it
			}
			if err := stored(p.State.StoreAll(ctx, s.commit(first))); err != nil {
				s.failed.Store(&err)
			}
		}
		ended = true
	})
	return s
}

// commit ranges over the pieces of one commit. An empty one ends it.
func (s *storing) commit(first piece) iter.Seq[[]state.Batch] {
	return func(yield func([]state.Batch) bool) {
		rows, size := 0, int64(0)
		next, more := first, true
		first = piece{} // which is not needed for longer than the others
		for more && next.rows > 0 && yield(next.batches) {
			if rows, size = rows+next.rows, size+next.bytes; rows >= commitRows || size >= commitBytes {
				return
			}
			select {
			case next, more = <-s.pieces:
			case <-time.After(commitWait):
				return
			}
		}
	}
}

func (s *storing) err() error {
	if err := s.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// put takes a batch that was made from a number of bytes. It waits while too many
// batches are still to be stored.
func (s *storing) put(b state.Batch, bytes int64) error {
	if s.next.bytes+bytes > pieceBytes {
		s.hand()
	}
	if len(s.next.batches) == 0 {
		s.since = time.Now()
	}
	s.next.batches = append(s.next.batches, b)
	s.next.rows += 1 + len(b.Items) + len(b.Rejected)
	s.next.bytes += bytes
	if s.next.rows >= pieceRows || time.Since(s.since) >= pieceTime {
		s.hand()
	}
	return s.err()
}

// hand hands over what was put.
func (s *storing) hand() {
	if len(s.next.batches) > 0 {
		s.pieces <- s.next
	}
	s.next = piece{}
}

// release ends the commit under way, so that something else can be written.
func (s *storing) release() {
	s.hand()
	s.pieces <- piece{}
}

// end waits until everything is stored.
func (s *storing) end() error {
	s.hand()
	close(s.pieces)
	s.worker.Wait()
	return s.err()
}

// objectEnd records why an object was not read to its end.
func (p *pass) objectEnd(ctx context.Context, f Feed, obj source.Object, at source.Position, s *storing, err error) error {
	var damaged *source.DamagedError
	switch {
	case err == nil:
		p.Log.Debug("object read", "source", f.Name(), "object", segment.Redact(obj.Name), "lines", at.Line, "bytes", obj.Size)
		return nil
	case errors.Is(err, source.ErrGone), errors.Is(err, source.ErrChanged):
		// What was read counts; the next run continues, or starts again.
		p.unsteady[f.Name()] = true
		s.release()
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
