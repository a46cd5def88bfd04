package segment

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/valyala/fastjson"
)

// Reasons for which [Decoder.Decode] turns a line down. Their texts are kept
// as the reason of a rejected line, so they never hold any of it.
var (
	ErrEmpty       = errors.New("the line is empty")
	ErrInvalidUTF8 = errors.New("not valid UTF-8")
	ErrNUL         = errors.New("holds a NUL byte")
	ErrInvalidJSON = errors.New("not valid JSON, or cut off")
	ErrTooDeep     = errors.New("nested deeper than 300 levels")
	ErrNotObject   = errors.New("not a JSON object")
	ErrNoType      = errors.New(`has no "type"`)
)

// keepBytes is the longest line whose memory goes back to the pool; one huge
// message must not pin its size for the life of the process.
const keepBytes = 64 << 10

// Decoder decodes messages into pooled memory. The zero value is ready, and
// one Decoder serves any number of goroutines.
type Decoder struct {
	pool sync.Pool
}

// Decode reads one JSON object. The line is copied, so its bytes may be reused
// at once. Any number of messages may live at the same time; each is valid
// until its own [Message.Release].
//
// Where a key stands twice in an object the first one counts. Unknown types
// and keys are accepted. Timestamps that cannot be read are named by
// [Message.BadTimestamps]. The cost is about 2 µs per kilobyte.
func (d *Decoder) Decode(line []byte) (*Message, error) {
	if err := checkBytes(line); err != nil {
		return nil, err
	}
	m, _ := d.pool.Get().(*Message)
	if m == nil {
		m = new(Message)
	}
	m.pool = &d.pool
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

func (m *Message) parse(line []byte) error {
	root, err := m.parser.ParseBytes(line)
	if err != nil {
		// The parser's own text quotes the line; only its kind may leave.
		if strings.Contains(err.Error(), "too big depth") {
			return ErrTooDeep
		}
		return ErrInvalidJSON
	}
	object, err := root.Object()
	if err != nil {
		return ErrNotObject
	}
	m.root = root
	object.Visit(m.visit)
	m.top[fieldContext].GetObject().Visit(m.visitContext)
	if m.Type = typeName(m.top[fieldType]); m.Type == "" {
		return ErrNoType
	}
	m.readStrings()
	return nil
}

// visit notes the known top-level keys in one pass.
func (m *Message) visit(key []byte, v *fastjson.Value) { m.found(fieldOf(string(key)), v) }

func (m *Message) visitContext(key []byte, v *fastjson.Value) {
	m.found(contextFieldOf(string(key)), v)
}

func (m *Message) found(f field, v *fastjson.Value) {
	if f != fieldOther && m.top[f] == nil {
		m.top[f] = v
	}
}

// typeName gives the constant of a known type, to spare the allocation.
func typeName(v *fastjson.Value) string {
	if v == nil || v.Type() != fastjson.TypeString {
		return ""
	}
	switch b := v.GetStringBytes(); string(b) {
	case "track":
		return "track"
	case "page":
		return "page"
	case "identify":
		return "identify"
	case "screen":
		return "screen"
	case "group":
		return "group"
	case "alias":
		return "alias"
	case "delete":
		return "delete"
	default:
		return string(b)
	}
}

// readStrings copies the top-level texts out of the parser's memory, all in
// one allocation.
func (m *Message) readStrings() {
	fields := [...]struct {
		field field
		to    *string
		id    bool
	}{
		{fieldMessageID, &m.MessageID, true},
		{fieldUserID, &m.UserID, true},
		{fieldAnonymousID, &m.AnonymousID, true},
		{fieldEvent, &m.Event, false},
	}
	all := make([]byte, 0, 512) // on the stack
	var ends [len(fields)]int
	for i, f := range fields {
		if s, ok := scalarText(m.top[f.field]); ok && (!f.id || usableValue(m.top[f.field], s)) {
			all = append(all, s...)
		}
		ends[i] = len(all)
	}
	text, start := string(all), 0
	for i, f := range fields {
		*f.to = text[start:ends[i]]
		start = ends[i]
	}
}
