package reading

import (
	"context"
	"time"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/bucket"
)

const (
	batchBytes = 4 << 20

	// At an object's start, before any good record, only this many bad ones are
	// reported at once. The others follow with the first good one, so that an object
	// of another kind does not fill the list of rejected lines.
	junkAtStart = 100
	junkInRow   = 10_000
)

// Batch gathers records and hands them over. It belongs to the goroutine that reads.
type Batch struct {
	Input  source.Input
	Object source.Object
	Now    time.Time

	reader  *Reader
	content *bucket.Reader
	parser  Parser
	taken   int64 // bytes of earlier parts that no batch has reported
	stopped bool  // by the context

	*gathered
	handed chan *gathered
	empty  chan *gathered // given back

	good     bool            // a good record was seen
	bad      int             // bad records since the last good one
	withheld []source.Record // bad ones at the start that were not reported yet
}

// gathered is what is handed over at once, and what it is made of.
type gathered struct {
	batch    source.Batch
	records  []source.Record
	messages []*segment.Message // to be released
	members  []source.Member
	bytes    int
}

// Size adds to the bytes of the batch.
func (b *Batch) Size(n int) { b.bytes += n }

// Keep releases a message once the batch is handed over.
func (b *Batch) Keep(m *segment.Message) { b.messages = append(b.messages, m) }

// AddMember adds a member of a list.
func (b *Batch) AddMember(m *source.Member) {
	b.noteGood()
	b.members = append(b.members, *m)
}

// Add adds a record. A record that names nobody does not count as a bad one: sorted
// lists begin with those.
func (b *Batch) Add(r source.Record) {
	r.Object = b.Object.Name
	switch {
	case r.Rejected == "":
		b.noteGood()
	case r.Rejected != source.NamesNobody:
		if b.bad++; !b.good && b.bad > junkAtStart {
			b.withheld = append(b.withheld, r)
			return
		}
	}
	b.records = append(b.records, r)
}

func (b *Batch) noteGood() {
	if len(b.withheld) > 0 {
		b.reportWithheld()
	}
	b.good, b.bad = true, 0
}

// full reports whether so many records are gathered as are handed over at once.
func (b *Batch) full() bool { return len(b.records)+len(b.members) >= b.reader.Records }

func (b *Batch) reportWithheld() {
	b.records = append(b.records, b.withheld...)
	b.withheld = nil
}

// end ends an object.
func (b *Batch) end() error {
	if b.reader.Log && len(b.withheld) > 0 {
		return b.reader.Junk
	}
	b.reportWithheld()
	return nil
}

// flush hands the records over with the position after them.
func (b *Batch) flush(ctx context.Context, done bool) error {
	if len(b.records)+len(b.members) == 0 && !done {
		return nil
	}
	out := source.Batch{Records: b.records, Members: b.members, Taken: b.taken}
	if b.parser != nil {
		out.Position = b.parser.Position()
		out.Taken += b.content.Taken()
	}
	out.Position.Done = done
	b.taken = 0
	b.batch = out
	select {
	case b.handed <- b.gathered:
		b.gathered = <-b.empty
		return nil
	case <-ctx.Done():
		b.stopped = true
		return context.Cause(ctx)
	}
}

func (g *gathered) release() {
	for _, m := range g.messages {
		m.Release()
	}
	clear(g.messages)
	clear(g.records)
	clear(g.members)
	g.messages, g.records, g.members = g.messages[:0], g.records[:0], g.members[:0]
	g.bytes = 0
}
