package segment

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// document is a parsed JSON text: all its values, in the order of the text. It holds no
// pointers, so the garbage collector passes it over, and parsing allocates nothing once
// it has grown to the size of the usual text.
type document struct {
	text  []byte // strings lose their escapes in it; there is room for a word after it
	size  int
	nodes []node
	at    int // how far the text is parsed

	// The element of an array that was asked for last: arrays are gone through in order.
	array, index, element uint32
}

// node is a value. Those that it holds follow it.
type node struct {
	key, keyEnd uint32 // if it is a member of an object
	from, to    uint32 // the text of a number or string
	holds       uint32 // how many elements or members
	end         uint32 // the number of the node after it and all that it holds
	kind        kind
}

type kind uint8

const (
	kindNull kind = iota + 1
	kindTrue
	kindFalse
	kindNumber
	kindString
	kindArray
	kindObject
)

const (
	maxDepth = 300 // of values in values
	wordSize = 8
)

// parse reads a text, which is copied. It accepts more than JSON, because some senders
// write more: NaN and infinity, numbers of any form, control characters in strings. What
// is no escape stays as it is; half a character becomes U+FFFD. The error is
// [ErrInvalidJSON] or [ErrTooDeep].
func (d *document) parse(text []byte) (Value, error) {
	if len(text) > math.MaxUint32-wordSize {
		return Value{}, ErrInvalidJSON
	}
	var room [wordSize]byte
	d.text = append(append(d.text[:0], text...), room[:]...)
	*d = document{text: d.text, size: len(text), nodes: d.nodes[:0]}
	if err := d.value(1); err != nil {
		return Value{}, err
	}
	if d.peek(); d.at != d.size {
		return Value{}, ErrInvalidJSON
	}
	return Value{doc: d}, nil
}

// peek returns the next character that is not white space: zero at the end.
func (d *document) peek() byte {
	for {
		switch c := d.text[d.at]; c {
		case ' ', '\n', '\t', '\r':
			d.at++
		default:
			return c
		}
	}
}

func (d *document) value(depth int) error {
	if depth > maxDepth {
		return ErrTooDeep
	}
	i := len(d.nodes)
	if i == cap(d.nodes) {
		d.nodes = slices.Grow(d.nodes, 1)
	}
	d.nodes = d.nodes[:i+1]
	d.nodes[i] = node{end: uint32(i + 1)}
	switch c := d.peek(); c {
	case '{':
		d.nodes[i].kind = kindObject
		return d.all(i, '}', depth)
	case '[':
		d.nodes[i].kind = kindArray
		return d.all(i, ']', depth)
	case '"':
		from, to, ok := d.str()
		if !ok {
			return ErrInvalidJSON
		}
		n := &d.nodes[i]
		n.kind, n.from, n.to = kindString, from, to
		return nil
	}
	n := &d.nodes[i]
	n.from = uint32(d.at)
	if n.kind = d.scalar(); n.kind == 0 {
		return ErrInvalidJSON
	}
	n.to = uint32(d.at)
	return nil
}

// all reads the members of an object or the elements of an array.
func (d *document) all(holder int, closing byte, depth int) error {
	d.at++
	if d.peek() == closing {
		d.at++
		return nil
	}
	for holds := uint32(1); ; holds++ {
		var key, keyEnd uint32
		if closing == '}' {
			if d.peek() != '"' {
				return ErrInvalidJSON
			}
			var ok bool
			if key, keyEnd, ok = d.str(); !ok || d.peek() != ':' {
				return ErrInvalidJSON
			}
			d.at++
		}
		i := len(d.nodes)
		if err := d.value(depth + 1); err != nil {
			return err
		}
		d.nodes[i].key, d.nodes[i].keyEnd = key, keyEnd
		c := d.peek()
		d.at++
		switch c {
		case ',':
		case closing:
			d.nodes[holder].holds, d.nodes[holder].end = holds, uint32(len(d.nodes))
			return nil
		default:
			return ErrInvalidJSON
		}
	}
}

