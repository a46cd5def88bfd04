package segment

import (
	"strconv"
	"unsafe"

	"github.com/valyala/fastjson"
)

// Value is one JSON value of a message. It and its texts are valid until the message
// is released; use strings.Clone to keep a text. The zero Value is an absent one, on
// which every method may be called.
type Value struct {
	v *fastjson.Value
}

func (v Value) is(kind fastjson.Type) bool { return v.v != nil && v.v.Type() == kind }

// Exists reports whether there is a value other than null.
func (v Value) Exists() bool { return v.v != nil && !v.is(fastjson.TypeNull) }

// ParseText parses a text that is itself a JSON object or array; some senders wrap
// them so. The value owns its memory. It is false for any other text.
func ParseText(text string) (Value, bool) {
	v, err := fastjson.Parse(text)
	if err != nil {
		return Value{}, false
	}
	parsed := Value{v}
	return parsed, parsed.IsObject() || parsed.IsArray()
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
	if !v.is(fastjson.TypeString) {
		return "", false
	}
	return bytesText(v.v.GetStringBytes()), true
}

// Number returns a number exactly as it was sent. It may be NaN or infinite, which
// some senders write although JSON has no such numbers.
func (v Value) Number() (string, bool) {
	if !v.IsNumber() {
		return "", false
	}
	return v.v.String(), true
}

// IsNumber reports whether the value was sent as a number, including NaN.
func (v Value) IsNumber() bool { return v.is(fastjson.TypeNumber) }

// Bool returns a real boolean; the strings "true" and "false" are not booleans.
func (v Value) Bool() (value, ok bool) {
	value = v.is(fastjson.TypeTrue)
	return value, value || v.is(fastjson.TypeFalse)
}

// IsObject reports whether the value is an object.
func (v Value) IsObject() bool { return v.is(fastjson.TypeObject) }

// IsArray reports whether the value is an array.
func (v Value) IsArray() bool { return v.is(fastjson.TypeArray) }

// Len returns the number of elements of an array or of keys of an object, else 0.
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
	if i < 0 || i >= v.Len() || !v.IsArray() {
		return Value{}
	}
	return Value{v.v.GetArray()[i]}
}

// Get returns the value of an object's key, or the element of an array whose position
// the key is.
func (v Value) Get(key string) Value { return Value{v.v.Get(key)} }

// Each calls fn for every key of an object in the order in which they were sent.
func (v Value) Each(fn func(key string, v Value)) {
	if !v.IsObject() {
		return
	}
	v.v.GetObject().Visit(func(key []byte, value *fastjson.Value) {
		fn(bytesText(key), Value{value})
	})
}

// At follows the keys one after the other, as [Value.Get] does.
func (v Value) At(keys []string) Value { return Value{v.v.Get(keys...)} }

// bytesText returns the parser's bytes as a string without copying them: copying every
// text that the mapping looks at would double its cost. The bytes do not change
// before the message is released, and until then a Value may be used.
func bytesText(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // see above
}
