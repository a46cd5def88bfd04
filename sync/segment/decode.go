package segment

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"unicode/utf8"
)

// Reasons for which [Decoder.Decode] rejects a line. Their texts are stored with the
// rejected line's number, so they never hold any of it.
var (
	ErrEmpty       = errors.New("the line is empty")
	ErrInvalidUTF8 = errors.New("not valid UTF-8")
	ErrNUL         = errors.New("holds a NUL byte")
	ErrInvalidJSON = errors.New("not valid JSON, or cut off")
	ErrTooDeep     = errors.New("nested deeper than 300 levels")
	ErrNotObject   = errors.New("not a JSON object")
	ErrNoType      = errors.New(`has no "type"`)
)

// keepBytes is the longest line whose memory returns to the pool: a huge message
// must not occupy memory for the life of the process.
const keepBytes = 64 << 10

// Decoder decodes messages into pooled memory. The zero value is ready to use, by any
// number of goroutines.
type Decoder struct {
	Placeholders *Placeholders // which ids are nobody's; to be set before the first message
	pool         sync.Pool
}

// Decode reads one JSON object. The line is copied, so its bytes may be reused at
// once. Any number of messages may be in use at the same time; each is valid until
// its own [Message.Release].
//
// If a key occurs twice in an object, the first one counts. Unknown types and keys
// are accepted. Half a character becomes U+FFFD. A timestamp that cannot be read
// counts as absent. Decoding takes about 2 µs per kilobyte.
func (d *Decoder) Decode(line []byte) (*Message, error) {
	if err := checkBytes(line); err != nil {
		return nil, err
	}
	m, _ := d.pool.Get().(*Message)
	if m == nil {
		m = new(Message)
	}
	m.pool, m.placeholders = &d.pool, d.Placeholders
	m.size = len(line)
	if err := m.parse(line); err != nil {
		m.Release()
		return nil, err
	}
	return m, nil
}

func checkBytes(line []byte) error {
	switch {
	case len(bytes.TrimSpace(line)) == 0:
		return ErrEmpty
	case bytes.IndexByte(line, 0) >= 0:
		return ErrNUL
	case !utf8.Valid(line):
		return ErrInvalidUTF8
	}
	return nil
}

func (m *Message) parse(line []byte) (err error) {
	if m.root, err = m.doc.parse(line); err != nil {
		return err
	}
	if !m.root.IsObject() {
		return ErrNotObject
	}
	m.findTops()
	kind, _ := m.Get("type").Str()
	if kind == "" {
		return ErrNoType
	}
	event, _ := m.Get("event").Text()
	m.Type, m.Event = strings.Clone(kind), strings.Clone(CleanText(event))
	m.MessageID = m.id("messageId", UsableID)
	m.UserID, m.AnonymousID = m.id("userId", m.placeholders.Usable), m.id("anonymousId", m.placeholders.Usable)
	return nil
}

// id returns a usable id, or nothing.
func (m *Message) id(key string, usable func(string) bool) string {
	text, ok := m.Get(key).ID()
	if !ok || !usable(text) {
		return ""
	}
	return strings.Clone(text)
}

// Parser reads JSON that is not a message, as strictly as encoding/json. The zero
// value is ready to use, by one goroutine.
type Parser struct {
	doc document
}

// Parse reads one JSON text. The value is valid until the next call. Its error is
// [ErrInvalidUTF8], [ErrInvalidJSON] or [ErrTooDeep].
func (p *Parser) Parse(text []byte) (Value, error) {
	switch {
	case !utf8.Valid(text):
		return Value{}, ErrInvalidUTF8
	case !json.Valid(text):
		return Value{}, ErrInvalidJSON
	}
	return p.doc.parse(text)
}
