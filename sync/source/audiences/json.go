package audiences

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/bucket"
	"github.com/impactsync/impactsync/sync/source/table"
)

// jsonRows are the records of a file of JSON: as lines, or in an array.
type jsonRows struct {
	*bucket.Splitter
	read func(r *row, record []byte)
}

func (j *jsonRows) next(r *row) error {
	item, err := j.Next()
	if err != nil {
		return err
	}
	r.line, r.size = item.Line, len(item.Data)
	if item.Flaw != bucket.FlawNone {
		r.broken = errors.New(string(item.Flaw))
		return nil
	}
	j.read(r, item.Data)
	return nil
}

// readMessage reads a raw Segment message.
func (s *Source) readMessage(r *row, record []byte) {
	var err error
	if r.message, err = s.decoder.Decode(record); err != nil {
		r.unread(err)
	}
}

// objects are objects that are rows. Unlike tables they have no columns of changes.
type objects struct{ *table.Objects }

// parse reads an object. No error holds any of it.
func (o objects) parse(record []byte) (v segment.Value, err error) {
	if v, err = o.Parse(record); err != nil {
		return v, jsonError(record, err)
	}
	if !v.IsObject() && v.Exists() {
		return v, segment.ErrInvalidJSON
	}
	o.Read(v)
	return v, nil
}

func (o objects) read(r *row, record []byte) {
	if _, err := o.parse(record); err != nil {
		r.unread(err)
		return
	}
	for kind, i := range o.IDs.All() {
		id, ok := o.At(i).ID()
		if !ok && o.At(i).Exists() {
			r.unread(errIDKind)
			return
		}
		r.add(kind, strings.Clone(id))
	}
	if external, _ := o.Get("externalids"); external.Exists() && !r.hasUser() && !r.addExternal(external) {
		r.unread(jsonError(record, errExternalIDs))
		return
	}
	value, ok := o.Get("value")
	if value.IsObject() || value.IsArray() {
		r.rejected = "the value is an object or an array"
	}
	r.value, r.hasValue = strings.Clone(valueText(value)), ok
}

// valueText returns a scalar as text, a number as it was sent.
func valueText(v segment.Value) string {
	if number, ok := v.Number(); ok {
		return number
	}
	text, _ := v.Text()
	return text
}

// isMessage reports whether an object is a raw Segment message.
func isMessage(o segment.Value) bool {
	has := func(key string) bool {
		text, isText := o.Get(key).Str()
		return o.Get(key).Exists() && (!isText || text != "")
	}
	return has("type") && (has("messageId") || has("originalTimestamp"))
}

// jsonLayout looks at the first record that is JSON. read is how all are read.
func (s *Source) jsonLayout(start []byte, a Audience) (l layout, read func(r *row, record []byte), err error) {
	l = layout{class: segment.ClassAudience, shape: shapeOf(a, false)}
	o := objects{table.NewObjects(a.Columns)}
	split := bucket.NewSplitter(bytes.NewReader(start), s.cfg.MaxLine)
	for records := 0; ; records++ {
		item, err := split.Next()
		if errors.Is(err, io.EOF) && records == 0 && a.Value != "computed" {
			return l, o.read, nil // an array without elements
		}
		if errors.Is(err, io.EOF) {
			return l, nil, errors.New("no JSON object that can be read at its beginning")
		}
		if err != nil {
			return l, nil, err
		}
		if item.Flaw != bucket.FlawNone {
			continue
		}
		first, err := o.parse(item.Data)
		if err != nil {
			continue
		}
		if isMessage(first) {
			l.named, l.shape = true, source.ShapeChanges
			if a.List == "full" {
				err = errors.New("list: full is set, but these are raw messages: they are changes")
			}
			return l, s.readMessage, err
		}
		value, ok := o.Get("value")
		if _, boolean := value.Bool(); a.Value == "computed" || a.Value == "" && ok && !boolean {
			l.class = segment.ClassComputed
		}
		return l, o.read, nil
	}
}
