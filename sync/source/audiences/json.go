package audiences

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/bucket"
	"github.com/impactsync/impactsync/sync/source/table"
)

// jsonItems are the records of a file of JSON: as lines, or in an array.
type jsonItems struct {
	*bucket.Splitter
	item bucket.Item // the last one
}

func (j *jsonItems) next() (err error) {
	j.item, err = j.Next()
	return err
}

// begin reports whether the record can be read.
func (j *jsonItems) begin(r *row) bool {
	r.line = j.item.Line
	if j.item.Flaw != bucket.FlawNone {
		r.broken = errors.New(string(j.item.Flaw))
	}
	return r.broken == nil
}

// messageRows are raw Segment messages.
type messageRows struct {
	jsonItems
	decoder *segment.Decoder
}

func (m *messageRows) read(r *row) {
	if !m.begin(r) {
		return
	}
	r.size = len(m.item.Data)
	var err error
	if r.message, err = m.decoder.Decode(m.item.Data); err != nil {
		r.unread(err)
	}
}

// jsonRows are objects, each of which is a row: its keys are the columns.
type jsonRows struct {
	jsonItems
	own    table.Columns
	names  []string // of the last object, in order
	layout layout   // of these
	texts  []string
}

func (j *jsonRows) read(r *row) {
	if !j.begin(r) {
		return
	}
	o, err := parseObject(j.item.Data)
	if err != nil {
		r.unread(err)
		return
	}
	if names := slices.Sorted(maps.Keys(o)); !slices.Equal(names, j.names) {
		j.names, j.layout, j.texts = names, memberColumns(names, j.own), make([]string, len(names))
	}
	nested := false
	for _, i := range j.layout.read {
		raw := o[j.names[i]]
		switch {
		case string(raw) == "null":
			j.texts[i] = ""
		case i == j.layout.external:
			j.texts[i] = string(raw)
		case i == j.layout.value:
			j.texts[i], nested = valueText(raw)
		default:
			var id text
			if json.Unmarshal(raw, &id) != nil {
				r.unread(segment.ErrInvalidJSON)
				return
			}
			j.texts[i] = string(id)
		}
	}
	if r.fields(&j.layout, j.texts); nested && r.rejected == "" {
		r.rejected = "the value is an object or an array"
	}
}

// memberColumns finds the columns of an object that says who is a member. Unlike
// those of a table it has no columns of changes.
func memberColumns(names []string, own table.Columns) layout {
	l := noColumns()
	l.ids = own.Find(names)
	for i, name := range names {
		switch table.Fold(name) {
		case "externalids":
			l.external = i
		case "value":
			l.value = i
		}
	}
	l.read = l.columns()
	return l
}

// text is a JSON string, or a number as ids in messages are read: 1001.0 is 1001.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(raw []byte) error {
	if raw[0] == '"' {
		return json.Unmarshal(raw, (*string)(t))
	}
	var number json.Number
	err := json.Unmarshal(raw, &number)
	*t = text(segment.NumberText(string(number)))
	return err
}

// valueText returns a scalar as text, or that it is none.
func valueText(raw json.RawMessage) (value string, nested bool) {
	switch raw[0] {
	case '{', '[':
		return "", true
	case '"':
		_ = json.Unmarshal(raw, &value) // the object around it was read
		return value, false
	}
	return string(raw), false
}

// parseObject reads one record. No error holds any of it.
func parseObject(record []byte) (o map[string]json.RawMessage, err error) {
	switch {
	case !utf8.Valid(record):
		return nil, segment.ErrInvalidUTF8
	case json.Unmarshal(record, &o) != nil:
		return nil, jsonError(record, segment.ErrInvalidJSON)
	}
	return o, nil
}

// isMessage reports whether an object is a raw Segment message.
func isMessage(o map[string]json.RawMessage) bool {
	has := func(key string) bool { return len(o[key]) > 0 && string(o[key]) != "null" && string(o[key]) != `""` }
	return has("type") && (has("messageId") || has("originalTimestamp"))
}

// jsonLayout looks at the first record that is JSON.
func (s *Source) jsonLayout(start []byte, a Audience) (layout, error) {
	l := layout{format: formatJSON, class: segment.ClassAudience, shape: shapeOf(a, false)}
	split := bucket.NewSplitter(bytes.NewReader(start), s.cfg.MaxLine)
	for records := 0; ; records++ {
		item, err := split.Next()
		if errors.Is(err, io.EOF) && records == 0 && a.Value != "computed" {
			return l, nil // an array without elements
		}
		if errors.Is(err, io.EOF) {
			return l, errors.New("no JSON object that can be read at its beginning")
		}
		if err != nil {
			return l, err
		}
		if item.Flaw != bucket.FlawNone {
			continue
		}
		if o, err := parseObject(item.Data); err == nil {
			return l.decideJSON(o, a)
		}
	}
}

func (l layout) decideJSON(o map[string]json.RawMessage, a Audience) (layout, error) {
	if isMessage(o) {
		if a.List == "full" {
			return l, errors.New("list: full is set, but these are raw messages: they are changes")
		}
		l.format, l.shape = formatMessages, source.ShapeChanges
		return l, nil
	}
	names := slices.Sorted(maps.Keys(o))
	value := ""
	if i := memberColumns(names, a.Columns).value; i >= 0 {
		value = string(o[names[i]])
	}
	if a.Value == "computed" || a.Value == "" && value != "" && value != "true" && value != "false" {
		l.class = segment.ClassComputed
	}
	return l, nil
}
