package audiences

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
	batchRecords = 1000
	batchBytes   = 4 << 20
	// So many bad rows at the beginning, and no good one, are told of at once,
	// the others when a good one follows; after so many the file is given up.
	junkAtStart = 100
	junkInRow   = 10_000
)

var errJunk = errors.New("none of the first 10,000 rows can be used: the rest was not read")

// Read implements [source.Source].
//
// A row whose ids cannot be used is rejected, and reading goes on. A list with
// a row that cannot be told apart from its neighbours (broken quotes, too long,
// more or fewer columns than the header) ends in a [source.DamagedError], as
// does one whose gzip stream is broken, and so its last batch is not Done.
// Changes give what was whole, a batch that is Done, and then the error.
func (s *Source) Read(ctx context.Context, in source.Input, from source.Position, fn func(source.Batch) error) error {
	b := newBatch(in, fn)
	b.nobody = s.cfg.Placeholders
	defer b.release()
	for _, o := range in.Objects {
		if err := s.readObject(ctx, b, o, from); err != nil {
			if b.stopped {
				return err
			}
			return fmt.Errorf("source %q: %w", s.cfg.Name, err)
		}
	}
	return b.flush(true)
}

func (s *Source) readObject(ctx context.Context, b *batch, o source.Object, from source.Position) error {
	r, p, err := s.open(ctx, b, o, from)
	if err != nil {
		return err
	}
	defer r.Close()
	defer func() { b.taken += r.Taken() }() // what the last rows of a part took
	b.reader = r
	b.object, b.parser, b.good, b.bad = o.Name, p, p.Position().Offset > 0, 0
	b.withheld = nil
	err = b.readAll(ctx)
	if b.stopped || bucketError(err) != nil {
		return err
	}
	// Damage in an object that is just being written is none.
	if changed := r.Verify(ctx); changed != nil || err == nil {
		return changed
	}
	if b.input.Shape == source.ShapeChanges {
		if err := b.flush(true); err != nil {
			b.stopped = true
			return err
		}
	}
	end := &source.DamagedError{Object: o.Name, Line: p.Position().Line, Err: err}
	if row := (*rowError)(nil); errors.As(err, &row) {
		end.Line, end.Err = row.line-1, row.err
	}
	return end
}

// bucketError passes on what is wrong with the bucket, and nothing of what is
// wrong with the object.
func bucketError(err error) error {
	var row *rowError
	if errors.As(err, &row) || errors.Is(err, bucket.ErrDamaged) || errors.Is(err, errJunk) {
		return nil
	}
	return err
}

// rowError says that a row could not be told from its neighbours.
type rowError struct {
	line int64
	err  error
}

func (e *rowError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }
func (e *rowError) Unwrap() error { return e.err }

// parser reads the rows of one object: of CSV or of JSON.
type parser interface {
	// next takes a row and adds its records to the batch. It gives io.EOF at
	// the end. Without a batch it only moves on.
	next(b *batch) error
	Position() source.Position
	resume(from source.Position) (same bool, err error)
}

// open opens an object at a position, or at its start if what stands before
// the position has changed.
func (s *Source) open(ctx context.Context, b *batch, o source.Object, from source.Position) (*bucket.Reader, parser, error) {
	r, p, err := s.start(ctx, b, o)
	if err != nil || from.Offset == 0 {
		return r, p, err
	}
	same, err := p.resume(from)
	if same && err == nil {
		return r, p, nil
	}
	if err = errors.Join(bucketError(err), r.Close()); err != nil {
		return nil, nil, err
	}
	return s.start(ctx, b, o)
}

// start opens an object and tells again what Inputs told: a layout is more
// than an input can carry.
func (s *Source) start(ctx context.Context, b *batch, o source.Object) (*bucket.Reader, parser, error) {
	r, err := s.bucket.Open(ctx, o)
	if err != nil {
		return nil, nil, damaged(o, err)
	}
	_, a := s.lookup(o.Name)
	content, l, err := s.look(r, a)
	if err != nil {
		return nil, nil, errors.Join(damaged(o, err), r.Close())
	}
	withHash := b.input.Shape == source.ShapeChanges
	switch l.format {
	case formatParquet:
		p, err := newParquetParser(r, content.parquet, l, withHash)
		return r, p, err
	case formatCSV:
		return r, newCSVParser(bucket.NewWindow(content.text, s.cfg.MaxLine, withHash), l, s.cfg.MaxLine), nil
	}
	return r, &jsonParser{Splitter: bucket.NewSplitter(content.text, s.cfg.MaxLine), messages: l.format == formatMessages, columns: a.Columns, decoder: &s.decoder}, nil
}

