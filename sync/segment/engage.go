package segment

import (
	"strconv"
	"strings"
)

// MaxTraitKey is the longest trait key in bytes. Segment documents 255 for
// journey keys (https://segment.com/docs/engage/product-limits/) and nothing
// for the others.
const MaxTraitKey = 255

var (
	pathClass         = MustPath("context.personas.computation_class")
	pathKey           = MustPath("context.personas.computation_key")
	pathComputationID = MustPath("context.personas.computation_id")
	pathSpaceID       = MustPath("context.personas.space_id")
	pathPersonas      = MustPath("context.personas")
	pathTraits        = MustPath("traits")
	pathProperties    = MustPath("properties")
)

// IsEngage reports whether the message is a trait change of Segment Engage: whether it
// has a context.personas.computation_class. Such a message is never forwarded as it
// is, whatever its type and event name.
func (m *Message) IsEngage() bool {
	class, ok := m.Lookup(pathClass).Str()
	return ok && class != ""
}

// Change returns the trait change of an Engage message. It is false for any other
// message. The class and the computation key decide, never the event name, by the
// rule of Segment's own destinations
// (https://github.com/segmentio/action-destinations, audience-membership.ts):
//
//   - audience: a real boolean at traits[key] (at properties[key] for a track
//     call). The strings "true" and "false" count only for keys of journeys of
//     the first kind (j_o_...), where they are documented.
//   - journey_step: likewise; most carry no boolean and are unusable.
//   - trait, computed_trait, traits: the value's text; null or absent clears.
//   - any other class: as a computed trait, if there is a value.
//
// Values pass [Redact] and [CleanText], so they hold neither e-mail addresses nor
// control characters. A change without a usable key is unusable and has an empty
// Key. The change owns its memory.
func (m *Message) Change() (TraitChange, bool) {
	class, ok := m.Lookup(pathClass).Str()
	if !ok || class == "" {
		return TraitChange{}, false
	}
	c := TraitChange{
		Identity:      m.Identity(),
		ComputationID: m.cloneText(pathComputationID),
		SpaceID:       m.cloneText(pathSpaceID),
		At:            m.EffectiveTime(),
		Timing:        m.Timing(),
		ReceivedAt:    m.ReceivedAt(),
		MessageID:     m.MessageID,
		State:         ValueUnusable,
	}
	c.Class = classOf(class)
	c.Key = m.cloneText(pathKey)
	if !UsableID(c.Key) || len(c.Key) > MaxTraitKey {
		c.Key = ""
		return c, true
	}
	c.setValue(m.traitValue(c.Key), class)
	return c, true
}

func (m *Message) cloneText(p Path) string {
	text, _ := m.Lookup(p).Text()
	return strings.Clone(Redact(CleanText(text)))
}

func classOf(class string) Class {
	switch class {
	case "audience":
		return ClassAudience
	case "journey_step":
		return ClassJourneyStep
	}
	return ClassComputed
}

func (m *Message) traitValue(key string) Value {
	if m.Type == "track" {
		return m.Lookup(pathProperties).Get(key)
	}
	return m.Lookup(pathTraits).Get(key)
}

func (c *TraitChange) setValue(v Value, class string) {
	if c.Class == ClassComputed {
		known := class == "trait" || class == "computed_trait" || class == "traits"
		c.setComputed(v, known)
		return
	}
	if is, ok := v.Bool(); ok {
		c.setMember(is)
		return
	}
	text, _ := v.Str()
	if c.Class == ClassAudience && strings.HasPrefix(c.Key, "j_o_") && (text == "true" || text == "false") {
		c.setMember(text == "true")
	}
}

func (c *TraitChange) setMember(is bool) {
	c.State, c.Value = ValueSet, strconv.FormatBool(is)
}

func (c *TraitChange) setComputed(v Value, known bool) {
	if !v.Exists() {
		if known {
			c.State = ValueCleared
		}
		return
	}
	text, ok := v.Text()
	number, isNumber := v.Number()
	if isNumber { // values are compared as they were sent: 450.0 is not 450
		text = withoutExponent(number)
	}
	if !ok || isNumber && !IsDecimal(text) {
		return
	}
	c.State, c.Value = ValueSet, strings.Clone(Redact(CleanText(text)))
}
