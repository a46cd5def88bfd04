package mapping

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The names that the lists of events hold by themselves: those of impact.com's
// own Segment function, and of the settings' texts on Segment's page.
var (
	defaultActions   = []string{"Order Completed", "Order Complete"}
	defaultInstalls  = []string{"Application Installed"}
	defaultPageLoads = []string{"Application Opened", "Page Load"}
)

// EventLists are the names of track events as they count: each of them once, in
// the list that it goes by, spelt as the settings spell it.
type EventLists struct {
	Actions   []string `json:"actionEventNames"`
	Installs  []string `json:"installEventNames"`
	PageLoads []string `json:"pageLoadEventNames"`
}

// listed is an event name that the lists know.
type listed struct {
	name string // as the settings spell it
	kind Kind
}

// names are the event names by their folded form.
type names map[string]listed

// sortNames puts each name into its list. What the settings name goes where they say,
// a default where they do not name it; of several lists of the settings the
// first one counts, of actions, installs and page loads.
func sortNames(s Settings) (names, EventLists) {
	lists := [...]struct {
		kind     Kind
		named    []string
		only     bool
		defaults []string
	}{
		{Conversion, s.ActionEventNames, s.OnlyActionEventNames, defaultActions},
		{Install, s.InstallEventNames, s.OnlyInstallEventNames, defaultInstalls},
		{PageLoad, s.PageLoadEventNames, s.OnlyPageLoadEventNames, defaultPageLoads},
	}
	all := names{}
	add := func(kind Kind, some []string) {
		for _, name := range some {
			if folded := FoldEvent(name); all[folded].kind == None {
				all[folded] = listed{strings.TrimSpace(name), kind}
			}
		}
	}
	for _, l := range lists {
		add(l.kind, l.named)
	}
	for _, l := range lists {
		if !l.only {
			add(l.kind, l.defaults)
		}
	}
	var as [3][]string
	for i, l := range lists {
		as[i] = all.of(l.kind, l.defaults, l.named)
	}
	return all, EventLists{as[0], as[1], as[2]}
}

// of returns the names of a kind: the defaults among them first, then the others,
// in their order.
func (n names) of(kind Kind, defaults, named []string) []string {
	out := []string{} // [] in JSON
	seen := map[string]bool{}
	for _, some := range [...][]string{defaults, named} {
		for _, name := range some {
			folded := FoldEvent(name)
			if n[folded].kind == kind && !seen[folded] {
				seen[folded] = true
				out = append(out, n[folded].name)
			}
		}
	}
	return out
}

// lookup finds an event's name. It does not allocate.
func (n names) lookup(event string) listed {
	var buf [128]byte
	return n[string(appendFolded(buf[:0], event))]
}

// FoldEvent is what two names of one event have in common: names are compared
// without regard to case and to blanks around them.
func FoldEvent(name string) string { return string(appendFolded(nil, name)) }

func appendFolded(dst []byte, name string) []byte {
	for _, r := range strings.TrimSpace(name) {
		switch {
		case r < utf8.RuneSelf && 'A' <= r && r <= 'Z':
			r += 'a' - 'A'
		case r >= utf8.RuneSelf:
			r = unicode.ToLower(unicode.ToUpper(r)) // some letters have two small forms
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

// Routed are all messages that the settings send.
func (m *Mapper) Routed() []Routed {
	out := []Routed{}
	for _, l := range [...]struct {
		kind  Kind
		names []string
	}{{Conversion, m.lists.Actions}, {Install, m.lists.Installs}, {PageLoad, m.lists.PageLoads}} {
		for _, name := range l.names {
			out = append(out, Routed{"track", name, l.kind})
		}
	}
	for _, s := range [...]struct {
		on   bool
		kind string
	}{{m.settings.EnablePageEvents, "page"}, {m.settings.EnableScreenEvents, "screen"}, {m.settings.EnableIdentifyEvents, "identify"}} {
		if s.on {
			out = append(out, Routed{s.kind, "", PageLoad})
		}
	}
	return out
}
