package mapping

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
)

// MaxProducts is how many products of an order can be sent as items. impact.com
// documents no cap on items, and a Segment message of 32 KB holds fewer.
const MaxProducts = 500

// products is the compiled product table.
type products struct {
	price, quantity, subTotal productStep
	others                    []productStep
	costs                     []cost
}

// steps returns all item parameters.
func (p *products) steps() []productStep {
	return append([]productStep{p.price, p.quantity, p.subTotal}, p.others...)
}

// cost is where a product may say what it costs.
type cost struct {
	path []string
	line bool // of all units
}

// productStep is one item parameter, without the item's number, and the paths in a
// product that feed it.
type productStep struct {
	step
	paths [][]string
}

// prepare compiles the table of products with customMappingForProducts.
func (p *products) prepare(customs map[string]string) error {
	paths, err := readMapping("customMappingForProducts", customs, productPath)
	for _, l := range productTable {
		var defaults [][]string
		for _, path := range l.paths {
			defaults = append(defaults, []string{path})
		}
		p.place(l.name, paths, defaults)
	}
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		if !slices.ContainsFunc(productTable, func(l line) bool { return l.name == name }) {
			p.place(name, paths, nil)
		}
	}
	if custom := paths["ItemSubTotal"]; custom != nil {
		p.costs = append(p.costs, cost{custom, true})
	}
	for _, path := range p.price.paths {
		p.costs = append(p.costs, cost{path, false})
	}
	for _, path := range p.subTotal.paths {
		p.costs = append(p.costs, cost{path, true})
	}
	return err
}

// place adds a parameter. Its custom path is tried before the defaults; a nil one
// removes it.
func (p *products) place(name string, paths map[string][]string, defaults [][]string) {
	s := productStep{step: newStep(name, nil)}
	switch custom, mapped := paths[name]; {
	case !mapped:
		s.paths = defaults
	case custom != nil:
		s.paths = append([][]string{custom}, defaults...)
	}
	switch name {
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

// productPath checks a line of customMappingForProducts and returns the
// parameter's documented spelling. An empty path, which removes the parameter, has
// no keys.
func productPath(name, path string) (canonical string, keys []string, err error) {
	canonical, p, known, meant := resolve(name)
	base, _, _ := strings.Cut(canonical, "_")
	switch {
	case known && !p.Item || !strings.HasPrefix(canonical, "Item") || strings.Trim(canonical, "Item") == "":
		return canonical, nil, fmt.Errorf("%q is not a parameter of items, such as ItemSku", name)
	case endsInDigit(base) || !known && endsInDigit(canonical) && meant == "":
		return canonical, nil, fmt.Errorf("%q: leave the item's number out", name)
	case meant != "":
		return canonical, nil, fmt.Errorf("%q is not a parameter; impact.com spells it %s", name, strings.ReplaceAll(meant, "[i]", ""))
	case path == "" && canonical == "ItemQuantity":
		return canonical, nil, errors.New("ItemQuantity cannot be left out: impact.com requires it with each item")
	case path == "":
		return canonical, nil, nil
	}
	parsed, err := segment.ParsePath(path)
	if err != nil {
		return canonical, nil, err
	}
	return canonical, parsed.Keys(), nil
}

func endsInDigit(s string) bool { return strings.TrimRight(s, "0123456789") != s }

// numbered puts an item's number into a name: ItemSku2, ItemText2_1.
func numbered(name string, item int) string {
	base, slot, found := strings.Cut(name, "_")
	if found {
		slot = "_" + slot
	}
	return base + strconv.Itoa(item) + slot
}

// first returns the first value that the product has on the step's paths, and its
// path.
func (s *productStep) first(product segment.Value) (v segment.Value, where string) {
	for _, path := range s.paths {
		if v := product.At(path); present(v) {
			return v, strings.Join(path, ".")
		}
	}
	return segment.Value{}, ""
}

// cost returns the first value that says what the product costs, and its path; line
// if that is for all units.
func (p *products) cost(product segment.Value) (v segment.Value, where string, line bool) {
	for _, c := range p.costs {
		if v := product.At(c.path); present(v) {
			return v, strings.Join(c.path, "."), c.line
		}
	}
	return segment.Value{}, "", false
}
