package mapping

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/segment"
)

// Mapper maps by one set of settings. It is safe for concurrent use.
type Mapper struct {
	settings    Settings
	fingerprint string
	names       names            // of track events
	types       map[string]Route // of messages of other types
	pages       []step
	conversions []step
	traits      []step // of trait updates
	products    products
	ownTotal    bool    // a custom mapping says what an order is worth
	discount    *source // of a custom mapping for OrderDiscount
	clickNames  []string
	ownsGeneric bool     // no other network uses clickid here
	clickSource *source  // of a custom mapping for ClickId
	refunds     *refunds // nil: off
	keep        *node
	keepProduct *node // of an order that is one product itself

	builds sync.Pool // of Prepare
}

// step is a line of the table, ready to run for one endpoint.
type step struct {
	name    string
	kind    impactapi.Type
	maxLen  int
	rule    rule
	removed bool // not to be sent
	os      system
	custom  *source
	paths   []source
	fill    func(*build, *step)
}

// Placeholders returns the ids of nobody, by the settings.
func (m *Mapper) Placeholders() *segment.Placeholders { return m.settings.Placeholders }

// New checks the settings and compiles them. The error joins all problems, one per
// line.
func New(s Settings) (*Mapper, error) {
	s = s.withDefaults()
	m := &Mapper{names: sortNames(s), types: s.routes()}
	m.settings = s.withLists(m.names)
	m.fingerprint = m.settings.fingerprint()
	mapped, err := readMapping("customParameterMapping", s.CustomParameterMapping, customSource)
	var errRefunds error
	m.refunds, errRefunds = newRefunds(s.Refunds)
	if err := errors.Join(s.check(), errRefunds, err, m.products.prepare(s.CustomMappingForProducts)); err != nil {
		return nil, err
	}
	if m.refunds != nil {
		m.refunds.fingerprint += m.fingerprint
	}
	customs := customs(mapped)
	m.clickNames, m.ownsGeneric = clickNames(s.ClickIDNames), containsFold(s.ClickIDNames, genericClickName)
	m.clickSource, m.discount, m.ownTotal = customs.get("ClickId"), customs.get("OrderDiscount"), customs.total()
	lines := sentLines(s.UndocumentedParameters)
	m.pages = plan(lines, impactapi.PageLoads, customs)
	m.conversions = plan(lines, impactapi.Conversions, customs)
	m.traits = traitPlan(m.pages)
	m.keep, m.keepProduct = keptPaths(lines, customs, &m.products), keptPaths(lines, customs, &m.products)
	m.products.growIn(m.keepProduct.grow("properties"))
	return m, nil
}

// Fingerprint returns a text that changes with the settings and the table, so that
// what was refused under another one can be tried again.
func (m *Mapper) Fingerprint() string { return m.fingerprint }

// EventLists returns the names of track events as they count.
func (m *Mapper) EventLists() EventLists {
	return EventLists{m.settings.ActionEventNames, m.settings.InstallEventNames, m.settings.PageLoadEventNames}
}

// plan compiles the table for one endpoint. Custom parameters without a line come
// before CurrencyCode, which has to know whether there was money.
func plan(table []line, on impactapi.Endpoint, customs customs) []step {
	var steps, last []step
	lines := map[string]bool{}
	for _, l := range table {
		if l.on&on == 0 {
			continue
		}
		lines[l.name] = true
		if l.name == "OrderId" { // which has to know whether there are items
			steps = append(steps, step{name: "items", rule: rules["items"], fill: (*build).addProducts})
		}
		s := newStep(l.name, customs)
		s.os, s.fill = l.os, l.fill
		for _, path := range l.paths {
			s.paths = append(s.paths, compileSource(segment.MustPath(path)))
		}
		if l.name == "Amount" || l.name == "CurrencyCode" {
			last = append(last, s)
			continue
		}
		steps = append(steps, s)
	}
	for _, name := range slices.Sorted(maps.Keys(customs)) {
		if !lines[name] && !customs[name].removed {
			steps = append(steps, newStep(name, customs))
		}
	}
	return append(steps, last...)
}

// ownOfTraits are the parameters that a trait update sets itself, whatever the custom
// mapping says.
var ownOfTraits = []string{"CampaignId", "EventDate", "PageUrl", "CustomerId", "CustomProfileId", "CustomerEmail"}

// traitPlan returns the steps of trait updates: those of a page load that need no
// message, and the custom parameters that read traits.
func traitPlan(pages []step) (steps []step) {
	for _, s := range pages {
		switch {
		case slices.Contains(ownOfTraits, s.name):
			s.custom = nil
			steps = append(steps, s)
		case s.custom != nil && s.custom.trait != "" && !s.has(ownCustom):
			s.fill, s.paths = nil, nil
			steps = append(steps, s)
		}
	}
	return steps
}

func newStep(name string, customs customs) step {
	_, p, _, _ := resolve(name)
	return step{name: name, kind: p.Type, maxLen: p.MaxLen, rule: rules[name], removed: customs[name].removed, custom: customs.get(name)}
}

// Route returns what becomes of a message. Engage messages become nothing here:
// they change traits. A track event goes by the list that has its name, see
// [Settings]. Route does not allocate.
func (m *Mapper) Route(msg *segment.Message) Route {
	switch {
	case msg.IsEngage():
		return Route{Reason: "trait"}
	case msg.Type == "track":
		if kind := m.names.lookup(msg.Event).kind; kind != None {
			return Route{Kind: kind}
		}
		return Route{Reason: "unlisted_event"}
	}
	if route, known := m.types[msg.Type]; known {
		return route
	}
	return Route{Reason: "unknown_type"}
}

// routes returns what becomes of messages that are no track events.
func (s *Settings) routes() map[string]Route {
	routes := map[string]Route{"group": {Reason: "group"}, "alias": {Reason: "alias"}, "delete": {Reason: "delete"}}
	for kind, on := range map[string]bool{"page": s.EnablePageEvents, "screen": s.EnableScreenEvents, "identify": s.EnableIdentifyEvents} {
		routes[kind] = Route{Reason: kind + "_events_off"}
		if on {
			routes[kind] = Route{Kind: PageLoad}
		}
	}
	return routes
}

// CheckTraitKey returns an error if a trait cannot be sent under a key. A key that
// equals a parameter of impact.com, ignoring case and underscores, would overwrite
// it.
func CheckTraitKey(key string) error {
	switch {
	case key == "":
		return errors.New("the trait key is empty")
	case len(key) > segment.MaxTraitKey:
		return fmt.Errorf("trait key %.40q... has more than %d bytes", key, segment.MaxTraitKey)
	case segment.HoldsEmail(key):
		return errors.New("the trait key holds an e-mail address")
	case segment.HoldsControl(key):
		return fmt.Errorf("trait key %q holds control characters", key)
	case impactapi.Reserved(key):
		return fmt.Errorf("trait key %q is also a parameter of impact.com; rename the trait or leave it out", key)
	}
	return nil
}
