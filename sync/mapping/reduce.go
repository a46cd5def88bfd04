package mapping

import (
	"slices"
	"strconv"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
)

// node is one step down into the paths that are kept: an object's key, or an
// array's position.
type node struct {
	key      string
	place    int     // the key as a position; -1 if it is none
	leaf     bool    // a text, number or boolean is kept
	children []*node // sorted by key
	any      *node   // for keys and positions without a child; nil if these are not kept
	places   int     // how many elements of an array are kept
	products bool    // the products of an order, in any shape
	product  bool    // one of a list of these, perhaps as a JSON text
}

// keptPaths gathers every path that the mapping may read, except the ids and
// addresses, which reduce writes itself.
func keptPaths(table []line, customs customs, p *products) *node {
	root := &node{}
	for _, l := range table {
		if l.name == "EventDate" {
			continue // reduce keeps the one time that counts
		}
		for _, path := range l.paths {
			root.insert(compileSource(segment.MustPath(path)))
		}
	}
	root.insert(source{path: pathReferrerType})
	for name := range customs {
		if src := customs.get(name); src != nil {
			root.insert(*src)
		}
		if name == "EventDate" { // which must not be later than this
			root.grow("receivedAt").leaf = true
		}
	}
	for _, path := range otherProducts {
		root.insert(source{path: path})
	}
	list := root.grow(pathProducts.Keys()...)
	list.products, list.any, list.places = true, &node{}, MaxProducts+1 // one more, so that the mapping still sees that there were too many
	for _, child := range append(list.children, list.any) {
		child.product = true
		p.growIn(child)
	}
	p.growIn(list) // one product instead of a list
	return root
}

// growIn adds what is read of a product.
func (p *products) growIn(n *node) {
	for _, s := range p.steps() {
		for _, path := range s.paths {
			n.grow(path...).leaf = true
		}
	}
	n.grow("currency").leaf = true
}

func (n *node) insert(s source) {
	if s.as == plain {
		n.grow(s.path.Keys()...).leaf = true
	}
}

// grow returns the node of a path, creating it if needed.
func (n *node) grow(keys ...string) *node {
	for _, key := range keys {
		i, found := slices.BinarySearchFunc(n.children, key, func(c *node, key string) int { return strings.Compare(c.key, key) })
		if !found {
			place, err := strconv.Atoi(key)
			if err != nil {
				place = -1
			}
			n.children = slices.Insert(n.children, i, &node{key: key, place: place})
			n.places = max(n.places, place+1)
		}
		n = n.children[i]
	}
	return n
}

// child returns the node for a key or position, and whether it is for no other.
func (n *node) child(is func(*node) bool) (child *node, named bool) {
	if i := slices.IndexFunc(n.children, is); i >= 0 {
		return n.children[i], true
	}
	return n.any, false
}

// reduce appends the message with only what the mapping can read: the paths of
// the table and of the custom mappings, and what routing and ordering need.
// E-mail addresses are hashed or removed, empty texts are dropped, the timestamp is
// the time that counts, each text has at most 8 KiB, and one more than [MaxProducts]
// products are kept. [Mapper.Event] returns the same request for the result as for
// the message.
func (m *Mapper) reduce(dst []byte, msg *segment.Message) []byte {
	identity, hash := msg.Identity(), msg.EmailHash()
	dst = append(dst, `{"type":`...)
	dst = segment.AppendString(dst, m.keptType(msg))
	dst = appendField(dst, "messageId", messageKey(msg))
	dst = appendField(dst, "userId", identity.UserID)
	dst = appendField(dst, "anonymousId", identity.AnonymousID)
	keep := m.keep
	if m.productsOf(msg).own {
		keep = m.keepProduct
	}
	for _, child := range keep.children {
		if child.key != "traits" {
			dst = child.appendMember(dst, child.key, msg.Get(child.key))
		}
	}
	dst = appendField(dst, "timestamp", bounded(msg.TimeText()))
	dst = appendTraits(dst, hash, keep, msg.Get("traits"))
	return append(dst, '}')
}

// keptType returns the message's type, but not an unknown one, which may hold
// anything.
func (m *Mapper) keptType(msg *segment.Message) string {
	if m.Route(msg).Reason == "unknown_type" {
		return "unknown"
	}
	return msg.Type
}

