package mapping

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/sync/refund"
	"github.com/impactsync/impactsync/sync/segment"
)

// RefundSettings say which track events take orders back, and what they mean.
type RefundSettings struct {
	// Names of track events, in any case, in addition to the defaults, or instead of
	// them: Order Refunded, Order Cancelled and Order Updated.
	Refunds, Cancels, Updates             []string
	OnlyRefunds, OnlyCancels, OnlyUpdates bool

	ID       string // the path of a refund's own id
	Meanings []Meaning
}

// Meaning says what messages about refunds mean. The first that matches counts.
type Meaning struct {
	Source string // a pattern of names of sources (path.Match); empty: all
	Event  string // in any case; empty: refunds, and with MeansNewTotal updates, too

	Amount     string // MeansReturned, ...; empty: the default
	Field      string // with MeansField: the path of the amount
	Full       string // the path of a boolean that says that it is the whole order
	MinorUnits bool   // the amount at Field is in cents, or whatever its currency has
	Cumulative bool   // the amount is the sum of all refunds so far
}

// What an amount means.
const (
	MeansReturned   = "returned"     // the part that is given back; products are those returned
	MeansNewTotal   = "newTotal"     // what is left of the order; products are those left
	MeansWholeOrder = "wholeOrder"   // nothing: each such message takes the whole order back
	MeansProducts   = "fromProducts" // nothing: the products are those returned
	MeansField      = "field"        // the part that is given back, at a path
)

// Meanings are the words for what an amount means.
var Meanings = []string{MeansReturned, MeansNewTotal, MeansWholeOrder, MeansProducts, MeansField}

var (
	defaultRefunds = []string{"Order Refunded"}
	defaultCancels = []string{"Order Cancelled"}
	defaultUpdates = []string{"Order Updated"}
)

// refundEvent is what an event is about.
type refundEvent uint8

const (
	noRefund refundEvent = iota
	refunded
	cancelled
	updated
)

// refunds are the compiled settings.
type refunds struct {
	names    map[string]refundEvent // by folded name
	spelled  []string               // as the settings write them
	id       segment.Path
	meanings []meaningOf
	kept     *node // of the properties

	fingerprint string
}

type meaningOf struct {
	Meaning
	event       string // folded
	field, full *segment.Path
}

func newRefunds(s *RefundSettings) (*refunds, error) {
	if s == nil {
		return nil, nil
	}
	r := &refunds{names: map[string]refundEvent{}, kept: &node{}}
	var problems []error
	parse := func(key, text string) *segment.Path {
		p, err := segment.ParsePath(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("refunds.%s: %w", key, err))
			return nil
		}
		if keys := p.Keys(); keys[0] == "properties" && len(keys) > 1 {
			r.kept.grow(keys[1:]...).leaf = true
		} else {
			problems = append(problems, fmt.Errorf("refunds.%s: %q is not a path below properties, such as properties.refund_amount", key, text))
		}
		return &p
	}
	if p := parse("refundId", cmp.Or(s.ID, "properties.refund_id")); p != nil {
		r.id = *p
	}
	for i, m := range s.Meanings {
		key := fmt.Sprintf("meanings[%d].", i)
		one := meaningOf{Meaning: m, event: FoldEvent(m.Event)}
		if m.Field != "" {
			one.field = parse(key+"field", m.Field)
		}
		if m.Full != "" {
			one.full = parse(key+"full", m.Full)
		}
		r.meanings = append(r.meanings, one)
	}
	r.sort(s)
	r.fingerprint = fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%v", *s)))[:16]
	return r, errors.Join(problems...)
}

// sort puts each name into its list, the first that has it.
func (r *refunds) sort(s *RefundSettings) {
	for _, l := range []struct {
		event           refundEvent
		named, defaults []string
		only            bool
	}{{refunded, s.Refunds, defaultRefunds, s.OnlyRefunds}, {cancelled, s.Cancels, defaultCancels, s.OnlyCancels}, {updated, s.Updates, defaultUpdates, s.OnlyUpdates}} {
		names := l.named
		if !l.only {
			names = slices.Concat(l.defaults, names)
		}
		for _, name := range names {
			if folded := FoldEvent(name); r.names[folded] == noRefund {
				r.names[folded] = l.event
				r.spelled = append(r.spelled, name)
			}
		}
	}
}

// of returns what the settings say of an event of a source.
func (r *refunds) of(source, event string, kind refundEvent) meaningOf {
	for _, m := range r.meanings {
		matches, _ := path.Match(m.Source, source) // checked when it was loaded
		if (m.Source == "" || matches) && (m.event == event || m.event == "" && m.covers(kind)) {
			return m
		}
	}
	return meaningOf{}
}

// covers reports whether a meaning without an event is about such events. An update of
// an order has all of its products and amounts, of which nothing was given back.
func (m *meaningOf) covers(kind refundEvent) bool {
	return kind == refunded || kind == updated && m.Amount == MeansNewTotal
}

// RefundFingerprint returns a text that changes with what messages about refunds mean.
func (m *Mapper) RefundFingerprint() string {
	if m.refunds == nil {
		return ""
	}
	return m.refunds.fingerprint
}

// Refund is what a message says of an order.
type Refund struct {
	refund.Message
	OrderID string
	Event   string
	Payload []byte // the message reduced to what Refund reads
}

// Refund reads a message about a refund. It is not ok if the message is not about one,
// or names no order. The settings have no refunds unless [Settings.Refunds] is set; an
// event that is a conversion is none.
func (m *Mapper) Refund(source string, msg *segment.Message) (r Refund, ok bool) {
	if m.refunds == nil || msg.Type != "track" {
		return r, false
	}
	event := FoldEvent(msg.Event)
	kind := m.refunds.names[event]
	if kind == noRefund || m.names.lookup(msg.Event).kind != None {
		return r, false
	}
	read := refundReader{mapper: m, build: m.newBuild(msg, Person{}), meaning: m.refunds.of(source, event, kind)}
	read.build.code = strings.Clone(read.build.statedCurrency()) // it outlives the message
	stated := read.currency()
	read.build.anyCurrency = stated == ""
	r.OrderID = read.orderID()
	r.Key, r.Event = messageKey(msg), segment.Redact(strings.TrimSpace(msg.Event))
	if r.OrderID == "" {
		return r, false
	}
	r.Message = read.message(kind)
	r.Currency = cmp.Or(r.Currency, stated)
	r.Key, r.ID, r.At = messageKey(msg), messageKey(msg), msg.EffectiveTime().UnixNano()
	if id := strings.TrimSpace(textOf(msg.Lookup(m.refunds.id))); segment.UsableID(id) {
		r.ID = strings.Clone(segment.Redact(id))
	}
	r.Payload = m.reduceRefund(msg, r.OrderID)
	return r, true
}

// IsRefund reports whether a message would be about a refund if it named an order.
func (m *Mapper) IsRefund(msg *segment.Message) bool {
	return m.refunds != nil && msg.Type == "track" && m.refunds.names[FoldEvent(msg.Event)] != noRefund && m.names.lookup(msg.Event).kind == None
}
