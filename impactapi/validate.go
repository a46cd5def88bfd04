package impactapi

import "strings"

// ValidationError lists everything that keeps a request from being sent. It
// comes before any byte leaves, so nothing needs undoing.
type ValidationError struct {
	Endpoint Endpoint
	Fields   []FieldError
}

// Error names each field and what is wrong with it, never its value.
func (e *ValidationError) Error() string {
	var b strings.Builder
	b.WriteString("invalid ")
	b.WriteString(e.Endpoint.String())
	for i, f := range e.Fields {
		if i > 0 {
			b.WriteByte(';')
		} else {
			b.WriteByte(':')
		}
		b.WriteByte(' ')
		b.WriteString(f.String())
	}
	return b.String()
}

// ValidatePageLoad checks a page load against impact.com's documented rules,
// and against two of our own: no e-mail address in clear anywhere, though
// impact.com takes one, and no NOW for a date. A parameter with an empty value
// counts as absent.
//
// Required are CampaignId, EventDate, PageUrl (or PropertyId, for an app that
// was opened directly) and one of CustomProfileId, CustomerId, ClickId,
// GoogAId, AndroidId, AppleIfa, AppleIfv. Undocumented names, a trait for
// instance, may hold any text of up to 255 characters; impact.com does not
// say what it makes of them.
//
// The error is a *ValidationError with every problem, or nil. The check does
// not allocate when there is none.
//
// https://integrations.impact.com/brand-api-reference/reference/page-load/page-load
func ValidatePageLoad(p Params) error {
	c := check{endpoint: PageLoads}
	c.values(p)
	c.pageLoadRules()
	return c.err()
}

// ValidateConversion checks a conversion against impact.com's documented
// rules: CampaignId, EventDate, OrderId, an event type, an attribution key,
// a price with a quantity or a subtotal per item but
// never both, at most one order total and none beside items, sub ids only with
// MediaId, a hashed e-mail address; then types and lengths. Undocumented names are let through
// with up to 255 characters, because accounts have parameters of their own.
// No value may hold an e-mail address in clear. A parameter with an empty
// value counts as absent.
//
// The error is a *ValidationError with every problem, or nil.
//
// https://integrations.impact.com/brand-api-reference/reference/conversions/conversions
func ValidateConversion(p Params) error {
	c := check{endpoint: Conversions}
	c.values(p)
	c.conversionRules()
	return c.err()
}
