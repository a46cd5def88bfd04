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

// object is one member as JSON.
type object struct {
	UserID       text            `json:"user_id"`
	UserIDHump   text            `json:"userId"`
	AnonID       text            `json:"anonymous_id"`
	AnonIDHump   text            `json:"anonymousId"`
	Email        text            `json:"email"`
	ExternalIDs  json.RawMessage `json:"external_ids"`
	Value        json.RawMessage `json:"value"`
	Type         text            `json:"type"`
	MessageID    text            `json:"messageId"`
	OriginalTime text            `json:"originalTimestamp"`
}

func (o *object) isMessage() bool {
	return o.Type != "" && (o.MessageID != "" || o.OriginalTime != "")
}

// parse reads one record. No error holds any of it.
func (o *object) parse(record []byte, own table.Columns) error {
	switch {
	case !utf8.Valid(record):
		return segment.ErrInvalidUTF8
	case json.Unmarshal(record, o) != nil:
		return jsonError(record, segment.ErrInvalidJSON)
	}
	if o.UserID == "" && o.UserIDHump == "" && !o.isMessage() || own != (table.Columns{}) {
		return o.rename(record, own)
	}
	return nil
}

// rename takes ids from fields that are called otherwise, such as "User ID" or
// what the configuration says. It costs a second look at the record.
func (o *object) rename(record []byte, own table.Columns) error {
	var fields map[string]json.RawMessage
	if json.Unmarshal(record, &fields) != nil {
		return jsonError(record, segment.ErrInvalidJSON)
	}
	names := slices.Sorted(maps.Keys(fields))
	ids := own.Find(names)
	o.UserIDHump, o.AnonIDHump = "", ""
	for _, f := range [...]struct {
		to   *text
		from []int
	}{{&o.UserID, ids.Users}, {&o.AnonID, ids.Anons}, {&o.Email, ids.Emails}} {
		*f.to = ""
		for _, i := range f.from {
			var id text
			if raw := fields[names[i]]; len(raw) > 0 && string(raw) != "null" && json.Unmarshal(raw, &id) == nil && *f.to == "" {
				*f.to = id
			}
		}
	}
	return nil
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
		var o object
		if item.Flaw == bucket.FlawNone && o.parse(item.Data, a.Columns) == nil {
			return l.decideJSON(&o, a)
		}
	}
}

func (l layout) decideJSON(o *object, a Audience) (layout, error) {
	if o.isMessage() {
		if a.List == "full" {
			return l, errors.New("list: full is set, but these are raw messages: they are changes")
		}
		l.format, l.shape = formatMessages, source.ShapeChanges
		return l, nil
	}
	isBool := bytes.Equal(o.Value, []byte("true")) || bytes.Equal(o.Value, []byte("false"))
	if a.Value == "computed" || a.Value == "" && o.Value != nil && !isBool {
		l.class = segment.ClassComputed
	}
	return l, nil
}

// valueText gives a scalar as text; null and absent are empty.
func valueText(raw json.RawMessage) (value string, ok bool) {
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return "", true
	case raw[0] == '{' || raw[0] == '[':
		return "", false
	case raw[0] == '"':
		err := json.Unmarshal(raw, &value)
		return value, err == nil
	}
	return string(raw), true
}
