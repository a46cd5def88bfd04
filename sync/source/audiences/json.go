package audiences

import (
	"bytes"
	"errors"
	"io"
	"slices"
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

// objects reads objects, each of which is a row: its keys are the columns.
type objects struct {
	own    table.Columns
	parser segment.Parser

	keys   []string // of the last object, as they stood
	values []segment.Value
	// Where these have the ids, external_ids and the value; -1 for none.
	ids             table.IDs
	external, value int
}

// parse reads an object and finds its columns. Unlike a table it has no columns of
// changes. No error holds any of it.
func (o *objects) parse(record []byte) error {
	v, err := o.parser.Parse(record)
	if err != nil {
		return jsonError(record, err)
	}
	if !v.IsObject() && v.Exists() {
		return segment.ErrInvalidJSON
	}
	n, same := 0, v.Len() == len(o.keys)
	o.values = o.values[:0]
	v.Each(func(key string, value segment.Value) {
		same = same && o.keys[n] == key
		o.values = append(o.values, value)
		n++
	})
	if same {
		return nil
	}
	o.keys = o.keys[:0]
	v.Each(func(key string, _ segment.Value) { o.keys = append(o.keys, strings.Clone(key)) })
	o.ids, o.external, o.value = o.own.Find(o.keys), o.column("externalids"), o.column("value")
	return nil
}

func (o *objects) column(folded string) int {
	return slices.IndexFunc(o.keys, func(key string) bool { return table.Fold(key) == folded })
}

// get returns the value of a column.
func (o *objects) get(column int) segment.Value {
	if column < 0 {
		return segment.Value{}
	}
	return o.values[column]
}

func (o *objects) read(r *row, record []byte) {
	if err := o.parse(record); err != nil {
		r.unread(err)
		return
	}
	for kind, columns := range o.ids {
		for _, i := range columns {
			id, ok := o.values[i].ID()
			if !ok && o.values[i].Exists() {
				r.unread(segment.ErrInvalidJSON)
				return
			}
			r.add(table.Kind(kind), id)
		}
	}
	if external := o.get(o.external); external.Exists() && !r.hasUser() && !r.addExternal(external) {
		r.unread(jsonError(record, errExternalIDs))
		return
	}
	value := o.get(o.value)
	if value.IsObject() || value.IsArray() {
		r.rejected = "the value is an object or an array"
	}
	r.value, r.hasValue = strings.Clone(valueText(value)), o.value >= 0
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
func (o *objects) isMessage() bool {
	has := func(key string) bool {
		v := o.get(slices.Index(o.keys, key))
		text, isText := v.Str()
		return v.Exists() && (!isText || text != "")
	}
	return has("type") && (has("messageId") || has("originalTimestamp"))
}

// jsonLayout looks at the first record that is JSON, and returns how to read them.
func (s *Source) jsonLayout(start []byte, a Audience) (l layout, read func(r *row, record []byte), err error) {
	l = layout{class: segment.ClassAudience, shape: shapeOf(a, false)}
	o := &objects{own: a.Columns}
	split := bucket.NewSplitter(bytes.NewReader(start), s.cfg.MaxLine)
	for records := 0; ; records++ {
		item, err := split.Next()
		switch {
		case errors.Is(err, io.EOF) && records == 0 && a.Value != "computed":
			return l, o.read, nil // an array without elements
		case errors.Is(err, io.EOF):
			return l, nil, errors.New("no JSON object that can be read at its beginning")
		case err != nil:
			return l, nil, err
		case item.Flaw != bucket.FlawNone || o.parse(item.Data) != nil:
		case !o.isMessage():
			v := o.get(o.value)
			if _, boolean := v.Bool(); a.Value == "computed" || a.Value == "" && o.value >= 0 && !boolean {
				l.class = segment.ClassComputed
			}
			return l, o.read, nil
		case a.List == "full":
			return l, nil, errors.New("list: full is set, but these are raw messages: they are changes")
		default:
			l.named, l.shape = true, source.ShapeChanges
			return l, s.readMessage, nil
		}
	}
}
