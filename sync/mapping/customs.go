package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/segment"
)

// customSource is one line of customParameterMapping. An empty path takes the
// parameter away.
func customSource(name, path string) (canonical string, src source, err error) {
	name = documentedName(name)
	p, known := lookupAny(name)
	canonical = cmp.Or(p.AliasOf, name)
	switch {
	case canonical == "CampaignId":
		err = errors.New("CampaignId cannot be mapped; set destination.campaignId")
	case p.Item:
		err = fmt.Errorf("%s belongs to a product; map it under customMappingForProducts without its number", name)
	case !known && (name == "" || len(name) > 255 || segment.HoldsEmail(name)):
		err = errors.New("a parameter's name is empty, too long or an e-mail address")
	case !known && misspelt(name) != "":
		err = fmt.Errorf("%q is no parameter; impact.com's is spelt %s", name, misspelt(name))
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

// documentedName returns the documented spelling of a parameter that is written
// in letters of another case; any other name stays as it is.
func documentedName(name string) string {
	if _, known := lookupAny(name); known {
		return name
	}
	base := strings.TrimRight(name, "0123456789")
	for _, p := range impactapi.Catalogue() {
		numbered := p.Name + name[len(base):]
		if _, known := lookupAny(numbered); known && strings.EqualFold(p.Name, base) {
			return numbered
		}
	}
	return name
}

// itemName is documentedName for items' parameters, which are written without
// the item's number: ItemSubTotal, ItemText_2.
func itemName(name string) (canonical string, known bool) {
	base, slot, slotted := strings.Cut(name, "_")
	for _, p := range impactapi.Catalogue() {
		if !p.Item || !strings.EqualFold(p.Name, base) {
			continue
		}
		canonical = p.Name
		if slotted {
			canonical += "_" + slot
		}
		_, known = impactapi.Lookup(impactapi.Conversions, numbered(canonical, 1))
		return canonical, known && slotted == (p.Slots > 0)
	}
	return name, false
}

// misspelt returns the documented spelling of a name that differs from it only
// in underscores or a missing number. Names that no document knows are let
// through, for accounts that have parameters of their own.
func misspelt(name string) string {
	folded := strings.ReplaceAll(name, "_", "")
	for _, p := range impactapi.Catalogue() {
		if strings.EqualFold(folded, p.Name) {
			return p.Pattern()
		}
	}
	return ""
}

// lookupAny finds a parameter on either endpoint.
func lookupAny(name string) (impactapi.Parameter, bool) {
	if p, ok := impactapi.Lookup(impactapi.Conversions, name); ok {
		return p, true
	}
	if p, ok := impactapi.Lookup(impactapi.PageLoads, name); ok {
		return p, true
	}
	if p, ok := impactapi.Family(name); ok {
		return p, false
	}
	return impactapi.Parameter{Type: impactapi.Text, MaxLen: 255}, false
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
