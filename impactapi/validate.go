package impactapi

import "strings"

// PageLoad is a visit to a page, or the opening of an app, that was checked
// against impact.com's rules. NewPageLoad returns one; impact.com refuses the
// zero value.
type PageLoad struct{ form Params }

// Conversion is an action to attribute, such as an order, a sign-up or an
// install, that was checked against impact.com's rules. NewConversion returns
// one; impact.com refuses the zero value.
type Conversion struct{ form Params }

// NewPageLoad checks a page load against impact.com's documented rules, and
// against two of our own: no e-mail address in clear anywhere, though
// impact.com accepts one, and no NOW for a date. A parameter with an empty value
// counts as absent. The parameters must not be changed afterwards.
//
// Required are CampaignId, EventDate, PageUrl (or PropertyId, for an app that
// was opened directly) and one of CustomProfileId, CustomerId, ClickId,
// GoogAId, AndroidId, AppleIfa, AppleIfv. Undocumented names, a trait for
// instance, may hold any text of up to 255 characters; impact.com does not
// say what it makes of them.
//
// The error is a *ValidationError with every problem, or nil. The check does
// not allocate if there is none.
//
// https://integrations.impact.com/brand-api-reference/reference/page-load/page-load
func NewPageLoad(p Params) (PageLoad, error) {
	c := check{endpoint: PageLoads}
	c.values(p)
	c.pageLoadRules()
	return PageLoad{p}, c.err()
}

// NewConversion checks a conversion against impact.com's documented rules:
// CampaignId, EventDate, OrderId, an event type, an attribution key, a price
// with a quantity or a subtotal per item but never both, at most one order
// total and none beside items, sub ids only with MediaId, a hashed e-mail
// address; then types and lengths. Undocumented names are allowed with up to 255
// characters, because accounts have parameters of their own. No value may hold an
// e-mail address in clear. A parameter with an empty value counts as absent. The
// parameters must not be changed afterwards.
//
// The error is a *ValidationError with every problem, or nil.
//
// https://integrations.impact.com/brand-api-reference/reference/conversions/conversions
func NewConversion(p Params) (Conversion, error) {
	c := check{endpoint: Conversions}
	c.values(p)
	c.conversionRules()
	return Conversion{p}, c.err()
}

// ValidationError lists everything that keeps a request from being sent.
type ValidationError struct {
	Endpoint Endpoint
	Fields   []FieldError
	// Unidentified reports that no parameter says whose page load it is, or how to
	// attribute the conversion.
	Unidentified bool
}

// Error returns each field and what is wrong with it, never its value.
func (e *ValidationError) Error() string {
	fields := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		fields[i] = f.String()
	}
	return "invalid " + e.Endpoint.String() + ": " + strings.Join(fields, "; ")
}