// scalar reads a number, true, false or null; zero if there is none.
func (d *document) scalar() kind {
	rest := d.text[d.at:d.size]
	for _, w := range [...]struct {
		text string
		kind kind
	}{{"true", kindTrue}, {"false", kindFalse}, {"null", kindNull}} {
		if len(rest) >= len(w.text) && string(rest[:len(w.text)]) == w.text {
			d.at += len(w.text)
			return w.kind
		}
	}
	n := 0
	for n < len(rest) && ('0' <= rest[n] && rest[n] <= '9' || strings.IndexByte("-+.eE", rest[n]) >= 0) {
		n++
	}
	if n == 0 || n == 1 && (rest[0] == '-' || rest[0] == '+') {
		if len(rest) < n+3 {
			return 0
		}
		if s := string(rest[n : n+3]); !strings.EqualFold(s, "inf") && !strings.EqualFold(s, "nan") {
			return 0
		}
		n += 3
	}
	d.at += n
	return kindNumber
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// zeros has the high bit of the lowest zero byte of a word set, and none below it.
func zeros(w uint64) uint64 { return (w - ones) &^ w & highs }

// str reads a string and returns where its text is.
func (d *document) str() (from, to uint32, ok bool) {
	at := d.at + 1
	from = uint32(at)
	for ; at < d.size; at += wordSize {
		w := binary.LittleEndian.Uint64(d.text[at:])
		special := zeros(w^ones*'"') | zeros(w^ones*'\\')
		if special == 0 {
			continue
		}
		at += bits.TrailingZeros64(special) / 8
		if d.text[at] == '\\' {
			to, ok = d.unescape(at)
			return from, to, ok
		}
		d.at = at + 1
		return from, uint32(at), true
	}
	return 0, 0, false
}

// unescape reads the rest of a string, from its first backslash on.
func (d *document) unescape(at int) (to uint32, ok bool) {
	for end := at; at < d.size; {
		switch c := d.text[at]; c {
		case '"':
			d.at = at + 1
			return uint32(end), true
		case '\\':
			at, end = d.escape(at, end)
		default:
			d.text[end] = c
			at, end = at+1, end+1
		}
	}
	return 0, false
}

// escape writes what an escape stands for. It returns the positions after both.
func (d *document) escape(at, end int) (after, written int) {
	const letters, meant = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	c := d.text[at+1]
	if i := strings.IndexByte(letters, c); i >= 0 {
		d.text[end] = meant[i]
		return at + 2, end + 1
	}
	r, ok := d.unit(at)
	if !ok { // no escape
		d.text[end], d.text[end+1] = '\\', c
		return at + 2, end + 2
	}
	at += escapeSize
	if utf16.IsSurrogate(r) {
		low, _ := d.unit(at)
		if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
			at += escapeSize
		}
	}
	return at, len(utf8.AppendRune(d.text[:end], r))
}

const escapeSize = len(`\ud83d`)

// unit reads an escape such as \u00e9.
func (d *document) unit(at int) (rune, bool) {
	if at+escapeSize > d.size || d.text[at] != '\\' || d.text[at+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(d.text[at+2:at+escapeSize]), 16, 16)
	return rune(n), err == nil
}

// member returns the number of the node of an object's first member of a key; zero, the
// number of the whole document, if there is none.
func (d *document) member(object uint32, key string) uint32 {
	end := d.nodes[object].end
	for i := object + 1; i < end; i = d.nodes[i].end {
		n := &d.nodes[i]
		if int(n.keyEnd-n.key) == len(key) && string(d.text[n.key:n.keyEnd]) == key {
			return i
		}
	}
	return 0
}

// elementAt returns the number of the node of an array's element, which has to be one.
func (d *document) elementAt(array, index uint32) uint32 {
	if d.array != array || d.index > index || d.element == 0 {
		d.array, d.index, d.element = array, 0, array+1
	}
	for ; d.index < index; d.index++ {
		d.element = d.nodes[d.element].end
	}
	return d.element
}
