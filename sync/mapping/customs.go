package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/segment"
)

// customs is customParameterMapping by the preferred names of the parameters.
type customs map[string]source

// get returns the source of a parameter; nil if it has none or is removed.
func (c customs) get(name string) *source {
	if src, mapped := c[name]; mapped && !src.removed {
		return &src
	}
	return nil
}

// total reports whether a custom mapping says what an order is worth.
func (c customs) total() bool {
	for name := range c {
		if rules[name]&orderTotal != 0 && c.get(name) != nil {
			return true
		}
	}
	return false
}

// readMapping reads and checks a mapping of the settings, each line with read, which
// returns the preferred name of the parameter.
func readMapping[T any](setting string, mapping map[string]string, read func(name, path string) (string, T, error)) (map[string]T, error) {
	all := map[string]T{}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(mapping)) {
		canonical, value, err := read(name, mapping[name])
		if _, twice := all[canonical]; twice && err == nil {
			err = fmt.Errorf("%s is mapped twice", canonical)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("destination.%s: %w", setting, err))
			continue
		}
		all[canonical] = value
	}
	return all, errors.Join(problems...)
}

// customSource reads one line of customParameterMapping. An empty path removes the
// parameter.
func customSource(name, path string) (canonical string, src source, err error) {
	name, p, known, meant := resolve(name)
	canonical = cmp.Or(p.AliasOf, name)
	switch {
	case canonical == "CampaignId":
		err = errors.New("CampaignId cannot be mapped; set destination.campaignId")
	case p.Item:
		err = fmt.Errorf("%s belongs to a product; map it under customMappingForProducts without its number", name)
	case !known && (name == "" || len(name) > 255 || segment.HoldsEmail(name)):
		err = errors.New("a parameter's name is empty, too long or an e-mail address")
	case !known && meant != "":
		err = fmt.Errorf("%q is not a parameter; impact.com spells it %s", name, meant)
	case path == "" && rules[canonical]&required != 0:
		err = fmt.Errorf("%s cannot be left out: impact.com requires it; give it a path or remove the line", canonical)
	case path == "":
		return canonical, source{removed: true}, nil
	}
	if err != nil {
		return canonical, src, err
	}
	src, err = newSource(path)
	return canonical, src, err
}

// resolve finds the documented parameter of a name that is written in any case, an
// item's without the item's number. It returns its documented spelling. For a name
// that no document has, it returns what was probably meant, if anything: it differs
// only in underscores or numbers. Other names are let through, for accounts that
// have parameters of their own.
func resolve(name string) (spelling string, p impactapi.Parameter, known bool, meant string) {
	if p, known := lookup(name); known {
		return name, p, true, ""
	}
	number := strings.IndexAny(name+"0", "_0123456789")
	for _, p := range impactapi.Catalogue() {
		sameBase := strings.EqualFold(p.Name, name[:number])
		if sameBase {
			spelling = p.Name + name[number:]
			if p, known := lookup(spelling); known {
				return spelling, p, true, ""
			}
			if p, known := lookup(numbered(spelling, 1)); known && p.Item {
				return spelling, p, true, ""
			}
		}
		if sameBase && p.Item || strings.EqualFold(p.Name, strings.ReplaceAll(name, "_", "")) {
			meant = p.Pattern()
		}
	}
	return name, impactapi.Parameter{Type: impactapi.Text, MaxLen: 255}, false, meant
}

// lookup finds a parameter on either endpoint by its exact name.
func lookup(name string) (p impactapi.Parameter, known bool) {
	if p, known = impactapi.Lookup(impactapi.Conversions, name); !known {
		p, known = impactapi.Lookup(impactapi.PageLoads, name)
	}
	return p, known
}

// newSource reads a path of the settings.
func newSource(path string) (source, error) {
	parsed, err := segment.ParsePath(path)
	if err != nil {
		return source{}, err
	}
	keys := parsed.Keys()
	switch keys[0] {
	case "context", "properties", "traits", "integrations":
		if len(keys) == 1 {
			return source{}, fmt.Errorf("path %q names a whole object; name a key in it", path)
		}
	}
	if path == pathProducts.String() {
		return source{}, fmt.Errorf("path %q names all products; name a key of one, such as %s.0.sku", path, path)
	}
	for _, key := range keys {
		if n, err := strconv.Atoi(key); err == nil && n >= MaxProducts {
			return source{}, fmt.Errorf("path %q: position %d is past the %d that are kept", path, n, MaxProducts)
		}
	}
	return compileSource(parsed), nil
}
