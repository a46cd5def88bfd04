package events

import (
	"errors"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/bucket"
	"github.com/impactsync/impactsync/sync/source/reading"
)

// batchRecords is how many messages are held decoded: few enough for the processor's
// cache.
const batchRecords = 200

var errJunk = errors.New("not a Segment log: too many bad lines in a row; the rest was not read")

func (s *Source) parser(r *bucket.Reader, _ source.Input, _ source.Object) (reading.Parser, error) {
	return &parser{bucket.NewSplitter(r, s.cfg.MaxLine), s}, nil
}

// parser decodes messages.
type parser struct {
	*bucket.Splitter
	source *Source
}

// Next implements [reading.Parser].
func (p *parser) Next(b *reading.Batch) error {
	item, err := p.Splitter.Next()
	if err != nil {
		return err
	}
	b.Size(len(item.Data))
	record := source.Record{Line: item.Line, Rejected: string(item.Flaw)}
	if item.Flaw == bucket.FlawNone {
		p.decode(b, item.Data, &record)
	}
	b.Add(record)
	return nil
}

func (p *parser) decode(b *reading.Batch, line []byte, record *source.Record) {
	m, err := p.source.decoder.Decode(line)
	if err != nil {
		record.Rejected = err.Error()
		return
	}
	b.Keep(m)
	m.FoundIn(b.Object.ModTime, b.Now)
	change := changeIn(m)
	record.Skipped = p.source.skip(m, change)
	switch {
	case record.Skipped == SkipTrait:
		record.Change = change // its key is shown to the user
	case record.Skipped != "":
	case namesNobody(m) && (change != nil || !mayBeGuests(m)):
		record.Rejected = source.NamesNobody
	default:
		record.Message, record.Change = m, change
	}
}

// changeIn returns the trait change of a message, or nil; most have none, and cost no
// memory.
func changeIn(m *segment.Message) *segment.TraitChange {
	c, ok := m.Change()
	if !ok {
		return nil
	}
	change := c
	return &change
}

func namesNobody(m *segment.Message) bool {
	return m.UserID == "" && m.AnonymousID == "" && m.Identity().IsZero()
}

// mayBeGuests reports whether a message may be sent although it names nobody, for
// example because it belongs to a click. The mapping decides.
func mayBeGuests(m *segment.Message) bool {
	switch m.Type {
	case "track", "page", "screen", "identify":
		return true
	}
	return false
}