// damaged makes of what is wrong with the object itself a [source.DamagedError].
func damaged(o source.Object, err error) error {
	var unusable *unusableError
	if errors.As(err, &unusable) || errors.Is(err, bucket.ErrDamaged) || errors.Is(err, bucket.ErrUnsupported) {
		return &source.DamagedError{Object: o.Name, Err: err}
	}
	return err
}

// batch gathers records and hands them over.
type batch struct {
	input   source.Input
	now     time.Time
	nobody  *segment.Placeholders
	fn      func(source.Batch) error
	object  string
	parser  parser
	reader  *bucket.Reader
	taken   int64 // bytes of earlier parts that no batch has told of
	stopped bool  // by fn or the context

	records  []source.Record
	members  []source.Member
	changes  []segment.TraitChange
	messages []*segment.Message // to be released
	bytes    int

	ids  ids
	good bool // a good row was seen
	bad  int  // bad rows before it

	withheld []source.Record // of those, not told of yet
}

func newBatch(in source.Input, fn func(source.Batch) error) *batch {
	return &batch{
		input: in, now: time.Now(), fn: fn,
		records: make([]source.Record, 0, batchRecords),
		members: make([]source.Member, 0, batchRecords),
		changes: make([]segment.TraitChange, 0, batchRecords),
	}
}

func (b *batch) readAll(ctx context.Context) error {
	for {
		if err := b.parser.next(b); errors.Is(err, io.EOF) {
			b.tellWithheld()
			return nil
		} else if err != nil {
			return err
		}
		if !b.good && b.bad >= junkInRow {
			return errJunk
		}
		if len(b.records) < batchRecords && b.bytes < batchBytes {
			continue
		}
		if ctx.Err() != nil {
			b.stopped = true
			return context.Cause(ctx)
		}
		if err := b.flush(false); err != nil {
			b.stopped = true
			return err
		}
	}
}

// reject tells of a row that cannot be used. A row that is only about nobody
// says nothing against its file: sorted lists begin with those.
func (b *batch) reject(line int64, reason string) { b.turnDown(line, reason, false) }

// unreadable rejects a row that does not tell whom it is about.
func (b *batch) unreadable(line int64, reason string) {
	b.turnDown(line, reason, true)
}

func (b *batch) turnDown(line int64, reason string, unreadable bool) {
	record := source.Record{Object: b.object, Line: line, Rejected: reason, Unreadable: unreadable}
	if reason != reasonNoID {
		b.bad++
	}
	if b.good || b.bad <= junkAtStart || reason == reasonNoID {
		b.records = append(b.records, record)
		return
	}
	b.withheld = append(b.withheld, record)
}

// usable notes that the object has a good row.
func (b *batch) usable() {
	b.good = true
	b.tellWithheld()
}

func (b *batch) tellWithheld() {
	b.records = append(b.records, b.withheld...)
	b.withheld = nil
}

func (b *batch) skip(line int64, word string) {
	b.usable()
	b.records = append(b.records, source.Record{Object: b.object, Line: line, Skipped: word})
}

func (b *batch) addMember(line int64, m source.Member) {
	b.usable()
	b.members = append(b.members, m)
	b.records = append(b.records, source.Record{Object: b.object, Line: line, Member: &b.members[len(b.members)-1]})
}

func (b *batch) addChange(line int64, c segment.TraitChange) {
	b.usable()
	b.changes = append(b.changes, c)
	b.records = append(b.records, source.Record{Object: b.object, Line: line, Change: &b.changes[len(b.changes)-1]})
}

// flush hands the records over, and the position behind them.
func (b *batch) flush(done bool) error {
	if len(b.records) == 0 && !done {
		return nil
	}
	position := source.Position{Done: done}
	if b.parser != nil {
		position = b.parser.Position()
		position.Done = done
	}
	taken := b.taken
	if b.reader != nil {
		taken += b.reader.Taken()
	}
	b.taken = 0
	err := b.fn(source.Batch{Records: b.records, Position: position, Taken: taken})
	b.release()
	return err
}

func (b *batch) release() {
	for _, m := range b.messages {
		m.Release()
	}
	clear(b.messages)
	clear(b.records)
	b.messages, b.records = b.messages[:0], b.records[:0]
	b.members, b.changes = b.members[:0], b.changes[:0]
	b.bytes = 0
}
