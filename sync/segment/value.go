package segment

import (
	"strconv"
	"unsafe"
)

// Value is one JSON value of a message. It and its texts are valid until the message
// is released; use strings.Clone to keep a text. The zero Value is an absent one, on
// which every method may be called.
type Value struct {
	doc  *document
	node uint32
}

// kind returns zero for an absent value.
func (v Value) kind() kind {
	if v.doc == nil {
		return 0
	}
	return v.doc.nodes[v.node].kind
}

// Exists reports whether there is a value other than null.
func (v Value) Exists() bool { return v.kind() > kindNull }

// ParseText parses a text that is itself a JSON object or array; some senders wrap
// them so. The value owns its memory. It is false for any other text.
func ParseText(text string) (Value, bool) {
	v, err := new(document).parse([]byte(text))
	return v, err == nil && (v.IsObject() || v.IsArray())
}

// Text returns a string, number or boolean as text: a number with an exponent as a
// plain decimal, a whole one without a point (1001.0 is 1001), and other numbers as
// they were sent.
func (v Value) Text() (string, bool) {
	if text, ok := v.Str(); ok {
		return text, true
	}
	if number, ok := v.Number(); ok {
		return plainNumber(number), true
	}
	value, ok := v.Bool()
	if !ok {
		return "", false
	}
	return strconv.FormatBool(value), true
}

// ID returns a string or number as [Value.Text] does. A boolean is not an id.
func (v Value) ID() (string, bool) {
	if _, boolean := v.Bool(); boolean {
		return "", false
	}
	return v.Text()
}

// Str returns a string, and false for anything else.
func (v Value) Str() (string, bool) {
	if v.kind() != kindString {
		return "", false
	}
	return v.text(), true
}

// Number returns a number exactly as it was sent. It may be NaN or infinite, which
// some senders write although JSON has no such numbers.
func (v Value) Number() (string, bool) {
	if !v.IsNumber() {
		return "", false
	}
	return v.text(), true
}

// IsNumber reports whether the value was sent as a number, including NaN.
func (v Value) IsNumber() bool { return v.kind() == kindNumber }

// Bool returns a real boolean; the strings "true" and "false" are not booleans.
func (v Value) Bool() (value, ok bool) {
	k := v.kind()
	return k == kindTrue, k == kindTrue || k == kindFalse
}

// IsObject reports whether the value is an object.
func (v Value) IsObject() bool { return v.kind() == kindObject }

// IsArray reports whether the value is an array.
func (v Value) IsArray() bool { return v.kind() == kindArray }

// Len returns the number of elements of an array or of keys of an object, else 0.
func (v Value) Len() int {
	if v.doc == nil {
		return 0
	}
	return int(v.doc.nodes[v.node].holds)
}

// Index returns an element of an array, absent if there is none at i.
func (v Value) Index(i int) Value {
	if i < 0 || i >= v.Len() || !v.IsArray() {
		return Value{}
	}
	return Value{v.doc, v.doc.elementAt(v.node, uint32(i))}
}

// Get returns the value of an object's key, or the element of an array whose position
// the key is.
func (v Value) Get(key string) Value {
	switch v.kind() {
	case kindObject:
		if i := v.doc.member(v.node, key); i != 0 {
			return Value{v.doc, i}
		}
	case kindArray:
		if i, err := strconv.Atoi(key); err == nil {
			return v.Index(i)
		}
	}
	return Value{}
}

// Each calls fn for every key of an object in the order in which they were sent.
func (v Value) Each(fn func(key string, v Value)) {
	if !v.IsObject() {
		return
	}
	nodes := v.doc.nodes
	for i := v.node + 1; i < nodes[v.node].end; i = nodes[i].end {
		fn(v.doc.string(nodes[i].key, nodes[i].keyEnd), Value{v.doc, i})
	}
}

// At follows the keys one after the other, as [Value.Get] does.
func (v Value) At(keys []string) Value {
	for _, key := range keys {
		v = v.Get(key)
	}
	return v
}

func (v Value) text() string {
	n := &v.doc.nodes[v.node]
	return v.doc.string(n.from, n.to)
}

// string returns a part of the text without copying it: copying every text that the
// mapping looks at would double its cost. The text does not change before the message
// is released, and until then a Value may be used.
func (d *document) string(from, to uint32) string {
	return unsafe.String(&d.text[from], to-from) //nolint:gosec // see above
}
