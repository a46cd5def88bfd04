package sqlite

// int add_pack(void);
import "C"

import "encoding/binary"

// The SQL function pack(...) returns the values of all rows as one blob: the way from
// SQLite to Go costs several times what a row itself does. Every connection of this
// process has the function. In the blob, each value begins with a byte for its type:
//
//	n     NULL
//	0, 1  that integer
//	i     any other integer: its eight bytes follow
//	t     anything else, as a text: four bytes for its length and the text follow
//
// Numbers have the machine's byte order.
func init() {
	if C.add_pack() != 0 {
		panic("sqlite: the function pack cannot be added")
	}
}

// Packed is what is still to be read of a result of pack.
type Packed string

// Value is one of its values.
type Value struct {
	Type Type
	Int  int64
	Text string
}

// Type is the type of a [Value].
type Type byte

// The types. Whatever is neither NULL nor an integer is a text.
const (
	Null Type = iota
	Integer
	Text
)

// Next fills values with the next ones, and reports whether that many were left. If not,
// p does not move on. The texts share p's memory.
func (p *Packed) Next(values []Value) bool {
	const ofInt, ofLength = 1 + 8, 1 + 4
	left := string(*p)
	for i := range values {
		if left == "" {
			return false
		}
		v, size := Value{}, 1
		switch left[0] {
		case 'n':
		case '0', '1':
			v.Type, v.Int = Integer, int64(left[0]-'0')
		case 'i':
			if size = ofInt; len(left) < size {
				return false
			}
			v.Type, v.Int = Integer, int64(binary.NativeEndian.Uint64([]byte(left[1:size])))
		case 't':
			if len(left) < ofLength {
				return false
			}
			if size = ofLength + int(binary.NativeEndian.Uint32([]byte(left[1:ofLength]))); len(left) < size {
				return false
			}
			v.Type, v.Text = Text, left[ofLength:size]
		default:
			return false
		}
		values[i], left = v, left[size:]
	}
	*p = Packed(left)
	return true
}
