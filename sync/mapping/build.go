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
	kind     Kind
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
	worth    int64  // of all items, in hundredths
	marks    []mark // the currencies beside amounts
	leftOut  string // why the order's sum goes instead of its items
	assumed  string // the first product whose quantity was taken to be 1
	money    bool
	totalled bool // has a sum of the order
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
	return m.make(msg, p, route.Kind)
}

func (m *Mapper) make(msg *segment.Message, p Person, kind Kind) (Request, error) {
	b := m.newBuild(msg, p)
	b.kind = kind
	b.identity = msg.Identity()
	b.email = emailOf(msg, b.identity)
	b.os = systemOf(msg)
	if kind == PageLoad {
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
	if s.removed || s.orderTotal && (b.items > 0 || b.totalled) {
		return
	}
	if s.custom != nil && !s.ownCustom && b.putSource(s, s.custom) || b.refusal != nil {
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
		if b.putSource(s, &s.paths[i]) {
			return
		}
	}
}

// orderTotals are what an order is worth. They must not stand beside items,
// nor beside each other: impact.com could count both
// (https://integrations.impact.com/impact-brand/docs/order-level-data).
var orderTotals = map[string]bool{"Amount": true, "OrderSubTotalPostDiscount": true}

// ownCustom are the lines that look at the custom mapping themselves, since
// their rule holds after it.
var ownCustom = map[string]bool{"EventDate": true, "ClickId": true, "OrderDiscount": true, "CurrencyCode": true}

// payout are the amounts that change what a partner is paid. Where one is
// there and cannot be read the order is refused; tax, shipping and the like are
// for reports, and are left out.
var payout = map[string]bool{
	"Amount": true, "OrderSubTotalPostDiscount": true, "OrderSubTotalPreDiscount": true, "OrderSubtotal": true,
	"OrderDiscount": true, "OrderDiscountRate": true, "OrderRebate": true,
	"ItemDiscount": true, "ItemDiscountRate": true, "ItemTotalDiscount": true,
}

// putSource adds a parameter from one place of the message.
func (b *build) putSource(s *step, src *source) bool {
	if s.kind != impactapi.Money && s.kind != impactapi.Decimal {
		return b.put(s, b.resolve(src))
	}
	n := b.numberAt(src)
	if !n.found {
		return false
	}
	fault := b.appendNumber(s, n, src.path.String())
	switch {
	case fault == "":
		b.added(s)
		return true
	case payout[s.name] && b.on == impactapi.Conversions:
		b.refuse("parameter", s.name+" is not usable: "+fault)
	default:
		b.note(NoteUnusable, s.name)
	}
	return false
}

// numberAt reads the number at a source. What the state holds of a trait is a
// text that a machine wrote.
func (b *build) numberAt(src *source) number {
	if src.as == plain && b.msg != nil {
		if v := b.msg.Lookup(src.path); present(v) {
			return b.mapper.numberOf(v)
		}
	}
	text := strings.TrimSpace(b.resolve(src))
	if isPlain(text) {
		return number{plain: text, found: true}
	}
	return numberIn(text, b.mapper.settings.DecimalSign)
}

// appendNumber writes a number as a parameter's type wants it, or says why it
// cannot.
func (b *build) appendNumber(s *step, n number, where string) (fault string) {
	if s.kind == impactapi.Decimal { // a measure or a share, no money
		n = n.asMeasure()
	}
	cents, fault := b.cents(n, where)
	if fault != "" {
		return fault
	}
	if s.kind == impactapi.Money && cents < 0 {
		return where + " " + quote(n.plain) + " is negative"
	}
	b.buf = appendCents(b.buf, cents)
	return ""
}

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
		if text = strings.TrimSpace(segment.CleanText(text)); !isOrderID(text) {
			return ""
		}
		return shortOrderID(text)
	case "OrderPromoCode": // people type them
		text = strings.TrimSpace(segment.CleanText(text))
	case "ClickId":
		text = clickText(text)
	}
	if s.identifier && !b.usable(s.name, text) {
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

// usable reports whether a text can be an identifier.
func (b *build) usable(name, text string) bool {
	switch name {
	case "EventTypeCode":
		return true
	case "CustomerId", "CustomProfileId": // a custom mapping may read them from anywhere
		return b.mapper.settings.Placeholders.Usable(text)
	}
	return segment.UsableID(text)
}

func (b *build) added(s *step) {
	b.name(s.name)
	b.money = b.money || s.kind == impactapi.Money
	b.totalled = b.totalled || s.orderTotal
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

// place is how far a request is made.
type place struct {
	params, buf, notes, marks int
	money                     bool
}

func (b *build) here() place {
	return place{params: len(b.params), buf: len(b.buf), notes: len(b.notes), marks: len(b.marks), money: b.money}
}

// backTo takes away the items added since.
func (b *build) backTo(p place) {
	b.params, b.ends, b.buf, b.notes, b.marks = b.params[:p.params], b.ends[:p.params], b.buf[:p.buf], b.notes[:p.notes], b.marks[:p.marks]
	b.items, b.worth, b.money = 0, 0, p.money
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

// Attributable reports whether impact.com could attribute a message that names
// no person: by a click id, a promo code, a device or their like. It holds also
// where the message is refused for something else.
func (m *Mapper) Attributable(msg *segment.Message) bool {
	kind := m.Route(msg).Kind
	if !isConversion(kind) {
		return m.HasClickID(msg)
	}
	b := m.newBuild(msg, Person{})
	defer b.release()
	b.kind, b.os, b.identity, b.on = kind, systemOf(msg), msg.Identity(), impactapi.Conversions
	for i := range m.conversions {
		if attributing[m.conversions[i].name] {
			b.step(&m.conversions[i])
		}
	}
	return b.attributable()
}

// attributing are the parameters by which impact.com attributes a conversion.
var attributing = map[string]bool{
	"ClickId": true, "CustomerId": true, "CustomProfileId": true, "GoogAId": true, "AndroidId": true, "AppleIfa": true, "AppleIfv": true,
	"OrderPromoCode": true, "MediaId": true, "UniqueUrl": true, "CallerId": true, "CustomClickId": true,
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
