package mapping

import (
	"strings"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/segment"
)

// Person is what is known of a message's person beyond the message.
type Person struct {
	// ClickID is the person's last click id. Conversions carry it where they
	// have none of their own, because impact.com attributes by it.
	ClickID string
	// ClickSure says that it came in a way which only impact.com uses; then it
	// also counts before one that may be another network's.
	ClickSure bool
	// Traits gives the wanted value of a trait, for custom mappings of
	// traits.<key> that the message itself does not hold. May be nil.
	Traits func(key string) (string, bool)
	// Now is the time after which no event may be dated.
	Now time.Time
}

// build is one request in the making, and its memory once it is made: all
// values in one buffer, so that they cost one allocation.
type build struct {
	mapper   *Mapper
	msg      *segment.Message // nil for a trait update
	person   Person
	on       impactapi.Endpoint
	os       system
	identity segment.Identity
	email    string
	params   impactapi.Params // names alone, until values gives them theirs
	ends     []int            // of the values in buf
	buf      []byte
	notes    []Note
	refusal  *Refusal
	items    int
	money    bool
	tooLong  bool
	typed    bool // has an event type
	visitor  bool // has an identifier that page loads document
}

func (m *Mapper) newBuild(msg *segment.Message, p Person) *build {
	b, _ := m.builds.Get().(*build)
	if b == nil {
		b = new(build)
	}
	params, ends, buf := b.params[:0], b.ends[:0], b.buf[:0]
	*b = build{}
	b.mapper, b.msg, b.person, b.params, b.ends, b.buf = m, msg, p, params, ends, buf
	return b
}

func (b *build) release() { b.mapper.builds.Put(b) }

// Event makes the request of a routed message, or a [*Refusal]. A message that
// Route sends nowhere is refused. The request is checked against impact.com's
// documented rules and independent of the message. It costs some microseconds.
func (m *Mapper) Event(msg *segment.Message, p Person) (Request, error) {
	route := m.Route(msg)
	if route.Kind == None {
		return Request{}, &Refusal{Class: "parameter", Reason: "not to be sent: " + route.Reason}
	}
	b := m.newBuild(msg, p)
	b.identity = msg.Identity()
	b.email = emailOf(msg, b.identity)
	b.os = systemOf(msg)
	if route.Kind == PageLoad {
		b.on = impactapi.PageLoads
		b.run(m.pages)
	} else {
		b.on = impactapi.Conversions
		b.run(m.conversions)
	}
	return b.finish()
}

func (b *build) run(steps []step) {
	for i := range steps {
		if b.refusal != nil {
			return
		}
		b.step(&steps[i])
	}
}

// step fills one parameter: the custom mapping wins, an absent or unusable
// source of it leaves the default.
func (b *build) step(s *step) {
	if b.items > 0 && s.orderTotal {
		return
	}
	if s.custom != nil && !s.ownCustom && b.put(s, b.resolve(s.custom)) {
		return
	}
	if s.fill != nil {
		s.fill(b, s)
		return
	}
	if s.os != anySystem && s.os != b.os {
		return
	}
	for i := range s.paths {
		if b.put(s, b.resolve(&s.paths[i])) {
			return
		}
	}
}

// orderTotals must not stand beside items
// (https://integrations.impact.com/impact-brand/docs/order-level-data).
var orderTotals = map[string]bool{"Amount": true, "OrderSubTotalPostDiscount": true}

// ownCustom are the lines that look at the custom mapping themselves, since
// their rule holds after it.
var ownCustom = map[string]bool{"EventDate": true, "ClickId": true}

