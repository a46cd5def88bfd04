package sync

import (
	"strconv"
	"time"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/mapping"
	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
)

// reader turns what a source read into what the state stores.
type reader struct {
	*pass
	feed  Feed
	input source.Input
	out   state.Batch
	forms *formCheck // of a list

	at         time.Time        // when the batch was read
	notSent    map[string]int64 // messages of the batch, by the reason
	counted    int64            // lines of the object whose names were counted before
	rejected   int64
	unreadable int64
	others     bool // there are people on the list whose rows need not be read
	sameIDs    bool // they have the ids they had
}

func (r *reader) batch(b source.Batch, at state.Object) state.Batch {
	r.out = state.Batch{Object: at, Counts: map[string]int64{}, Unlisted: map[state.Unlisted]int64{}, Items: make([]state.Item, 0, len(r.out.Items))} // about as many as before
	r.notSent, r.at = map[string]int64{}, r.now()
	for i := range b.Records {
		r.record(&b.Records[i])
	}
	r.out.Counts["read"] += int64(len(b.Records))
	for reason, n := range r.notSent {
		r.out.Counts["not_sent"] += n
		r.out.Counts["not_sent_"+reason] = n
	}
	return r.out
}

func (r *reader) record(rec *source.Record) {
	switch {
	case rec.Rejected != "":
		r.reject(rec, rec.Rejected)
	case rec.Skipped != "":
		r.out.Counts[rec.Skipped]++
		if rec.Change != nil && rec.Skipped == "trait_not_included" {
			r.unlisted(rec, "trait", rec.Change.Key)
		}
	case rec.Message != nil && rec.Message.Type != "delete" && !rec.Message.ConsentGiven(r.RequiredCategories):
		r.out.Counts["no_consent"]++
	case rec.Change != nil:
		r.change(rec)
	case rec.Message != nil:
		r.message(rec)
	}
}

func (r *reader) reject(rec *source.Record, reason string) {
	r.out.Rejected = append(r.out.Rejected, state.Rejected{Source: r.feed.Name(), Object: rec.Object, Line: rec.Line, Reason: reason})
}

func (r *reader) change(rec *source.Record) {
	c := rec.Change
	switch {
	case c.State == segment.ValueUnusable:
		r.out.Counts["unusable_value"]++
		return
	case c.Identity.IsZero():
		r.reject(rec, "nobody to address: no usable user id, anonymous id or e-mail address")
		return
	}
	if err := mapping.CheckTraitKey(c.Key); err != nil {
		r.reject(rec, err.Error())
		return
	}
	r.timing(c.Timing)
	at := c.At
	r.out.Items = append(r.out.Items, state.Item{
		Line: rec.Line, Person: state.Person(c.Identity), SeenAt: at,
		Change: &state.Change{
			Trait: state.TraitInfo{
				Key: c.Key, Name: segment.Redact(segment.CleanText(c.Name)), Class: traitClass(c.Class), SpaceID: c.SpaceID, ComputationID: c.ComputationID, Authority: r.rules.Of(c.Key).Authority,
			},
			Value: c.Value, Cleared: c.State == segment.ValueCleared, At: at, ReceivedAt: c.ReceivedAt, MessageID: segment.Redact(c.MessageID),
		},
	})
}

func (r *reader) message(rec *source.Record) {
	m := rec.Message
	who := m.Identity()
	if m.Type == "delete" {
		if one := r.Mapper.Placeholders().Identity(m.UserID, "", ""); !one.IsZero() {
			r.out.Items = append(r.out.Items, state.Item{Line: rec.Line, Person: state.Person(one), Forget: true})
		}
		return
	}
	r.seen(who)
	r.timing(m.Timing())
	at := r.past(m.EffectiveTime())
	if r.Mapper.IsRefund(m) {
		r.refund(rec, at)
		return
	}
	if r.tooOld(at) {
		r.out.Counts["too_old"]++
		return
	}
	p := r.Mapper.Prepare(m)
	if who.IsZero() && (p.Kind == mapping.None || !p.Identified) {
		r.reject(rec, source.NamesNobody)
		return
	}
	it := state.Item{Line: rec.Line, Person: state.Person(who), SeenAt: at, ClickID: p.ClickID, ClickSure: p.ClickSure, Event: r.event(rec, &p, at)}
	if it.Event == nil && it.ClickID == "" && (who.UserID == "" || who.AnonymousID == "") {
		return // nothing to send and nothing to remember
	}
	r.out.Items = append(r.out.Items, it)
}

// refund reads a message about a refund, however old it is.
func (r *reader) refund(rec *source.Record, at time.Time) {
	m := rec.Message
	read, ok := r.Mapper.Refund(r.feed.Name(), m)
	if !ok {
		r.reject(rec, "a refund that names no order")
		return
	}
	it := state.Item{Line: rec.Line, SeenAt: at, Refund: &state.Refund{
		Message: read.Message, OrderID: read.OrderID, Source: r.feed.Name(), Event: read.Event, Payload: read.Payload, Fingerprint: r.Mapper.RefundFingerprint(),
	}}
	if !r.tooOld(at) {
		p := r.Mapper.Prepare(m)
		it.Person, it.ClickID, it.ClickSure = state.Person(m.Identity()), p.ClickID, p.ClickSure
	}
	r.out.Items = append(r.out.Items, it)
}

// tooOld reports whether an event of a time is not sent any more.
func (r *reader) tooOld(at time.Time) bool {
	return r.MaxEventAge > 0 && !at.IsZero() && r.at.Sub(at) > r.MaxEventAge
}

// timing counts messages whose time is not taken as they state it.
func (r *reader) timing(t segment.Timing) {
	if t != "" {
		r.out.Counts[string(t)]++
	}
}

// past returns the time, or now if it is later or missing: the machine's clock may
// have been set back, and no click may count as newer than those to come.
func (r *reader) past(at time.Time) time.Time {
	if at.IsZero() || at.After(r.at) {
		return r.at
	}
	return at
}

// unlisted counts a name that the configuration does not mention, once for each line,
// however often its object is rewritten.
func (r *reader) unlisted(rec *source.Record, kind, name string) {
	if rec.Line > r.counted {
		r.out.Unlisted[state.Unlisted{Kind: kind, Name: name}]++
	}
}

// event returns the outbox entry of a message, nil if it is not to be sent.
func (r *reader) event(rec *source.Record, p *mapping.Prepared, at time.Time) *state.Event {
	m := rec.Message
	if p.Kind == mapping.None {
		r.notSent[p.Reason]++
		if p.Reason == "unlisted_event" {
			r.unlisted(rec, "event", segment.Redact(m.Event))
		}
		return nil
	}
	e := &state.Event{
		Key: m.Key(), Minute: m.Minute(), MessageID: segment.Redact(m.MessageID), Kind: state.Conversion, Name: m.Type, At: at, Payload: p.Payload,
		EventType: p.EventType, OrderID: p.OrderID, Amount: p.Amount, Currency: p.Currency, Items: p.Items, Gross: p.Gross, Refusal: r.ownRefusal(*p),
	}
	if p.Kind == mapping.PageLoad {
		e.Kind = state.PageLoad
	}
	if m.Type == "track" {
		e.Name = segment.Redact(m.Event)
	}
	if e.MessageID == "" {
		e.MessageID = "line " + strconv.FormatInt(int64(len(r.out.Items)), 10)
	}
	return e
}
