package mapping

import (
	"errors"
	"strings"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/money"
	"github.com/impactsync/impactsync/sync/refund"
	"github.com/impactsync/impactsync/sync/segment"
)

// Person is what is known of a message's person beyond the message.
type Person struct {
	// ClickID is the person's last click id. Conversions without one of their own
	// carry it, because impact.com attributes by it.
	ClickID string
	// ClickSure reports that it came in a way that only impact.com uses; then it
	// also takes precedence over one that may be another network's.
	ClickSure bool
	// Traits returns the wanted value of a trait, for custom mappings of a
	// traits.<key> that the message does not hold. May be nil.
	Traits func(key string) (string, bool)
	// Left is how many units are left of some of the order's items, by Sku, after
	// refunds that came before the order was sent. Nil: all are.
	Left map[string]int64
	// Now is the latest date that an event may have.
	Now time.Time
}

// build is one request in the making.
type build struct {
	mapper   *Mapper
	msg      *segment.Message // nil for a trait update
	person   Person
	kind     Kind
	on       impactapi.Endpoint
	os       system
	identity segment.Identity
	email    string
	at       time.Time  // its effective time
	click    foundClick // in the message itself

	params  impactapi.Params
	notes   []Note
	refusal *Refusal // the first
	part    rule     // of the request, that is being filled
	refused rule     // the parts that were refused

	lines        []refund.Item // of the order, if messages about refunds are read
	left         money.Amount  // of worth, after refunds
	items        int
	item         int          // the number of the one that is being added; 0 for the order
	worth        money.Amount // of all items
	marks        []mark       // the currencies beside the amounts that are sent
	code         string       // the currency whose places amounts have
	anyCurrency  bool         // amounts are in the currency of another message, and keep all their places
	leftOut      string       // why the order's sum is sent instead of its items
	assumed      string       // the first product whose quantity was assumed to be 1
	money        bool         // has an amount
	totalled     bool         // has a sum of the order
	tooLong      bool         // an identifier was too long
	typed        bool         // has an event type
	unidentified bool         // has nothing that says whose it is
	askedState   bool         // a value may come from the state

	kept []byte // the reduced message
}

func (m *Mapper) newBuild(msg *segment.Message, p Person) *build {
	b := new(build)
	b.begin(m, msg, p)
	return b
}

// begin starts a request in the memory of an earlier one.
func (b *build) begin(m *Mapper, msg *segment.Message, p Person) {
	*b = build{
		mapper: m, msg: msg, person: p, on: impactapi.PageLoads, identity: msg.Identity(), email: msg.EmailHash(), at: msg.EffectiveTime(), os: systemOf(msg),
		params: b.params[:0], kept: b.kept[:0],
	}
	b.click = b.findClick()
}

// Event makes the request of a message, or returns a [*Refusal]; a message that is
// routed nowhere is refused. The request is valid until the message is released.
// Event takes some microseconds.
func (m *Mapper) Event(msg *segment.Message, p Person) (Request, error) {
	route := m.Route(msg)
	if route.Kind == None {
		return Request{}, NotSent(route)
	}
	return m.newBuild(msg, p).request(route.Kind)
}

func (b *build) request(kind Kind) (Request, error) {
	b.kind = kind
	if kind == PageLoad {
		b.run(b.mapper.pages)
		return b.finish()
	}
	b.on, b.code = impactapi.Conversions, b.statedCurrency()
	b.run(b.mapper.conversions)
	if code, _ := b.params.Get("CurrencyCode"); money.Digits(code) != money.Digits(b.code) { // the currency stood elsewhere
		b.begin(b.mapper, b.msg, b.person)
		b.kind, b.on, b.code = kind, impactapi.Conversions, code
		b.run(b.mapper.conversions)
	}
	return b.finish()
}

// run fills all parameters, also after a refusal: a refused order still has its
// id and its worth.
func (b *build) run(steps []step) {
	if cap(b.params) == 0 {
		b.params = make(impactapi.Params, 0, len(steps))
	}
	for i := range steps {
		b.part = steps[i].rule
		b.step(&steps[i])
	}
}

// step fills one parameter. The custom mapping wins; if its value is absent or
// unusable, the default stays.
func (b *build) step(s *step) {
	switch {
	case s.removed, s.has(orderTotal) && (b.items > 0 || b.totalled):
		return
	case s.custom != nil && !s.has(ownCustom) && b.putSource(s, s.custom):
		return
	case s.fill != nil:
		s.fill(b, s)
		return
	case s.os != anySystem && s.os != b.os:
		return
	}
	for i := range s.paths {
		if b.putSource(s, &s.paths[i]) {
			return
		}
	}
}

// putSource adds a parameter from one place of the message. It reports whether
// the parameter is settled: added, or refused.
func (b *build) putSource(s *step, src *source) bool {
	if !s.isNumber() {
		return b.put(s, b.resolve(src))
	}
	settled, fault := b.putNumber(s, b.numberAt(src), src.path.String())
	if fault != "" {
		b.refuse("parameter", s.name+" is not usable: "+fault)
	}
	return settled
}

