package mapping

import (
	"slices"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
)

var pathProducts = segment.MustPath("properties.products")

// productList is the products of an order.
type productList struct {
	array segment.Value
	some  []segment.Value // if it is not an array
	own   bool            // the order's own properties are its one product
	fault string          // why what is there cannot be products
}

func (l *productList) len() int { return max(l.array.Len(), len(l.some)) }

func (l *productList) at(i int) segment.Value {
	if l.some != nil {
		return l.some[i]
	}
	if v := l.array.Index(i); v.IsObject() {
		return v
	}
	return unwrap(l.array.Index(i))
}

// unwrap reads a product that is a JSON text.
func unwrap(v segment.Value) segment.Value {
	text, _ := v.Str()
	if product, ok := segment.ParseText(text); ok {
		return product
	}
	return segment.Value{}
}

const notUnderstood = "properties.products is not understood: neither a list of products, nor a product, nor an object of products, nor any of these as JSON text"

// productsOf finds an order's products: a list, one product, or products by key,
// each of them also as a JSON text; or, if the order has no sum, one product whose
// price is among the order's own properties.
func (m *Mapper) productsOf(msg *segment.Message) productList {
	if list, found := m.listed(msg); found {
		return list
	}
	if m.isOneProduct(msg) {
		return productList{some: []segment.Value{msg.Lookup(pathProperties)}, own: true}
	}
	if fault := m.elsewhere(msg); fault != "" {
		return productList{fault: fault}
	}
	return productList{}
}

// otherProducts are where other tools keep an order's products. No document of
// Segment or impact.com names these paths, so they are not read; but they
// distinguish an order whose money would be lost from one that has none.
var otherProducts = [...]segment.Path{
	segment.MustPath("properties.items.0.price"), segment.MustPath("properties.line_items.0.price"), segment.MustPath("properties.lineItems.0.price"),
}

// elsewhere returns a fault if an order has prices only where they are not read.
func (m *Mapper) elsewhere(msg *segment.Message) (fault string) {
	if !isConversion(m.Route(msg).Kind) || m.ownTotal || hasSum(msg) {
		return ""
	}
	for _, path := range otherProducts {
		if present(msg.Lookup(path)) {
			return "the order's money is in " + strings.TrimSuffix(path.String(), ".0.price") + ", which is not read: send properties.products, or a sum such as properties.revenue"
		}
	}
	return ""
}

func hasSum(msg *segment.Message) bool {
	properties := msg.Lookup(pathProperties)
	return slices.ContainsFunc(sums[:], func(key string) bool { return present(properties.Get(key)) })
}

// listed returns the products in properties.products, if there are any.
func (m *Mapper) listed(msg *segment.Message) (list productList, found bool) {
	v, fault := understood(msg.Lookup(pathProducts))
	switch {
	case fault:
		return productList{fault: notUnderstood}, true
	case v.IsArray():
		return productList{array: v}, v.Len() > 0
	case !v.IsObject():
		return productList{}, false
	case m.products.isProduct(v):
		return productList{some: []segment.Value{v}}, true
	}
	some, others := productsByKey(v)
	if len(some) == 0 && others > 0 {
		return productList{fault: notUnderstood}, true
	}
	return productList{some: some}, len(some) > 0
}

// understood reads products that are a JSON text. Anything else is a fault, except a
// word for nothing.
func understood(v segment.Value) (products segment.Value, fault bool) {
	if !v.Exists() || v.IsArray() || v.IsObject() {
		return v, false
	}
	raw, _ := v.Text()
	const lost = "[object" // how JavaScript writes an object as text
	switch parsed, ok := segment.ParseText(raw); {
	case ok:
		return parsed, false
	case strings.HasPrefix(strings.TrimSpace(raw), lost):
		return segment.Value{}, true
	default:
		return segment.Value{}, !segment.IsPlaceholder(raw)
	}
}

// isProduct reports whether an object is one product, not several by key.
func (p *products) isProduct(v segment.Value) bool {
	for _, s := range p.steps() {
		if value, _ := s.first(v); present(value) {
			return true
		}
	}
	return false
}

// priced reports whether a product says what it costs.
func (p *products) priced(v segment.Value) bool {
	value, _, _ := p.cost(v)
	return present(value)
}

// productsByKey returns the objects and lists in an object, and how many other
// values it has.
func productsByKey(v segment.Value) (some []segment.Value, others int) {
	v.Each(func(_ string, value segment.Value) {
		switch {
		case value.IsObject() || value.IsArray():
			some = append(some, value)
		case present(value):
			others++
		}
	})
	return some, others
}

var pathProperties = segment.MustPath("properties")

// isOneProduct reports whether only the price of one product, among the order's own
// properties, says what the order is worth.
func (m *Mapper) isOneProduct(msg *segment.Message) bool {
	return isConversion(m.Route(msg).Kind) && !m.ownTotal && !hasSum(msg) && m.products.priced(msg.Lookup(pathProperties))
}
