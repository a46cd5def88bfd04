package mapping

import (
	"slices"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
)

// keptOfRefunds are words in the names of the properties that are kept of a message
// about a refund: what one of them means may be configured later.
var keptOfRefunds = append([]string{"tax", "shipping", "discount"}, howMuch...)

// isKeptOfRefunds reports whether a property is kept.
func isKeptOfRefunds(key string) bool {
	name := strings.ToLower(key)
	return !segment.HoldsEmail(key) && (saysHowMuch(key) || slices.ContainsFunc(keptOfRefunds, func(word string) bool {
		return strings.Contains(name, word) && !strings.HasSuffix(name, "id") && !strings.HasSuffix(name, "reason")
	}))
}

// reduceRefund returns a message about a refund without anything of the person.
func (m *Mapper) reduceRefund(msg *segment.Message, order string) []byte {
	dst := append(make([]byte, 0, 256), `{"type":"track"`...)
	dst = appendField(dst, "event", segment.Redact(bounded(msg.Event)))
	dst = appendField(dst, "messageId", messageKey(msg))
	dst = appendField(dst, "timestamp", bounded(msg.TimeText()))
	dst = append(appendKey(dst, "properties"), '{')
	dst = appendField(dst, "order_id", order)
	properties := msg.Lookup(pathProperties)
	for _, child := range m.refunds.kept.children {
		dst = child.appendMember(dst, child.key, properties.Get(child.key))
	}
	properties.Each(func(key string, v segment.Value) {
		if segment.HoldsEmail(key) && isHint(key, v) {
			// Without it, the order id would stand alone, which means the whole order.
			dst = appendField(dst, "refund", "?")
		}
		if slices.ContainsFunc(m.refunds.kept.children, func(c *node) bool { return c.key == key }) || !present(v) {
			return
		}
		switch {
		case isKeptOfRefunds(key):
			dst = m.appendNumber(appendKey(dst, key), v)
		case saysPartial(v) && !segment.HoldsEmail(key):
			dst = appendField(dst, key, partial)
		}
	})
	dst = appendField(dst, "currency", bounded(strings.TrimSpace(textOf(properties.Get("currency")))))
	if n, _ := m.keep.child(func(c *node) bool { return c.key == "properties" }); n != nil {
		if list, _ := n.child(func(c *node) bool { return c.key == "products" }); list != nil {
			dst = list.appendMember(dst, "products", properties.Get("products"))
		}
	}
	return append(dst, '}', '}')
}

// appendNumber writes a number or a boolean as it is. Of anything else it writes that
// it was there: it may be about the person.
func (m *Mapper) appendNumber(dst []byte, v segment.Value) []byte {
	text := textOf(v)
	switch _, isBool := v.Bool(); {
	case isBool || v.IsNumber():
		return v.AppendJSON(dst)
	case !v.IsObject() && !v.IsArray() && m.numberOf(v).plain != "":
		return segment.AppendString(dst, text)
	case v.IsObject() || v.IsArray():
		return append(dst, "{}"...)
	}
	return append(dst, `"?"`...)
}
