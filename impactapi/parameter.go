package impactapi

import (
	"slices"
	"strconv"
	"strings"
)

// Endpoint is a call that takes parameters, or both calls; a set of bits.
type Endpoint uint8

// The documented endpoints; both bits together where both take a parameter.
const (
	// PageLoads is POST /PageLoad on the tracking host.
	PageLoads Endpoint = 1 << iota
	// Conversions is POST /Advertisers/{AccountSID}/Conversions on the API host.
	Conversions
)

// String returns "PageLoad", "Conversion" or both.
func (e Endpoint) String() string {
	switch e {
	case PageLoads:
		return "PageLoad"
	case Conversions:
		return "Conversion"
	case PageLoads | Conversions:
		return "PageLoad, Conversion"
	default:
		return "Endpoint(" + strconv.Itoa(int(e)) + ")"
	}
}

// Type is the shape of a parameter's value.
type Type uint8

// The types of the documented parameters.
const (
	Text      Type = iota // any UTF-8 text
	Integer               // digits only
	Decimal               // plain decimal, at most two places, no exponent
	Money                 // a Decimal that is not negative, in the currency of CurrencyCode
	Date                  // RFC 3339 with an offset
	Currency              // ISO 4217: three capital letters
	Boolean               // true or false
	URL                   // absolute, with a scheme; also an app's own
	IP                    // IPv4 or IPv6 address
	Country               // ISO 3166 alpha-2: two capital letters
	EmailHash             // SHA-1 hex; on conversions also SHA-256 hex
)

// Parameter is one documented parameter, or one family of numbered ones.
type Parameter struct {
	Name     string   // as impact.com spells it; a family's without its numbers
	Endpoint Endpoint // the calls that take it
	Type     Type
	MaxLen   int    // in characters; 0 if none is documented or enforced (URLs, decimals)
	Item     bool   // one per order item, numbered from 1: ItemSku1, ItemSku2
	Slots    int    // numbered 1..Slots: Text1..Text50; with Item: ItemText1_1..ItemText1_50
	AliasOf  string // the preferred name, for an alias
	Doc      string // meaning and rules, one or two sentences
	Source   string // URL of the document

	role role
}

// Indexed reports whether the name takes numbers, so that Name alone is not a
// parameter.
func (p Parameter) Indexed() bool { return p.Item || p.Slots > 0 }

// Pattern returns the name with its numbers: "OrderId", "ItemSku[i]", "Text1..50",
// "ItemText[i]_1..50".
func (p Parameter) Pattern() string {
	name := p.Name
	if p.Item {
		name += "[i]"
	}
	if p.Slots == 0 {
		return name
	}
	if p.Item {
		name += "_"
	}
	return name + "1.." + strconv.Itoa(p.Slots)
}

// maxItem bounds an item's number; impact.com documents no cap on items.
const maxItem = 9999

// Catalogue returns every documented parameter in the documents' order. The
// caller may change the slice.
func Catalogue() []Parameter { return slices.Clone(catalogue) }

// Lookup finds the documented parameter with that exact name on an endpoint,
// including numbered names: "ItemSku3", "ItemText1_2", "Text7". It does not
// allocate.
func Lookup(endpoint Endpoint, name string) (Parameter, bool) {
	p, _ := find(endpoint, name)
	if p == nil {
		return Parameter{}, false
	}
	return *p, true
}

// find is Lookup without the copy; item is the item's number, 0 for none.
func find(endpoint Endpoint, name string) (p *Parameter, item int) {
	if p = byName[name]; p != nil {
		if p.Indexed() || p.Endpoint&endpoint == 0 {
			return nil, 0
		}
		return p, 0
	}
	if name == "" || !isDigit(name[len(name)-1]) {
		return nil, 0
	}
	p, item = findNumbered(name)
	if p == nil || p.Endpoint&endpoint == 0 {
		return nil, 0
	}
	return p, item
}

func findNumbered(name string) (*Parameter, int) {
	base, last := cutNumber(name)
	if slotted, ok := strings.CutSuffix(base, "_"); ok {
		base, item := cutNumber(slotted)
		p := byName[base]
		if p == nil || !p.Item || last < 1 || last > p.Slots || item < 1 {
			return nil, 0
		}
		return p, item
	}
	p := byName[base]
	switch {
	case p == nil || last < 1:
		return nil, 0
	case p.Item && p.Slots == 0:
		return p, last
	case !p.Item && last <= p.Slots:
		return p, 0
	}
	return nil, 0
}

// cutNumber cuts a decimal number without leading zeros off the end; the number is
// 0 if there is none or it is out of range.
func cutNumber(s string) (base string, n int) {
	i := len(s)
	for i > 0 && isDigit(s[i-1]) {
		i--
	}
	digits := s[i:]
	if digits == "" || digits[0] == '0' || len(digits) > 4 {
		return s, 0
	}
	for j := range len(digits) {
		n = n*10 + int(digits[j]-'0')
	}
	return s[:i], min(n, maxItem)
}

// Reserved reports whether a name equals a parameter of impact.com, ignoring case
// and underscores. That includes numbered names, and undocumented ones that other
// clients send. A custom key (a trait on a page load) with such a name could
// overwrite a real parameter.
func Reserved(name string) bool {
	folded := foldName(name)
	if reserved[folded] {
		return true
	}
	base := strings.TrimRight(folded, "0123456789")
	return base != folded && reservedFamilies[base]
}

func foldName(name string) string {
	return strings.ToLower(strings.ReplaceAll(name, "_", ""))
}
