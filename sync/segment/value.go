package segment

import (
	"unsafe"

	"github.com/valyala/fastjson"
)

// Value is one JSON value of a message, valid until the message is released;
// so are its texts: strings.Clone what is to be kept. The zero Value is an
// absent one, on which every method may be called.
type Value struct {
	v *fastjson.Value
}

// Exists reports whether there is a value other than null.
func (v Value) Exists() bool { return v.v != nil && v.v.Type() != fastjson.TypeNull }

// ParseText reads a text that is itself a JSON object or array, as some senders
// wrap them. The value owns its memory. It is false for any other text.
func ParseText(text string) (Value, bool) {
	v, err := fastjson.Parse(text)
	if err != nil {
		return Value{}, false
	}
	parsed := Value{v}
	return parsed, parsed.IsObject() || parsed.IsArray()
}

// Text returns a string, number or boolean as text. A number with an exponent
// comes as a plain decimal, a whole one without a point (1001.0 is 1001),
// other numbers as they were sent.
func (v Value) Text() (string, bool) { return scalarText(v.v) }

// ID returns a string or number as text, as [Value.Text] does: a boolean is no id.
func (v Value) ID() (string, bool) {
	if _, boolean := v.Bool(); boolean {
		return "", false
	}
	return v.Text()
}

// Str returns a string, and false for anything else.
func (v Value) Str() (string, bool) {
	if v.v == nil || v.v.Type() != fastjson.TypeString {
		return "", false
	}
	return rawText(v.v), true
}

// Number returns a number's text exactly as it was sent. It may be NaN or
// infinite, which some senders write although JSON has no such number.
func (v Value) Number() (string, bool) {
	if v.v == nil || v.v.Type() != fastjson.TypeNumber {
		return "", false
	}
	return rawText(v.v), true
}

// IsNumber reports whether the value stood as a number, NaN included.
func (v Value) IsNumber() bool { return v.v != nil && v.v.Type() == fastjson.TypeNumber }

// Bool returns a real boolean; the strings "true" and "false" are none.
func (v Value) Bool() (value, ok bool) {
	if v.v == nil {
		return false, false
	}
	switch v.v.Type() {
	case fastjson.TypeTrue:
		return true, true
	case fastjson.TypeFalse:
		return false, true
	}
	return false, false
}

// IsObject and IsArray tell the kinds apart that have no text.
func (v Value) IsObject() bool { return v.v != nil && v.v.Type() == fastjson.TypeObject }

// IsArray reports whether the value is an array.
func (v Value) IsArray() bool { return v.v != nil && v.v.Type() == fastjson.TypeArray }

// Len is the number of elements of an array or of keys of an object, else 0.
func (v Value) Len() int {
	switch {
	case v.IsArray():
		return len(v.v.GetArray())
	case v.IsObject():
		return v.v.GetObject().Len()
	}
	return 0
}

// Index returns an element of an array, absent if there is none at i.
func (v Value) Index(i int) Value {
	if !v.IsArray() {
		return Value{}
	}
	if a := v.v.GetArray(); i >= 0 && i < len(a) {
		return Value{a[i]}
	}
	return Value{}
}

// Get returns the value of an object's key, or of an array's element for a key
// that is its position.
func (v Value) Get(key string) Value {
	if v.v == nil {
		return Value{}
	}
	return Value{v.v.Get(key)}
}

// Each calls fn for every key of an object in the order sent.
func (v Value) Each(fn func(key string, v Value)) {
	if !v.IsObject() {
		return
	}
	v.v.GetObject().Visit(func(key []byte, value *fastjson.Value) {
		fn(bytesText(key), Value{value})
	})
}

// At follows the keys one below the other, as [Value.Get] does each.
func (v Value) At(keys []string) Value {
	for _, key := range keys {
		if v.v == nil {
			return Value{}
		}
		v.v = v.v.Get(key)
	}
	return v
}

// bytesText views the parser's bytes as a string: copying every text that the
// mapping only looks at would double its cost. The bytes do not change before
// the message is released, which is as long as a Value may be used.
func bytesText(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // see above
}

// rawText is the text of a string, without copying, or of a number.
func rawText(v *fastjson.Value) string {
	switch v.Type() {
	case fastjson.TypeString:
		return bytesText(v.GetStringBytes())
	case fastjson.TypeNumber:
		return v.String()
	}
	return ""
}

func scalarText(v *fastjson.Value) (string, bool) {
	if v == nil {
		return "", false
	}
	switch v.Type() {
	case fastjson.TypeString:
		return rawText(v), true
	case fastjson.TypeNumber:
		return plainNumber(v.String()), true
	case fastjson.TypeTrue:
		return "true", true
	case fastjson.TypeFalse:
		return "false", true
	}
	return "", false
}
