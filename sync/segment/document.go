package segment

import (
	"bytes"
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

	tooDeep bool
}

// node is a value. Those that it holds follow it.
type node struct {
	key, keyEnd uint32 // if it is a member of an object
	from, to    uint32 // the text of a number or string; the element of an array that was asked for last, and its node
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
	at := d.value(space(d.text, 0), 1)
	switch {
	case d.tooDeep:
		return Value{}, ErrTooDeep
	case at == invalid || space(d.text, at) != d.size:
		return Value{}, ErrInvalidJSON
	}
	return Value{doc: d}, nil
}

// space returns the position of the next character that is not white space: at the end,
// a zero.
func space(text []byte, at int) int {
	for text[at] <= ' ' && (text[at] == ' ' || text[at] == '\n' || text[at] == '\t' || text[at] == '\r') {
		at++
	}
	return at
}

// invalid is returned instead of a position for what is not JSON.
const invalid = -1

// value reads a value and returns the position after it.
func (d *document) value(at, depth int) int {
	if depth > maxDepth {
		d.tooDeep = true
		return invalid
	}
	i := len(d.nodes)
	if i == cap(d.nodes) {
		d.nodes = slices.Grow(d.nodes, 1)
	}
	d.nodes = d.nodes[:i+1]
	n := &d.nodes[i]
	*n = node{end: uint32(i + 1)}
	switch d.text[at] {
	case '{':
		n.kind = kindObject
		return d.contents(i, at, '}', depth)
	case '[':
		n.kind = kindArray
		return d.contents(i, at, ']', depth)
	case '"':
		n.kind, n.from = kindString, uint32(at+1)
		n.to, at = d.str(at + 1)
		return at
	}
	n.from = uint32(at)
	n.kind, at = d.scalar(at)
	n.to = uint32(at)
	return at
}

// contents reads the members of an object or the elements of an array.
func (d *document) contents(holder, at int, closing byte, depth int) int {
	text := d.text
	if at = space(text, at+1); text[at] == closing {
		return at + 1
	}
	for holds := uint32(1); ; holds++ {
		var key, keyEnd uint32
		if closing == '}' {
			if text[at] != '"' {
				return invalid
			}
			key = uint32(at + 1)
			if keyEnd, at = d.str(at + 1); at == invalid {
				return invalid
			}
			if at = space(text, at); text[at] != ':' {
				return invalid
			}
			at = space(text, at+1)
		}
		i := len(d.nodes)
		if at = d.value(at, depth+1); at == invalid {
			return invalid
		}
		d.nodes[i].key, d.nodes[i].keyEnd = key, keyEnd
		at = space(text, at)
		switch text[at] {
		case ',':
			at = space(text, at+1)
		case closing:
			d.nodes[holder].holds, d.nodes[holder].end = holds, uint32(len(d.nodes))
			return at + 1
		default:
			return invalid
		}
	}
}

// scalar reads a number, true, false or null.
func (d *document) scalar(at int) (kind, int) {
	rest := d.text[at:d.size]
	switch {
	case bytes.HasPrefix(rest, []byte("true")):
		return kindTrue, at + len("true")
	case bytes.HasPrefix(rest, []byte("false")):
		return kindFalse, at + len("false")
	case bytes.HasPrefix(rest, []byte("null")):
		return kindNull, at + len("null")
	}
	n := 0
	for n < len(rest) && ('0' <= rest[n] && rest[n] <= '9' || strings.IndexByte("-+.eE", rest[n]) >= 0) {
		n++
	}
	if n == 0 || n == 1 && (rest[0] == '-' || rest[0] == '+') {
		if len(rest) < n+3 {
			return 0, invalid
		}
		if s := string(rest[n : n+3]); !strings.EqualFold(s, "inf") && !strings.EqualFold(s, "nan") {
			return 0, invalid
		}
		n += 3
	}
	return kindNumber, at + n
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// zeros has the high bit of the lowest zero byte of a word set, and none below it.
func zeros(w uint64) uint64 { return (w - ones) &^ w & highs }

// str reads a string from its first character on. It returns the end of its text, and
// the position after the closing quote.
func (d *document) str(at int) (to uint32, after int) {
	for text := d.text; at < d.size; at += wordSize {
		w := binary.LittleEndian.Uint64(text[at:])
		special := zeros(w^ones*'"') | zeros(w^ones*'\\')
		if special == 0 {
			continue
		}
		at += bits.TrailingZeros64(special) / 8
		if text[at] == '\\' {
			return d.unescape(at)
		}
		return uint32(at), at + 1
	}
	return 0, invalid
}

// unescape reads the rest of a string, from its first backslash on.
func (d *document) unescape(at int) (to uint32, after int) {
	for end := at; at < d.size; {
		switch c := d.text[at]; c {
		case '"':
			return uint32(end), at + 1
		case '\\':
			at, end = d.escape(at, end)
		default:
			d.text[end] = c
			at, end = at+1, end+1
		}
	}
	return 0, invalid
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
// It goes on from the one asked for last, since arrays are gone through in order.
func (d *document) elementAt(array, index uint32) uint32 {
	n := &d.nodes[array]
	if n.to == 0 || index < n.from {
		n.from, n.to = 0, array+1
	}
	for ; n.from < index; n.from++ {
		n.to = d.nodes[n.to].end
	}
	return n.to
}
