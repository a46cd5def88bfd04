package mapping

import (
	"slices"
	"strconv"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
)

// node is one step down into the paths that are kept.
type node struct {
	key      string
	label    string // the key as JSON, with its colon
	leaf     bool
	children []*node
	item     *node // of an array's elements
	items    int   // how many of them
	products bool  // of an order, in any shape
	product  bool  // one of a list of these
}

// keptPaths gathers every path that the mapping may read, beside the ids and
// addresses, which Reduce writes itself.
func keptPaths(table []line, customs map[string]source, p *products) *node {
	root := &node{}
	for _, l := range table {
		if l.name == "EventDate" {
			continue // Reduce keeps the one time that counts
		}
		for _, path := range l.paths {
			root.insert(compileSource(segment.MustPath(path)))
		}
	}
	root.insert(source{path: pathReferrerType})
	for name, src := range customs {
		if !src.removed {
			root.insert(src)
		}
		if name == "EventDate" { // which is held against it
			root.insert(compileSource(segment.MustPath("receivedAt")))
		}
	}
	for _, path := range otherProducts {
		root.insert(compileSource(path))
	}
	list := root.grow([]string{"properties", "products"})
	list.items = MaxProducts + 1 // one more, so that the mapping still sees there were too many
	if list.item == nil {
		list.item = &node{}
	}
	list.products = true
	for _, child := range list.children {
		p.growIn(child) // products by their keys, of which a custom mapping reads one
	}
	list.item.product = true
	p.growIn(list.item)
	p.growIn(list) // one product
	root.sort()
	return root
}

// growIn adds what is read of a product.
func (p *products) growIn(n *node) {
	for _, s := range append([]productStep{p.price, p.quantity, p.subTotal}, p.others...) {
		for _, path := range s.paths {
			n.grow(path).leaf = true
		}
	}
	n.grow([]string{"currency"}).leaf = true
}

func (n *node) insert(s source) {
	if s.as == plain {
		n.grow(s.path.Keys()).leaf = true
	}
}

// grow makes the nodes of a path. A number may be a key of an object or a
// place in an array; both are kept.
func (n *node) grow(keys []string) *node {
	if len(keys) == 0 {
		return n
	}
	if place, err := strconv.Atoi(keys[0]); err == nil && place >= 0 {
		if n.item == nil {
			n.item = &node{}
		}
		n.items = max(n.items, place+1)
		n.item.grow(keys[1:]).leaf = true
	}
	i := slices.IndexFunc(n.children, func(c *node) bool { return c.key == keys[0] })
	if i < 0 {
		i = len(n.children)
		n.children = append(n.children, &node{key: keys[0], label: string(append(segment.AppendString(nil, keys[0]), ':'))})
	}
	return n.children[i].grow(keys[1:])
}

func (n *node) sort() {
	slices.SortFunc(n.children, func(a, b *node) int { return strings.Compare(a.key, b.key) })
	for _, child := range n.children {
		child.sort()
	}
	if n.item != nil {
		n.item.sort()
	}
}

// reduce writes the message with only what the mapping can read: the paths of
// the table and of the custom mappings, and what routing and ordering need.
// E-mail addresses are hashed or cut out, empty texts are left out, the time that
// counts stands as the timestamp, each text is at most 8 KiB, and of the products one more
// than [MaxProducts] are kept. [Mapper.Event]
// of the result returns the very request that it returns of the message.
func (m *Mapper) reduce(msg *segment.Message) []byte {
	identity := msg.Identity()
	dst := append(make([]byte, 0, min(msg.Size(), maxValue)), `{"type":`...)
	dst = segment.AppendString(dst, m.keptType(msg))
	dst = appendField(dst, "messageId", messageKey(msg))
	dst = appendField(dst, "userId", identity.UserID)
	dst = appendField(dst, "anonymousId", identity.AnonymousID)
	hash := msg.EmailHash()
	keep := m.keep
	if m.isOneProduct(msg) {
		if _, listed := m.listed(msg); !listed {
			keep = m.keepProduct
		}
	}
	for _, child := range keep.children {
		if child.key == "traits" {
			continue
		}
		if v := msg.Get(child.key); v.Exists() {
			dst = appendKept(dst, child, v)
		}
	}
	dst = appendField(dst, "timestamp", bounded(msg.TimeText()))
	dst = m.appendTraits(dst, hash, msg.Get("traits"))
	return append(dst, '}')
}

// keptType is the message's type; one that is not known may hold anything.
func (m *Mapper) keptType(msg *segment.Message) string {
	if m.Route(msg).Reason == "unknown_type" {
		return "unknown"
	}
	return msg.Type
}

// appendTraits writes the hash of the address and the traits that custom
// mappings read.
func (m *Mapper) appendTraits(dst []byte, hash string, traits segment.Value) []byte {
	before := len(dst)
	dst = append(appendKey(dst, "traits"), '{')
	start := len(dst)
	dst = appendField(dst, "email", hash)
	for _, n := range m.keep.children {
		if n.key != "traits" || !traits.IsObject() {
			continue
		}
		for _, child := range n.children {
			if v := traits.Get(child.key); v.Exists() && child.key != "email" {
				dst = appendKept(dst, child, v)
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
	return append(segment.AppendString(appendComma(dst), key), ':')
}

func appendComma(dst []byte) []byte {
	if dst[len(dst)-1] == '{' {
		return dst
	}
	return append(dst, ',')
}

// appendKept writes what is kept of a value under its key, or nothing.
func appendKept(dst []byte, n *node, v segment.Value) []byte {
	if before := len(dst); v.IsObject() || v.IsArray() || n.leaf || n.products {
		dst = append(appendComma(dst), n.label...)
		start := len(dst)
		if dst = n.appendValue(dst, v); len(dst) > start {
			return dst
		}
		return dst[:before]
	}
	return dst
}

func (n *node) appendValue(dst []byte, v segment.Value) []byte {
	switch {
	case n.products:
		return n.appendProducts(dst, v)
	case n.product && !v.IsObject() && !v.IsArray():
		return n.appendWrapped(dst, v)
	case v.IsObject():
		dst = append(dst, '{')
		for _, child := range n.children {
			if c := v.Get(child.key); c.Exists() {
				dst = appendKept(dst, child, c)
			}
		}
		return append(dst, '}')
	case v.IsArray():
		return n.appendArray(dst, v)
	case !n.leaf:
		return dst
	}
	return appendScalar(dst, v)
}

func (n *node) appendArray(dst []byte, v segment.Value) []byte {
	dst = append(dst, '[')
	for i := range min(v.Len(), n.items) {
		if i > 0 {
			dst = append(dst, ',')
		}
		start := len(dst)
		if n.item != nil && i < MaxProducts {
			dst = n.item.appendValue(dst, v.Index(i))
		}
		if len(dst) == start {
			dst = append(dst, "null"...)
		}
	}
	return append(dst, ']')
}

// appendScalar keeps booleans and numbers as such; texts as the mapping reads
// them, to which an empty one is none.
func appendScalar(dst []byte, v segment.Value) []byte {
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
