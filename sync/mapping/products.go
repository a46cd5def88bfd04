package mapping

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/segment"
)

// MaxProducts is how many products of an order are looked at. impact.com
// documents no cap on items, and a Segment message of 32 KB holds fewer.
const MaxProducts = 500

// products is the compiled product table.
type products struct {
	price, quantity, subTotal productStep
	others                    []productStep
}

// productStep is one item parameter: its name for each number, and where in a
// product it stands.
type productStep struct {
	step
	paths [][]string
	names []string // of the first items
}

// readyNames is for how many items names are made beforehand.
const readyNames = 64

func (p *products) prepare(customs map[string]string) error {
	lines := map[string]bool{}
	var problems []error
	paths := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(customs)) {
		keys, err := productPath(name, customs[name])
		if err != nil {
			problems = append(problems, fmt.Errorf("destination.customMappingForProducts: %w", err))
		}
		paths[name] = keys
	}
	for _, l := range productTable {
		lines[l.name] = true
		s := newProductStep(l.name, paths[l.name])
		for _, path := range l.paths {
			s.paths = append(s.paths, []string{path})
		}
		p.place(s)
	}
	for _, name := range slices.Sorted(maps.Keys(customs)) {
		if !lines[name] {
			p.place(newProductStep(name, paths[name]))
		}
	}
	return errors.Join(problems...)
}

// productPath checks a line of customMappingForProducts.
func productPath(name, path string) ([]string, error) {
	base, _, _ := strings.Cut(name, "_")
	family, known := impactapi.Family(base)
	switch {
	case known && !family.Item || !strings.HasPrefix(name, "Item") || strings.Trim(name, "Item") == "":
		return nil, fmt.Errorf("%q is no item's parameter, such as ItemSku", name)
	case known && (family.Slots > 0) != (base != name):
		return nil, fmt.Errorf("%q is written %s", name, strings.ReplaceAll(family.Pattern(), "[i]", ""))
	case !known && name[len(name)-1] >= '0' && name[len(name)-1] <= '9':
		return nil, fmt.Errorf("%q: leave the item's number out", name)
	}
	if _, ok := impactapi.Lookup(impactapi.Conversions, numbered(name, 1)); known && !ok {
		return nil, fmt.Errorf("%q is written %s", name, strings.ReplaceAll(family.Pattern(), "[i]", ""))
	}
	parsed, err := segment.ParsePath(path)
	if err != nil {
		return nil, err
	}
	return parsed.Keys(), nil
}

func newProductStep(name string, custom []string) productStep {
	p, _ := lookupAny(numbered(name, 1))
	s := productStep{step: step{name: name, kind: p.Type, maxLen: p.MaxLen}}
	if custom != nil {
		s.paths = append(s.paths, custom)
	}
	for i := range readyNames {
		s.names = append(s.names, numbered(name, i+1))
	}
	return s
}

// numbered puts an item's number into a name: ItemSku2, ItemText2_1.
func numbered(name string, item int) string {
	base, slot, found := strings.Cut(name, "_")
	if found {
		slot = "_" + slot
	}
	return base + strconv.Itoa(item) + slot
}

func (p *products) place(s productStep) {
	switch s.name {
	case "ItemPrice":
		p.price = s
	case "ItemQuantity":
		p.quantity = s
	case "ItemSubTotal":
		p.subTotal = s
	default:
		p.others = append(p.others, s)
	}
}

var pathProducts = segment.MustPath("properties.products")

// addProducts adds the items, numbered from 1 without gaps.
func (b *build) addProducts(*step) {
	list := b.msg.Lookup(pathProducts)
	if !list.IsArray() {
		return
	}
	count := list.Len()
	if count > MaxProducts {
		b.note(NoteProducts, "ItemSku")
		count = MaxProducts
	}
	for i := range count {
		if !b.product(list.Index(i)) {
			b.note(NoteProduct, "ItemPrice")
		}
	}
}

// product adds one item, or nothing if it has no usable price: a price and a
// quantity, or a subtotal, never both.
func (b *build) product(v segment.Value) bool {
	p := &b.mapper.products
	item := b.items + 1
	switch worth := p.worth(v); {
	case !v.IsObject() || !worth.ok:
		return false
	case worth.whole > 0:
		b.buf = appendCents(b.buf, worth.cents)
		b.addItem(&p.price, item)
		b.buf = strconv.AppendInt(b.buf, worth.whole, 10)
		b.addItem(&p.quantity, item)
	default:
		b.buf = appendCents(b.buf, worth.cents)
		b.addItem(&p.subTotal, item)
	}
	b.items = item
	for i := range p.others {
		s := &p.others[i]
		for _, path := range s.paths {
			if b.putItem(s, item, textOf(v.At(path))) {
				break
			}
		}
	}
	return true
}

// worth is a product's price and whole quantity, or its subtotal where whole
// is 0.
type worth struct {
	cents, whole int64
	ok           bool
}

func (p *products) worth(v segment.Value) worth {
	if text := p.subTotal.text(v); text != "" {
		cents, ok := parseCents(text)
		return worth{cents: cents, ok: ok && cents >= 0}
	}
	cents, ok := parseCents(p.price.text(v))
	if !ok || cents < 0 {
		return worth{}
	}
	text := p.quantity.text(v)
	if text == "" {
		text = "1"
	}
	quantity, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(quantity > 0 && quantity < 1e9) {
		return worth{}
	}
	if whole := int64(quantity); float64(whole) == quantity {
		return worth{cents: cents, whole: whole, ok: true}
	}
	cents, ok = multiply(cents, quantity)
	return worth{cents: cents, ok: ok}
}

// text is the first text that the product has on the step's paths.
func (s *productStep) text(v segment.Value) string {
	for _, path := range s.paths {
		if text := textOf(v.At(path)); text != "" {
			return text
		}
	}
	return ""
}

func (b *build) putItem(s *productStep, item int, text string) bool {
	if !b.put(&s.step, text) {
		return false
	}
	b.params[len(b.params)-1].Name = s.numbered(item)
	return true
}

func (b *build) addItem(s *productStep, item int) {
	b.added(&s.step)
	b.params[len(b.params)-1].Name = s.numbered(item)
}

func (s *productStep) numbered(item int) string {
	if item <= len(s.names) {
		return s.names[item-1]
	}
	return numbered(s.name, item)
}
