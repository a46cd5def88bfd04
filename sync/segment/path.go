package segment

import (
	"fmt"
	"slices"
	"strings"
)

// Path is a parsed dotted path into a message, for example
// "properties.order_id" or "properties.products.0.sku". The zero Path is the
// message itself.
type Path struct {
	text string
	keys []string
	top  topKey // the first key
}

// ParsePath parses a dotted path. Keys are case-sensitive; a key that itself holds a
// dot cannot be addressed; in an array, a number is a position, from 0.
func ParsePath(text string) (Path, error) {
	keys := strings.Split(text, ".")
	if slices.Contains(keys, "") {
		return Path{}, fmt.Errorf("read path %q: an empty name; write it like properties.order_id", text)
	}
	return Path{text: text, keys: keys, top: topKeyOf(keys[0])}, nil
}

// MustPath is [ParsePath] for paths in the code; it panics if the path is invalid.
func MustPath(text string) Path {
	p, err := ParsePath(text)
	if err != nil {
		panic(err)
	}
	return p
}

// String returns the path as it was written.
func (p Path) String() string { return p.text }

// Keys returns the parts of the path, from the top of the message.
func (p Path) Keys() []string { return slices.Clone(p.keys) }
