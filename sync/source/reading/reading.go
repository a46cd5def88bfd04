// Package reading reads the objects of an input into batches. It resumes where an
// earlier reading ended, stops at objects of another kind, and distinguishes
// damage from change.
package reading

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/bucket"
)

// Parser reads the records of one object, one by one.
type Parser interface {
	// Next reads a record and adds what it says to the batch. It returns io.EOF at
	// the end, and a [RecordError] if nothing after the record can be read.
	Next(b *Batch) error
	// Position returns the position after the last record.
	Position() source.Position
	// Resume goes to a position of an earlier reading, and reports whether what is
	// before it is still the same.
	Resume(from source.Position) (same bool, err error)
}

// RecordError says that a record cannot be told apart from those around it.
type RecordError struct {
	Line int64
	Err  error
}

// Error implements error.
func (e *RecordError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns the cause.
func (e *RecordError) Unwrap() error { return e.Err }

// Reader is what all kinds of source have in common: a name, a bucket, and how its
// objects are read. It is safe for concurrent use.
type Reader struct {
	Source string // its name
	Bucket *bucket.Bucket
	// Parser starts on an object of an input. An object that cannot be used is a
	// [source.DamagedError].
	Parser func(r *bucket.Reader, in source.Input, o source.Object) (Parser, error)
	// Records is how many records a batch has before it is handed over.
	Records int
	// Junk is the error of an object that is given up after 10,000 bad records.
	Junk error
	// Log means that 10,000 bad records in a row are junk anywhere in an object, and
	// so is an object of more than 100 of which none is good. Otherwise only those at
	// the start are.
	Log bool
}

// Name implements [source.Source].
func (r *Reader) Name() string { return r.Source }

// Close implements [source.Source].
func (r *Reader) Close() error { return r.Bucket.Close() }

// Read implements [source.Source].
//
// To resume, it reads the bytes before the position again. If they have changed, the
// object is read from its start, and the positions say so.
//
// An object that is broken or of another kind ends in a [source.DamagedError]. If it
// is not part of a list, what is whole is handed over first, in a batch that is
// Done: there can be more only if the object changes. For an object that vanished
// or changed, no batch is Done.
//
// While fn works on a batch, the next one is read.
func (r *Reader) Read(ctx context.Context, in source.Input, from source.Position, fn func(source.Batch) error) error {
	b := &Batch{Input: in, Now: time.Now(), reader: r, gathered: new(gathered), handed: make(chan *gathered), empty: make(chan *gathered, 2)}
	b.empty <- new(gathered)
	ahead, stop := context.WithCancel(ctx) // so that nobody waits for a slow bucket after an error of fn
	defer stop()
	var reading conc.WaitGroup
	var failed error
	reading.Go(func() {
		defer close(b.handed)
		failed = b.readAll(ahead, from)
		b.release()
	})
	var err error
	for full := range b.handed {
		if err == nil {
			if err = context.Cause(ctx); err == nil {
				err = fn(full.batch)
			}
			if err != nil {
				stop()
			}
		}
		full.release()
		b.empty <- full
	}
	reading.Wait()
	if err != nil {
		return err
	}
	return failed
}

// readAll reads all objects.
func (b *Batch) readAll(ctx context.Context, from source.Position) error {
	for _, o := range b.Input.Objects {
		if err := b.readObject(ctx, o, from); b.stopped {
			return err
		} else if err != nil {
			return fmt.Errorf("source %q: %w", b.reader.Source, err)
		}
	}
	if b.Input.Shape == source.ShapeList {
		return b.flush(ctx, true)
	}
	return nil
}

func (b *Batch) readObject(ctx context.Context, o source.Object, from source.Position) error {
	content, p, err := b.reader.open(ctx, b.Input, o, from)
	if err != nil {
		return err
	}
	defer content.Close()
	defer func() { b.taken += content.Taken() }() // for the last records of a part
	b.Object, b.content, b.parser = o, content, p
	b.good, b.bad, b.withheld = p.Position().Offset > 0, 0, nil

	err = b.readRecords(ctx)
	if b.stopped {
		return err
	}
	damaged := b.reader.isDamage(err)
	if err == nil || damaged {
		// An object that is still being written only looks damaged.
		if changed := content.Verify(ctx); changed != nil {
			err, damaged = changed, false
		}
	}
	if ctx.Err() != nil {
		b.stopped = true
		return context.Cause(ctx)
	}
	if b.Input.Shape != source.ShapeList {
		if err := b.flush(ctx, err == nil || damaged); err != nil {
			return err
		}
	}
	if !damaged {
		return err
	}
	end := &source.DamagedError{Object: o.Name, Line: p.Position().Line, Err: err}
	if record := (*RecordError)(nil); errors.As(err, &record) {
		end.Line, end.Err = record.Line-1, record.Err
	}
	return end
}

// isDamage reports whether an error is one of the object itself.
func (r *Reader) isDamage(err error) bool {
	var record *RecordError
	return errors.As(err, &record) || errors.Is(err, bucket.ErrDamaged) || errors.Is(err, bucket.ErrUnsupported) || err != nil && errors.Is(err, r.Junk)
}

// open opens an object at a position, or at its start if what is before the position
// has changed.
func (r *Reader) open(ctx context.Context, in source.Input, o source.Object, from source.Position) (*bucket.Reader, Parser, error) {
	content, p, err := r.start(ctx, in, o)
	if err != nil || from.Offset == 0 {
		return content, p, err
	}
	same, err := p.Resume(from)
	if same && err == nil {
		return content, p, nil
	}
	if r.isDamage(err) {
		err = nil
	}
	if err := errors.Join(err, content.Close()); err != nil {
		return nil, nil, err
	}
	return r.start(ctx, in, o)
}

func (r *Reader) start(ctx context.Context, in source.Input, o source.Object) (*bucket.Reader, Parser, error) {
	content, err := r.Bucket.Open(ctx, o)
	if err != nil {
		return nil, nil, r.unusable(o, err)
	}
	p, err := r.Parser(content, in, o)
	if err != nil {
		return nil, nil, errors.Join(r.unusable(o, err), content.Close())
	}
	return content, p, nil
}

func (r *Reader) unusable(o source.Object, err error) error {
	if r.isDamage(err) {
		return &source.DamagedError{Object: o.Name, Err: err}
	}
	return err
}

func (b *Batch) readRecords(ctx context.Context) error {
	for {
		err := b.parser.Next(b)
		if errors.Is(err, io.EOF) {
			return b.end()
		}
		if err != nil {
			return err
		}
		if b.bad >= junkInRow && (b.reader.Log || !b.good) {
			return b.reader.Junk
		}
		if !b.full() && b.bytes < batchBytes {
			continue
		}
		if ctx.Err() != nil {
			b.stopped = true
			return context.Cause(ctx)
		}
		if !b.full() && len(b.withheld) > 0 {
			continue // the position must not pass them
		}
		if err := b.flush(ctx, false); err != nil {
			return err
		}
	}
}
