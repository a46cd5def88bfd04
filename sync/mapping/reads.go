package mapping

import (
	"slices"
)

// Reads says what the settings need of messages, for sources that can leave the rest
// where it is.
type Reads struct {
	Types   []string // whose messages are sent: page, screen, identify
	Events  []string // track events that are sent
	Refunds []string // track events about refunds; all of their properties may be read
	// Paths are the keys of every path that may be read, from the top of the message. A
	// number is a position in an array, unless the path says that it is a key.
	Paths [][]string
	// ClickURLs are those where a URL or query with a click id may be, ClickIDs those of
	// the id alone. All of them are among Paths.
	ClickURLs, ClickIDs [][]string
}

// Reads returns what the settings need of messages.
func (m *Mapper) Reads() Reads {
	var r Reads
	for _, one := range m.Routed() {
		if one.Type == "track" {
			r.Events = append(r.Events, one.Name)
		} else {
			r.Types = append(r.Types, one.Type)
		}
	}
	add := func(keys []string) { r.Paths = append(r.Paths, slices.Clone(keys)) }
	m.keep.each(nil, add)
	m.keepProduct.each(nil, add)
	if m.refunds != nil {
		r.Refunds = m.refunds.spelled
		m.refunds.kept.each([]string{"properties"}, add)
	}
	for _, place := range clickPlaces {
		r.ClickURLs = append(r.ClickURLs, place.path.Keys())
	}
	r.ClickIDs = append(r.ClickIDs, pathReferrerID.Keys())
	if m.clickSource != nil && m.clickSource.as == plain {
		r.ClickIDs = append(r.ClickIDs, m.clickSource.path.Keys())
	}
	return r
}

// each calls fn with the paths below a node of which anything is kept.
func (n *node) each(keys []string, fn func([]string)) {
	if n.leaf || n.products || n.any != nil {
		fn(keys)
	}
	for _, child := range n.children {
		child.each(append(keys, child.key), fn)
	}
}
