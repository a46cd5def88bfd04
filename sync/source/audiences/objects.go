package audiences

import (
	"errors"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/bucket"
	"github.com/impactsync/impactsync/sync/source/table"
)

// jsonParser reads members as JSON, or raw messages.
type jsonParser struct {
	*bucket.Splitter
	messages bool
	columns  table.Columns
	decoder  *segment.Decoder
}

func (p *jsonParser) resume(from source.Position) (bool, error) { return p.Resume(from) }

func (p *jsonParser) next(b *batch) error {
	item, err := p.Next()
	if err != nil {
		return err
	}
	b.bytes += len(item.Data)
	switch {
	case item.Flaw != bucket.FlawNone && b.input.Shape == source.ShapeList:
		return &rowError{item.Line, errors.New(string(item.Flaw))}
	case item.Flaw != bucket.FlawNone:
		b.unreadable(item.Line, string(item.Flaw))
	case p.messages:
		p.addMessage(b, item)
	default:
		return p.addObject(b, item)
	}
	return nil
}

func (p *jsonParser) addMessage(b *batch, item bucket.Item) {
	m, err := p.decoder.Decode(item.Data)
	if err != nil {
		b.unreadable(item.Line, err.Error())
		return
	}
	b.messages = append(b.messages, m)
	m.FoundIn(b.input.ListedAt, b.now)
	switch c, ok := m.Change(); {
	case !ok:
		b.skip(item.Line, SkipNotAudience)
	case c.Identity.IsZero():
		b.reject(item.Line, reasonNoID)
	default:
		b.addChange(item.Line, c)
	}
}

func (p *jsonParser) addObject(b *batch, item bucket.Item) error {
	var o object
	if err := o.parse(item.Data, p.columns); err != nil {
		b.unreadable(item.Line, err.Error())
		return nil
	}
	b.ids.reset()
	for _, f := range [...]struct {
		kind string
		id   text
	}{
		{"user_id", o.UserID}, {"user_id", o.UserIDHump},
		{"anonymous_id", o.AnonID}, {"anonymous_id", o.AnonIDHump}, {"email", o.Email},
	} {
		if f.id != "" {
			b.ids.add(f.kind, string(f.id))
		}
	}
	if !b.hasUser() && string(o.ExternalIDs) != "null" {
		if err := b.ids.addExternal(o.ExternalIDs); err != nil {
			b.unreadable(item.Line, err.Error())
			return nil
		}
	}
	value, ok := valueText(o.Value)
	if !ok {
		b.reject(item.Line, "the value is an object or an array")
		return nil
	}
	r := row{line: item.Line, value: value, null: value == "", hasText: o.Value != nil}
	r.change.At, _ = segment.RowTime("", b.input.ListedAt, b.now)
	return b.add(r)
}
