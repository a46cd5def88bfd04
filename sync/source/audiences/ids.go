package audiences

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

var (
	errExternalIDs = errors.New(`external_ids is not JSON of the form {"user_id":["..."]}`)
	errTypographic = errors.New("typographic quotes in the JSON: write plain ones, or let Segment write the file again")
)

// ids is what a row says about a person.
type ids struct {
	users, anons, emails []string
}

// addExternal adds the ids of a column external_ids: a JSON object that has,
// by kind of id, a text or an array of texts. Other kinds are passed over.
func (p *ids) addExternal(text []byte) error {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	s := scanner{rest: text}
	if !utf8.Valid(text) || !s.object(p.add) {
		return jsonError(text, errExternalIDs)
	}
	return nil
}

func (p *ids) add(kind, id string) {
	switch kind {
	case "user_id":
		p.users = append(p.users, id)
	case "anonymous_id":
		p.anons = append(p.anons, id)
	case "email":
		p.emails = append(p.emails, id)
	}
}

// jsonError returns the likeliest cause of JSON that cannot be read: the samples
// on Segment's own pages have typographic quotes
// (https://segment.com/docs/engage/audiences/).
func jsonError(text []byte, otherwise error) error {
	if bytes.ContainsAny(text, "“”„‟") {
		return errTypographic
	}
	return otherwise
}

// scanner reads the little JSON that external_ids are, strictly.
type scanner struct{ rest []byte }

// object reads an object and calls add with each id.
func (s *scanner) object(add func(kind, id string)) bool {
	if !s.take('{') {
		return false
	}
	if s.take('}') {
		return s.end()
	}
	for {
		kind, ok := s.text()
		if !ok || !s.take(':') || !s.values(kind, add) {
			return false
		}
		if s.take('}') {
			return s.end()
		}
		if !s.take(',') {
			return false
		}
	}
}

// values reads a text, an array of texts, or null.
func (s *scanner) values(kind string, add func(kind, id string)) bool {
	if !s.take('[') {
		return s.value(kind, add)
	}
	if s.take(']') {
		return true
	}
	for s.value(kind, add) {
		if s.take(']') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
	return false
}

func (s *scanner) value(kind string, add func(kind, id string)) bool {
	s.space()
	if rest, ok := bytes.CutPrefix(s.rest, []byte("null")); ok {
		s.rest = rest
		return true
	}
	id, ok := s.text()
	if ok {
		add(kind, id)
	}
	return ok
}

// text reads a text; one with escapes is left to encoding/json.
func (s *scanner) text() (string, bool) {
	if !s.take('"') {
		return "", false
	}
	for i, c := range s.rest {
		switch {
		case c == '"':
			text := string(s.rest[:i])
			s.rest = s.rest[i+1:]
			return text, true
		case c == '\\':
			return s.escaped()
		case c < ' ':
			return "", false
		}
	}
	return "", false
}

func (s *scanner) escaped() (text string, ok bool) {
	for i := 0; i < len(s.rest); i++ {
		switch s.rest[i] {
		case '\\':
			i++
		case '"':
			quoted := append(append([]byte{'"'}, s.rest[:i]...), '"')
			s.rest = s.rest[i+1:]
			err := json.Unmarshal(quoted, &text)
			return text, err == nil
		}
	}
	return "", false
}

func (s *scanner) take(c byte) bool {
	s.space()
	if len(s.rest) == 0 || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *scanner) space() {
	s.rest = bytes.TrimLeft(s.rest, " \t\r\n")
}

func (s *scanner) end() bool {
	s.space()
	return len(s.rest) == 0
}
