package state

import (
	"database/sql"
	"fmt"
	"slices"
	"time"
)

// Kind tells what a delivery is.
type Kind string

// The kinds of deliveries. A trait update is a page load too, made from trait
// values and not from a message.
const (
	PageLoad    Kind = "page_load"
	Conversion  Kind = "conversion"
	TraitUpdate Kind = "trait_update"
)

// Hosts, as requests_sent names them.
const (
	HostTracking = "tracking"
	HostAPI      = "api"

	// hostLookups counts those of the API host's requests that asked for a verdict.
	hostLookups = "api_lookups"
	// hostActions counts those that read lists of actions.
	hostActions = "api_actions"
)

// Host returns the host that takes deliveries of this kind.
func (k Kind) Host() string {
	if k == Conversion {
		return HostAPI
	}
	return HostTracking
}

// Policy says what becomes of a delivery whose answer never came.
type Policy string

// Policies for unknown deliveries. Trait updates are always sent again:
// telling impact.com the same twice is harmless, not knowing what it was told is not.
const (
	Resend Policy = "resend"
	Drop   Policy = "drop"
	Hold   Policy = "hold"
)

// status returns what the policy makes of an event.
func (p Policy) status() status {
	switch p {
	case Drop:
		return statusSettled
	case Hold:
		return statusHeld
	default:
		return statusUnknown
	}
}

// Claim is one delivery that its holder may send now, once. The attempt is
// recorded before the caller gets it.
type Claim struct {
	Kind     Kind
	Attempt  int64
	Profile  int64
	Person   Person
	ClickID  string // the person's last one before the event
	NewClick bool   // that one is of the event itself
	Sure     bool   // that click id came under a name that only impact.com uses
	Attempts int    // earlier attempts
	Doubt    bool   // impact.com may have it already
	Probe    bool   // see [Want]

	// Of a trait update.
	Values []ClaimedValue

	// Of an event.
	Delivery int64
	Event    string
	At       time.Time
	Payload  []byte
	Left     map[string]int64 // of a conversion: how many units refunds left of some items, by Sku

	was status // of an event, before the claim
}

// ClaimedValue is one trait value as it is sent.
type ClaimedValue struct {
	Key   string
	Value string
	At    time.Time // when it became wanted
	Exit  bool

	trait *trait
	prior prior
}

// prior is what a claim changed of a trait value.
type prior struct {
	status status
	doubt  bool
	sent   sql.NullString
}

// Result is how a claim ended.
type Result int

// The results of a claim.
const (
	// Delivered: answered with 2xx.
	Delivered Result = iota + 1
	// Refused: a retry will not cure it.
	Refused
	// RetryLater: it certainly did not arrive, or was turned away for now.
	RetryLater
	// Unknown: it may have arrived.
	Unknown
	// Unsent: nothing was tried; it is as it was before the claim.
	Unsent
	// TooOld: an event that waited so long that it is given up unsent.
	TooOld
)

// String returns the name of the result in the state and the logs.
func (r Result) String() string {
	switch r {
	case Delivered:
		return "delivered"
	case Refused:
		return "refused"
	case RetryLater:
		return "retry later"
	case Unknown:
		return "unknown"
	case Unsent:
		return "unsent"
	case TooOld:
		return "too old"
	}
	return fmt.Sprintf("result %d", int(r))
}

// Warning is a remark by impact.com on a request that it accepted.
type Warning struct {
	Kind    Kind   `json:"kind"`
	Field   string `json:"field"`
	Level   string `json:"level"`
	Message string `json:"message"`
	Count   int64  `json:"count"`
}

// Outcome tells how a claim ended.
type Outcome struct {
	Claim       *Claim
	Result      Result
	Next        time.Time // of RetryLater and Unknown: not before
	Class       string    // of Refused
	Doubt       bool      // of all but Delivered: an earlier request of this attempt may have arrived
	Error       string    // without secrets and addresses
	RefusedKeys []string  // of a trait update: only these were refused; the rest was delivered, or goes again
	Fingerprint string    // of mapping and configuration, with Refused
	QueuedURI   string    // of a delivered conversion
	Requests    int       // HTTP requests made
	Throttled   bool      // the host answered 429
	Odd         bool      // the host gave an answer that no delivery should get, which says little about this one
	Warnings    []Warning // on a request that was accepted
	Notes       []string  // counted by word, e.g. text_cut
	Asked       int       // further HTTP requests to the tracking host, for the click of an install
	ClickID     string    // that click, which is the person's from the event on
	Person      Person    // whose ClickID it is
}

// of returns how a claim ended for one of its traits. If impact.com named the
// traits that it refused, the others were delivered with a 2xx, or not at all.
func (o *Outcome) of(key string) Result {
	switch {
	case len(o.RefusedKeys) == 0:
		return o.Result
	case slices.Contains(o.RefusedKeys, key):
		return Refused
	case o.Result == Refused:
		return Unsent
	}
	return o.Result
}
