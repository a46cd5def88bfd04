package events

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/bucket"
)

const (
	batchRecords = 200 // decoded at the same time: few enough for the processor's cache
	batchBytes   = 4 << 20

	// What has this many bad records in a row is no log: at its beginning, and
	// after a good one.
	junkAtStart = 100
	junkInRow   = 10_000
)

var errJunk = errors.New("not a Segment log: too many bad lines in a row, the rest was not read")

// Read implements [source.Source].
//
// A position that another reading gave is read on from if the bytes before it
// are the same, at the cost of reading them again; else the object is read
// from its start, and the positions say so. A last line that is cut off is
// rejected and stays before the position.
//
// An object whose gzip stream is broken, or that is no log, gives what was
// whole, then a batch that is Done, for only a change of the object can bring
// more, and then a [source.DamagedError]. For one that vanished or changed
// meanwhile no batch is Done.
func (s *Source) Read(ctx context.Context, in source.Input, from source.Position, fn func(source.Batch) error) error {
	object := in.Objects[0]
	reader, split, err := s.open(ctx, object, from)
	if err != nil {
		return fmt.Errorf("source %q: %w", s.cfg.Name, err)
	}
	defer reader.Close()

	b := &batch{source: s, object: object, now: time.Now(), reader: reader, split: split, fn: fn, good: split.Position().Offset > 0}
	defer b.release()
	err = b.readAll(ctx)
	damaged := errors.Is(err, bucket.ErrDamaged) || errors.Is(err, errJunk)
	if b.stopped {
		return err
	}
	if err == nil || damaged {
		// Damage in an object that is just being written is none.
		if changed := reader.Verify(ctx); changed != nil {
			err, damaged = changed, false
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := b.flush(err == nil || damaged); err != nil {
		return err
	}
	if damaged {
		err = &source.DamagedError{Object: object.Name, Line: split.Position().Line, Err: err}
	}
	if err != nil {
		return fmt.Errorf("source %q: %w", s.cfg.Name, err)
	}
	return nil
}

// open opens the object and goes to the position, or stays at the start if
// what stands before the position has changed.
func (s *Source) open(ctx context.Context, o source.Object, from source.Position) (*bucket.Reader, *bucket.Splitter, error) {
	reader, err := s.bucket.Open(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	split := bucket.NewSplitter(reader, s.cfg.MaxLine)
	if from.Offset == 0 {
		return reader, split, nil
	}
	same, err := split.Resume(from)
	if same && err == nil {
		return reader, split, nil
	}
	closeErr := reader.Close()
	if err != nil && !errors.Is(err, bucket.ErrDamaged) {
		return nil, nil, errors.Join(err, closeErr)
	}
	if reader, err = s.bucket.Open(ctx, o); err != nil {
		return nil, nil, err
	}
	return reader, bucket.NewSplitter(reader, s.cfg.MaxLine), nil
}

// batch gathers records and hands them over.
type batch struct {
	source  *Source
	object  source.Object
	now     time.Time
	reader  *bucket.Reader
	split   *bucket.Splitter
	fn      func(source.Batch) error
	stopped bool // by fn or the context

	records  []source.Record
	changes  []segment.TraitChange
	messages []*segment.Message // to be released
	bytes    int

	good bool // a good record was seen
	bad  int  // bad records in a row
}

func (b *batch) readAll(ctx context.Context) error {
	for {
		item, err := b.split.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		b.add(item)
		if b.bad >= junkAtStart && (!b.good || b.bad >= junkInRow) {
			return errJunk
		}
		if len(b.records) < batchRecords && b.bytes < batchBytes {
			continue
		}
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		} else {
			err = b.flush(false)
		}
		if err != nil {
			b.stopped = true
			return err
		}
	}
}

func (b *batch) add(item bucket.Item) {
	b.bytes += len(item.Data)
	record := source.Record{Object: b.object.Name, Line: item.Line}
	if record.Rejected = string(item.Flaw); record.Rejected == "" {
		b.decode(item.Data, &record)
	}
	if record.Rejected != "" {
		b.bad++
	} else {
		b.good, b.bad = true, 0
	}
	b.records = append(b.records, record)
}

func (b *batch) decode(line []byte, record *source.Record) {
	m, err := b.source.decoder.Decode(line)
	if err != nil {
		record.Rejected = err.Error()
		return
	}
	b.messages = append(b.messages, m)
	m.FoundIn(b.object.ModTime, b.now)
	var change *segment.TraitChange
	if c, ok := m.Change(); ok {
		b.changes = append(b.changes, c)
		change = &b.changes[len(b.changes)-1]
	}
	record.Skipped = b.source.skip(m, change)
	switch {
	case record.Skipped == SkipTrait:
		record.Change = change // for its key, which people want to see
	case record.Skipped != "":
	case namesNobody(m):
		record.Rejected = "no usable user id, anonymous id or e-mail address"
	default:
		record.Message, record.Change = m, change
	}
}

func namesNobody(m *segment.Message) bool {
	return m.UserID == "" && m.AnonymousID == "" && m.Identity().IsZero()
}

// flush hands the records over, and their position.
func (b *batch) flush(done bool) error {
	if len(b.records) == 0 && !done {
		return nil
	}
	position := b.split.Position()
	position.Done = done
	err := b.fn(source.Batch{Records: b.records, Position: position, Taken: b.reader.Taken()})
	b.release()
	return err
}

func (b *batch) release() {
	for _, m := range b.messages {
		m.Release()
	}
	clear(b.messages)
	clear(b.records)
	b.messages, b.records, b.changes = b.messages[:0], b.records[:0], b.changes[:0]
	b.bytes = 0
}