// put adds a parameter if the text can be one.
func (b *build) put(s *step, text string) bool {
	if text == "" {
		return false
	}
	if s.kind == impactapi.Text {
		if text = b.fit(s, text); text == "" {
			return false
		}
	}
	out, problem := appendValue(b.buf, s.kind, text)
	if problem != "" {
		b.note(problem, s.name)
		return false
	}
	if s.kind == impactapi.EmailHash && b.on == impactapi.PageLoads && len(out)-len(b.buf) != 40 {
		b.note(NoteUnusable, s.name) // page loads take no SHA-256
		return false
	}
	if s.kind != impactapi.Text && s.maxLen > 0 && len(out)-len(b.buf) > s.maxLen {
		b.note(NoteTooLong, s.name)
		return false
	}
	b.buf = out
	b.added(s)
	return true
}

// fit keeps a text within its limit.
func (b *build) fit(s *step, text string) string {
	switch s.name {
	case "OrderId":
		return shortOrderID(strings.TrimSpace(segment.CleanText(text)))
	case "OrderPromoCode": // people type them
		text = strings.TrimSpace(segment.CleanText(text))
	case "ClickId":
		text = clickText(text)
	}
	if s.identifier && !segment.UsableID(text) && s.name != "EventTypeCode" {
		return ""
	}
	short, cut := cutText(text, s.maxLen)
	switch {
	case cut && s.identifier:
		b.note(NoteTooLong, s.name)
		b.tooLong = true
		return ""
	case cut:
		b.note(NoteCut, s.name)
	}
	return short
}

func (b *build) added(s *step) {
	b.name(s.name)
	b.money = b.money || s.kind == impactapi.Money
	switch s.name {
	case "EventTypeId", "EventTypeCode":
		b.typed = true
	case "ClickId", "CustomerId", "CustomProfileId", "GoogAId", "AndroidId", "AppleIfa", "AppleIfv":
		b.visitor = true
	}
}

// name adds a parameter of what was appended to buf since the last one.
func (b *build) name(name string) {
	b.params.Add(name, "")
	b.ends = append(b.ends, len(b.buf))
}

func (b *build) note(word, parameter string) {
	b.notes = append(b.notes, Note{Word: word, Parameter: parameter})
}

func (b *build) refuse(class, reason string) {
	if b.refusal == nil {
		b.refusal = &Refusal{Class: class, Reason: reason}
	}
}

// finish completes the request and asks impactapi's rules for the last word.
func (b *build) finish() (Request, error) {
	if refusal := b.check(); refusal != nil {
		b.release()
		return Request{}, refusal
	}
	request := Request{Kind: PageLoad, Params: b.params, Notes: b.notes, build: b}
	if b.on == impactapi.Conversions {
		request.Kind = Conversion
	}
	return request, nil
}

func (b *build) check() *Refusal {
	switch {
	case b.refusal != nil:
		return b.refusal
	case b.on == impactapi.PageLoads && !b.visitor:
		return b.noIdentifier()
	}
	validate := impactapi.ValidatePageLoad
	if b.on == impactapi.Conversions {
		validate = impactapi.ValidateConversion
	}
	if err := validate(b.values()); err != nil {
		return b.invalid(err)
	}
	return nil
}

// values copies the values out, all in one allocation.
func (b *build) values() impactapi.Params {
	text, start := string(b.buf), 0
	for i, end := range b.ends {
		b.params[i].Value = text[start:end]
		start = end
	}
	return b.params
}

func (b *build) noIdentifier() *Refusal {
	if b.tooLong {
		return &Refusal{Class: "identifier", Reason: "no identifier: the ones there are too long"}
	}
	return &Refusal{Class: "identifier", Reason: "no identifier"}
}

func (b *build) invalid(err error) *Refusal {
	if b.on == impactapi.Conversions && !b.attributable() {
		return b.noIdentifier()
	}
	return &Refusal{Class: "parameter", Reason: err.Error()}
}

// attributable reports whether a conversion has any of the keys by which
// impact.com attributes.
func (b *build) attributable() bool {
	for i := range b.params {
		switch b.params[i].Name {
		case "OrderPromoCode", "MediaId", "UniqueUrl", "CallerId", "CustomClickId":
			return true
		}
	}
	return b.visitor
}
