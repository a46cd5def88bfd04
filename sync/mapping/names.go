package mapping

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The default names of each list: those of impact.com's own Segment function, and
// of the settings' texts on Segment's page.
var (
	defaultActions   = []string{"Order Completed", "Order Complete"}
	defaultInstalls  = []string{"Application Installed"}
	defaultPageLoads = []string{"Application Opened", "Page Load"}
)

// EventLists are the names of track events as they count: each of them once, in
// one list, in the spelling of the settings.
type EventLists struct {
	Actions   []string `json:"actionEventNames"`
	Installs  []string `json:"installEventNames"`
	PageLoads []string `json:"pageLoadEventNames"`
}

// eventList is one of the lists of event names in the settings.
type eventList struct {
	key      string // in the configuration
	kind     Kind
	named    []string // by the settings
	only     bool     // without the defaults
	defaults []string
}

func (s *Settings) eventLists() [3]eventList {
	return [...]eventList{
		{"actionEventNames", Conversion, s.ActionEventNames, s.OnlyActionEventNames, defaultActions},
		{"installEventNames", Install, s.InstallEventNames, s.OnlyInstallEventNames, defaultInstalls},
		{"pageLoadEventNames", PageLoad, s.PageLoadEventNames, s.OnlyPageLoadEventNames, defaultPageLoads},
	}
}

// listed is what the settings say of an event.
type listed struct {
	name   string // as the settings spell it; empty if it is on no list
	kind   Kind
	typeID string // from eventTypeIds
}

// names are the events by their folded names.
type names map[string]listed

// sortNames puts each name into its list. A name belongs to the list in which the
// settings have it, a default to its own list if the settings do not have it. If the
// settings have a name in several lists, the first counts: actions, installs, page
// loads.
func sortNames(s Settings) names {
	all := names{}
	add := func(kind Kind, some []string) {
		for _, name := range some {
			if folded := FoldEvent(name); all[folded].kind == None {
				all[folded] = listed{name: strings.TrimSpace(name), kind: kind}
			}
		}
	}
	for _, l := range s.eventLists() {
		add(l.kind, l.named)
	}
	for _, l := range s.eventLists() {
		if !l.only {
			add(l.kind, l.defaults)
		}
	}
	for name, id := range s.EventTypeIDs {
		e := all[FoldEvent(name)]
		e.typeID = id
		all[FoldEvent(name)] = e
	}
	return all
}

// of returns the names of a list as they count: the defaults among them first,
// then the others, in their order.
func (n names) of(l eventList) []string {
	out := []string{} // [] in JSON
	for _, name := range slices.Concat(l.defaults, l.named) {
		if e := n.lookup(name); e.kind == l.kind && !slices.Contains(out, e.name) {
			out = append(out, e.name)
		}
	}
	return out
}

// lookup finds an event by its name. It does not allocate.
func (n names) lookup(event string) listed {
	var buf [128]byte
	return n[string(appendFolded(buf[:0], event))]
}

// FoldEvent returns what two names of one event have in common: names are
// compared without regard to case and to blanks around them.
func FoldEvent(name string) string { return string(appendFolded(nil, name)) }

func appendFolded(dst []byte, name string) []byte {
	for _, r := range strings.TrimSpace(name) {
		switch {
		case r < utf8.RuneSelf && 'A' <= r && r <= 'Z':
			r += 'a' - 'A'
		case r >= utf8.RuneSelf:
			r = unicode.ToLower(unicode.ToUpper(r)) // some letters have two lower-case forms
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// Routed is what the settings send: the track events of a name, or all messages
// of another type, whose name is empty.
type Routed struct {
	Type, Name string
	Kind       Kind
}

// Routed returns all messages that the settings send.
func (m *Mapper) Routed() []Routed {
	out := []Routed{}
	for _, l := range m.settings.eventLists() {
		for _, name := range l.named {
			out = append(out, Routed{"track", name, l.kind})
		}
	}
	for _, kind := range []string{"page", "screen", "identify"} {
		if m.types[kind].Kind == PageLoad {
			out = append(out, Routed{kind, "", PageLoad})
		}
	}
	return out
}
