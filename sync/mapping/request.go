package mapping

import "github.com/impactsync/impactsync/impactapi"

// Kind is what a message becomes.
type Kind int

// A message becomes nothing, a page load, a conversion, or the conversion of
// an app install.
const (
	None Kind = iota
	PageLoad
	Conversion
	Install
)

// String returns the kind's name in lower case.
func (k Kind) String() string {
	return [...]string{"none", "page_load", "conversion", "install"}[k]
}

func isConversion(k Kind) bool { return k == Conversion || k == Install }

// Route is what a message becomes. If that is nothing, Reason is a word for
// counters, such as "page_events_off" or "unlisted_event".
type Route struct {
	Kind   Kind
	Reason string
}

// Request is one call to make. It is valid until the message that it was made
// from is released.
type Request struct {
	Kind   Kind // PageLoad, Conversion or Install
	Params impactapi.Params
	Notes  []Note

	// The request as the client sends it: a page load, or the conversion that also
	// an install is.
	PageLoad   impactapi.PageLoad
	Conversion impactapi.Conversion
}

// Note records that a parameter was changed or left out, as a word for counters.
type Note struct {
	Word      string
	Parameter string
}

// The words of notes.
const (
	NoteCut       = "cut"               // descriptive text over the limit
	NoteTooLong   = "too_long"          // an identifier over the limit, left out
	NoteUnusable  = "unusable"          // not of the parameter's type, left out
	NoteProduct   = "product_dropped"   // products without a price; the others are worth the order's sum
	NoteItems     = "items_left_out"    // unusable products: the order's own sum is sent instead, as unusableItems says
	NoteUnpriced  = "products_unpriced" // no product has a price: no items
	NoteDiscount  = "discount_left_out" // the amounts sent are those after it, or orderDiscount says so
	NoteOrderID   = "order_without_id"  // with money: messageId is sent as OrderId
	NoteFuture    = "future_date"       // an event of the future, dated now
	NotePrivateIP = "private_ip"        // an IP address that is not public, left out
)

// Refusal is the error that no request can be made from a message or a trait change,
// for a reason that a retry does not cure. Of the message, its text holds at most a
// product's name and an amount, shortened and without addresses.
type Refusal struct {
	Class  string // "identifier", "order", "time" or "parameter"
	Reason string
}

// Error implements error.
func (r *Refusal) Error() string { return r.Reason }

// NotSent returns the refusal of a message that is routed nowhere.
func NotSent(r Route) *Refusal {
	return &Refusal{Class: "parameter", Reason: "not to be sent: " + r.Reason}
}
