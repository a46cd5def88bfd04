package state

import (
	"time"

	"github.com/impactsync/impactsync/sync/money"
	"github.com/impactsync/impactsync/sync/refund"
)

// Change says that a person's value of a trait changed.
type Change struct {
	Trait      TraitInfo
	Value      string
	Cleared    bool // null or absent: nothing is sent
	At         time.Time
	ReceivedAt time.Time
	MessageID  string
}

// Event is a message that becomes one delivery.
type Event struct {
	Key       string // messageId, or a hash of the message
	Minute    int64  // since 1970, the same whenever the message comes; 0 if not known
	MessageID string
	Kind      Kind // PageLoad or Conversion
	Name      string
	EventType string // with OrderID: the conversion's own key; both are empty if not known
	OrderID   string
	Amount    money.Amount // of a conversion
	Currency  string       // "" without money
	At        time.Time
	Payload   []byte        // JSON
	Items     []refund.Item // of a conversion, if refunds are read; none if it is sent without items
	Gross     money.Amount  // what the customer paid, with tax and shipping
	Refusal   OwnRefusal
}

// Item is what one input line means to the state.
type Item struct {
	Line    int64
	Person  Person
	SeenAt  time.Time
	ClickID string // of impact.com, seen on this message
	// ClickSure says that the click id came in a parameter that only impact.com uses.
	ClickSure bool
	Change    *Change
	Event     *Event
	Refund    *Refund
	Forget    bool // the person asked to be deleted
}

// Batch is what was read of an object since its last batch.
type Batch struct {
	Object   Object // as it stands after the batch
	Items    []Item
	Rejected []Rejected
	Counts   map[string]int64
	Unlisted map[Unlisted]int64
}

// OwnRefusal says whether our own rules would refuse an event.
type OwnRefusal struct {
	Reason string // "" if they would not
	// Unsure says that the answer may change when the event is claimed, by what is
	// then known of the person: their click id and their traits.
	Unsure bool
}

// Rejected is an input line or object that cannot be used. Line 0 means the
// object as a whole.
type Rejected struct {
	Source string
	Object string
	Line   int64
	Reason string
}

// Unlisted names an event or a trait key that the configuration does not list.
type Unlisted struct {
	Kind string // event or trait
	Name string
}
