package segment

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// AppendJSON appends the value in a canonical form: no white space, keys sorted, only
// the first of equal keys, as few escapes as JSON allows. Two encodings of the same
// message have the same form. What the parser took for a number although JSON has no
// such number (NaN) is written as a string.
func (v Value) AppendJSON(dst []byte) []byte {
	switch {
	case !v.Exists():
		return append(dst, "null"...)
	case v.IsObject():
		return v.appendObject(dst)
	case v.IsArray():
		return v.appendArray(dst)
	case v.IsNumber():
		start := len(dst)
		if dst = append(dst, v.text()...); json.Valid(dst[start:]) {
			return dst
		}
		dst = dst[:start]
	}
	text, _ := v.Text()
	if _, ok := v.Bool(); ok {
		return append(dst, text...)
	}
	return AppendString(dst, text)
}

type member struct {
	key   string
	value Value
}

func (v Value) appendObject(dst []byte) []byte {
	members := make([]member, 0, v.Len())
	v.Each(func(key string, value Value) { members = append(members, member{key, value}) })
	slices.SortStableFunc(members, func(a, b member) int { return strings.Compare(a.key, b.key) })
	members = slices.CompactFunc(members, func(a, b member) bool { return a.key == b.key })
	dst = append(dst, '{')
	for i, m := range members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendString(dst, m.key), ':')
		dst = m.value.AppendJSON(dst)
	}
	return append(dst, '}')
}

func (v Value) appendArray(dst []byte) []byte {
	dst = append(dst, '[')
	for i := range v.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = v.Index(i).AppendJSON(dst)
	}
	return append(dst, ']')
}

// AppendString appends s as a JSON string.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		if c >= 0x20 {
			dst = append(dst, '\\', c)
		} else {
			dst = fmt.Appendf(dst, `\u%04x`, c)
		}
		start = i + 1
	}
	return append(append(dst, s[start:]...), '"')
}
