// Package refund says what is left of an order after refunds. It only computes: what
// remains follows from the order and all messages about it, in whatever order and how
// often they came.
package refund

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/impactsync/impactsync/sync/money"
)

// Kind is what a message says of an order.
type Kind string

// The kinds of message.
const (
	Whole    Kind = "whole"    // all of it is taken back
	Returned Kind = "returned" // Items are taken back
	Part     Kind = "part"     // Amount is given back
	Left     Kind = "left"     // Items are left, or Amount is
	Unclear  Kind = "unclear"  // it cannot be told; Reason says why
)

// Item is a line of an order, or what a message says of it.
type Item struct {
	Sku      string       `json:"sku"`
	Category string       `json:"category,omitempty"`
	Quantity int64        `json:"quantity"`
	Amount   money.Amount `json:"-"` // of all units
}

// Message is a message about an order.
type Message struct {
	Key        string // of the message
	ID         string // of the refund, else Key: one with the same ID counts once, as the latest says
	At         int64  // its time
	Kind       Kind
	Items      []Item
	Amount     money.Amount
	Net        bool // Amount is without tax and shipping, as an order's is
	Currency   string
	Cumulative bool   // Amount is the sum of all refunds so far
	Tentative  bool   // the configuration does not say that it counts: it is only reported
	Reason     string // of Unclear
}

// Order is what was sold, as it was sent to impact.com.
type Order struct {
	Known    bool // false: nothing is known but that there were refunds
	Items    []Item
	Amount   money.Amount
	Gross    money.Amount // what the customer paid, if the order said so; else Amount
	Currency string
}

// State is what is left of an order.
type State string

// The states of an order.
const (
	Untouched State = "untouched"
	Reduced   State = "reduced" // some items are gone, or fewer of them are left
	Gone      State = "gone"
)

// Remains is what is left of an order. If Class is not empty, something of what the
// messages say cannot be acted on: "order", "part", "sku", "currency", "unclear" or
// "meaning", and Reason says it in words.
type Remains struct {
	State  State
	Items  []Item       // of Reduced: those that changed, with what is left, by Sku
	Amount money.Amount // that is left
	Back   money.Amount // that is not
	Class  string
	Reason string
}

// Text returns the state in one comparable text: "" if untouched, "reversed", or the
// items as JSON.
func (r *Remains) Text() string {
	switch r.State {
	case Gone:
		return Reversed
	case Reduced:
		text, _ := json.Marshal(r.Items) // always can be
		return string(text)
	}
	return ""
}

// Reversed is the text of an order that is gone.
const Reversed = "reversed"

// ItemsIn returns the items in a text; none for other states.
func ItemsIn(text string) (items []Item) {
	_ = json.Unmarshal([]byte(text), &items) // "" and Reversed have none
	return items
}

// Of returns what is left of an order.
func Of(o Order, all []Message) Remains {
	c := counting{order: o, left: map[string]int64{}, twice: map[string]bool{}}
	for _, it := range o.Items {
		_, again := c.left[it.Sku]
		c.twice[it.Sku] = c.twice[it.Sku] || again || it.Sku == ""
		c.left[it.Sku] += it.Quantity
	}
	for _, m := range distinct(all) {
		c.add(&m)
	}
	return c.remains()
}

// distinct returns the messages by their time, and of those with the same ID the
// latest.
func distinct(all []Message) []Message {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b Message) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Key, b.Key)) })
	last := map[string]int{}
	for i := range all {
		last[all[i].ID] = i
	}
	kept := all[:0]
	for i := range all {
		if last[all[i].ID] == i {
			kept = append(kept, all[i])
		}
	}
	return kept
}