// appendTraits writes the hash of the address and the traits that custom
// mappings read, or nothing.
func appendTraits(dst []byte, hash string, keep *node, traits segment.Value) []byte {
	before := len(dst)
	dst = append(appendKey(dst, "traits"), '{')
	start := len(dst)
	dst = appendField(dst, "email", hash)
	n, _ := keep.child(func(c *node) bool { return c.key == "traits" })
	if n != nil && traits.IsObject() {
		for _, child := range n.children {
			if child.key != "email" {
				dst = child.appendMember(dst, child.key, traits.Get(child.key))
			}
		}
	}
	if len(dst) == start {
		return dst[:before]
	}
	return append(dst, '}')
}

func appendField(dst []byte, key, value string) []byte {
	if value == "" {
		return dst
	}
	return segment.AppendString(appendKey(dst, key), value)
}

func appendKey(dst []byte, key string) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return append(segment.AppendString(dst, key), ':')
}

// appendMember writes what is kept of a value under its key, or nothing.
func (n *node) appendMember(dst []byte, key string, v segment.Value) []byte {
	if !v.Exists() {
		return dst
	}
	before := len(dst)
	dst = appendKey(dst, key)
	start := len(dst)
	if dst = n.append(dst, v); len(dst) == start {
		return dst[:before]
	}
	return dst
}

// append writes what is kept of a value, or nothing.
func (n *node) append(dst []byte, v segment.Value) []byte {
	switch {
	case n.any != nil && v.IsObject():
		return n.appendKeyed(dst, v)
	case v.IsObject():
		dst = append(dst, '{')
		for _, child := range n.children {
			dst = child.appendMember(dst, child.key, v.Get(child.key))
		}
		return append(dst, '}')
	case v.IsArray():
		return n.appendArray(dst, v)
	}
	return n.appendScalar(dst, v)
}

func (n *node) appendArray(dst []byte, v segment.Value) []byte {
	dst = append(dst, '[')
	for i := range min(v.Len(), n.places) {
		if i > 0 {
			dst = append(dst, ',')
		}
		start := len(dst)
		if child, _ := n.child(func(c *node) bool { return c.place == i }); child != nil && i < MaxProducts {
			dst = child.append(dst, v.Index(i))
		}
		if len(dst) == start {
			dst = append(dst, "null"...)
		}
	}
	return append(dst, ']')
}

// appendKeyed writes an object that is a product, or products by their keys.
func (n *node) appendKeyed(dst []byte, v segment.Value) []byte {
	start, products, lost := len(dst), 0, false
	dst = append(dst, '{')
	v.Each(func(key string, value segment.Value) {
		child, named := n.child(func(c *node) bool { return c.key == key })
		if value.IsObject() || value.IsArray() {
			if products++; products > MaxProducts+1 && !named {
				return
			}
		}
		before := len(dst)
		dst = child.appendMember(dst, segment.Redact(key), value)
		lost = lost || len(dst) == before && present(value)
	})
	if len(dst) == start+1 && lost {
		dst = append(dst, `"?":0`...) // not empty, but no products
	}
	return append(dst, '}')
}

// appendScalar writes booleans and numbers as they are, and texts as the mapping
// reads them. It drops empty texts, and reduces products that are a JSON text.
func (n *node) appendScalar(dst []byte, v segment.Value) []byte {
	if products, fault := n.wrapped(v); fault {
		return append(dst, `"?"`...) // which cannot be products either
	} else if products.Exists() {
		return segment.AppendString(dst, string(n.append(nil, products)))
	}
	if !n.leaf {
		return dst
	}
	text, ok := v.Str()
	if !ok {
		start := len(dst)
		if dst = v.AppendJSON(dst); len(dst)-start < maxValue {
			return dst
		}
		dst = dst[:start]
		text, _ = v.Text()
	}
	if text = bounded(text); text != "" {
		return segment.AppendString(dst, text)
	}
	return dst
}

// wrapped returns the products, or the product, in a JSON text.
func (n *node) wrapped(v segment.Value) (products segment.Value, fault bool) {
	switch {
	case n.products:
		return understood(v)
	case n.product:
		return unwrap(v), false
	}
	return segment.Value{}, false
}