func (s *step) isNumber() bool { return s.kind == impactapi.Money || s.kind == impactapi.Decimal }

// putNumber adds a number if there is one that can be used, and returns the fault
// of one without which the conversion must not go out.
func (b *build) putNumber(s *step, n number, where string) (settled bool, fault string) {
	if !n.found {
		return false, ""
	}
	m := s.amount(n, where, b.code)
	switch {
	case m.fault == "":
		b.add(s, m.amount.Format(s.currency(b.code)), m.marks...)
		return true, ""
	case s.has(payout) && b.on == impactapi.Conversions:
		return true, m.fault
	}
	b.note(NoteUnusable, s.name)
	return false, ""
}

// numberAt reads the number at a source. A trait's value from the state is a text
// that a machine wrote.
func (b *build) numberAt(src *source) number {
	if src.as == plain && b.msg != nil {
		if v := b.msg.Lookup(src.path); present(v) {
			return b.mapper.numberOf(v)
		}
	}
	text := strings.TrimSpace(b.resolve(src))
	if segment.IsDecimal(text) {
		return number{plain: text, found: true}
	}
	return numberIn(text, b.mapper.settings.DecimalSign)
}

// currency returns the currency whose places a number has: a measure or a share is
// no money and has two places.
func (s *step) currency(code string) string {
	if s.kind == impactapi.Decimal {
		return ""
	}
	return code
}

// amount reads a number as the parameter's type requires.
func (s *step) amount(n number, where, code string) stated {
	if s.kind == impactapi.Decimal {
		n = n.asMeasure()
	}
	m := n.asMoney(where, s.currency(code))
	if m.amount < 0 && s.kind == impactapi.Money {
		m.fault = where + " " + quote(n.plain) + " is negative"
	}
	return m
}

// put adds a parameter, and reports whether the text can be its value.
func (b *build) put(s *step, text string) bool {
	if text == "" {
		return false
	}
	if s.kind == impactapi.Text {
		if text = b.fit(s, text); text == "" {
			return false
		}
	}
	value, problem := formValue(s.kind, text)
	switch {
	case problem != "":
	case s.kind == impactapi.EmailHash && b.on == impactapi.PageLoads && len(value) != sha1Digits:
		problem = NoteUnusable // page loads take no SHA-256
	case s.kind != impactapi.Text && s.maxLen > 0 && len(value) > s.maxLen:
		problem = NoteTooLong
	}
	if problem != "" {
		b.note(problem, s.name)
		return false
	}
	b.add(s, value)
	return true
}

const sha1Digits = 40

// fit keeps a text within its limit.
func (b *build) fit(s *step, text string) string {
	switch s.name {
	case "OrderId":
		if text = strings.TrimSpace(segment.CleanText(text)); !isOrderID(text) {
			return ""
		}
		return shortOrderID(text)
	case "OrderPromoCode": // which people type
		text = strings.TrimSpace(segment.CleanText(text))
	case "ClickId":
		text = clickText(text)
	}
	if s.has(identifier) && !b.usable(s.name, text) {
		return ""
	}
	short, cut := cutText(text, s.maxLen)
	switch {
	case cut && s.has(identifier):
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

// add adds a parameter; an amount with the currencies beside it.
func (b *build) add(s *step, value string, marks ...mark) {
	name := s.name
	if b.item > 0 {
		name = numbered(name, b.item)
	}
	b.params.Add(name, value)
	b.marks = append(b.marks, marks...)
	b.money = b.money || s.kind == impactapi.Money
	b.totalled = b.totalled || s.has(orderTotal)
	b.typed = b.typed || s.name == "EventTypeId" || s.name == "EventTypeCode"
}

func (b *build) note(word, parameter string) {
	b.notes = append(b.notes, Note{Word: word, Parameter: parameter})
}

func (b *build) refuse(class, reason string) {
	b.refused |= b.part
	if b.refusal == nil {
		b.refusal = &Refusal{Class: class, Reason: reason}
	}
}

// finish checks the request against impactapi's rules.
func (b *build) finish() (Request, error) {
	r := Request{Kind: b.kind, Params: b.params, Notes: b.notes}
	var err error
	if b.on == impactapi.Conversions {
		r.Conversion, err = impactapi.NewConversion(b.params)
	} else {
		r.PageLoad, err = impactapi.NewPageLoad(b.params)
	}
	var invalid *impactapi.ValidationError
	b.unidentified = errors.As(err, &invalid) && invalid.Unidentified
	switch {
	case b.refusal != nil:
	case b.unidentified && b.tooLong:
		b.refusal = &Refusal{Class: "identifier", Reason: "no identifier: the ones there are too long"}
	case b.unidentified:
		b.refusal = &Refusal{Class: "identifier", Reason: "no identifier"}
	case err != nil:
		b.refusal = &Refusal{Class: "parameter", Reason: err.Error()}
	}
	if b.refusal != nil {
		return Request{}, b.refusal
	}
	return r, nil
}
