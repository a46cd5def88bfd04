package state

import (
	"context"
	"fmt"
)

// PersonTrait is everything known of one trait of a person.
type PersonTrait struct {
	Key         string  `json:"key"`
	Wanted      *string `json:"wanted"`
	Delivered   *string `json:"delivered"`
	Doubt       bool    `json:"doubt"`
	Status      string  `json:"status"`
	ChangedAt   string  `json:"changed_at"`
	DeliveredAt string  `json:"delivered_at,omitempty"`
	NextAttempt string  `json:"next_attempt_at,omitempty"`
	LastError   string  `json:"last_error,omitempty"`
	Class       string  `json:"class,omitempty"`
	Origin      string  `json:"origin"`
}

// PersonEvent is one event of a person.
type PersonEvent struct {
	Kind        string `json:"kind"`
	Event       string `json:"event"`
	MessageID   string `json:"message_id"`
	OrderID     string `json:"order_id,omitempty"`
	At          string `json:"event_at"`
	Status      string `json:"status"`
	Attempts    int64  `json:"attempts"`
	DeliveredAt string `json:"delivered_at,omitempty"`
	NextAttempt string `json:"next_attempt_at,omitempty"`
	LastError   string `json:"last_error,omitempty"`
	Class       string `json:"class,omitempty"` // of a refusal
	Object      string `json:"object,omitempty"`
	Line        int64  `json:"line,omitempty"`
	QueuedURI   string `json:"queued_uri,omitempty"`
	Verdict     string `json:"verdict,omitempty"` // on a conversion, as we read impact.com's answer, if it was looked up
	ErrorType   string `json:"error_type,omitempty"`
	Reasons     string `json:"reasons,omitempty"`
}

// PersonAttempt is one attempt that failed.
type PersonAttempt struct {
	At      string `json:"at"`
	Run     int64  `json:"run"`
	Detail  string `json:"detail"`
	Outcome string `json:"outcome"`
	Error   string `json:"error"`
}

// Explanation is everything known of one person.
type Explanation struct {
	UserID       string          `json:"user_id,omitempty"`
	AnonymousID  string          `json:"anonymous_id,omitempty"`
	EmailSHA1    string          `json:"email_sha1,omitempty"`
	AbsorbedInto string          `json:"absorbed_into,omitempty"`
	ClickID      string          `json:"click_id,omitempty"`
	Anonymous    []string        `json:"absorbed_anonymous_ids,omitempty"`
	SameAddress  []string        `json:"same_address,omitempty"` // others known by the address that was asked for
	Traits       []PersonTrait   `json:"traits"`
	Events       []PersonEvent   `json:"events"`
	Attempts     []PersonAttempt `json:"attempts"`
}

const iso = `strftime('%%Y-%%m-%%dT%%H:%%M:%%S', %[1]s / 1000000000, 'unixepoch') || printf('.%%03dZ', %[1]s / 1000000 %% 1000)`

func isoText(column string) string { return "coalesce(" + fmt.Sprintf(iso, column) + ", '')" }

const statusWords = `CASE %s WHEN 0 THEN 'settled' WHEN 1 THEN 'pending' WHEN 2 THEN 'in flight' WHEN 3 THEN 'retry later' WHEN 4 THEN 'refused' WHEN 5 THEN 'unknown' ELSE 'held' END`

// Explain returns everything known of the person with this user id, or else with this
// anonymous id, or else of the first person who is known by this SHA-1 of an address;
// SameAddress names the others. If nobody has the id, it is looked up among the orders
// and messages of guests, who have no ids. ErrNotFound means that nothing is known. A
// SHA-1 that is nobody's id reads all profiles and the payloads of all due events;
// anything else costs a few look-ups.
func (d *DB) Explain(ctx context.Context, id string) (Explanation, error) {
	return readApplied(ctx, d, func(v *view) (e Explanation, err error) {
		for _, p := range named(id) {
			known, err := v.person(p, &e)
			if err != nil || known && p.EmailSHA1 == "" {
				return e, err
			}
			if p.EmailSHA1 == "" {
				continue
			}
			if known, err = v.address(p.EmailSHA1, known, &e); err != nil || known {
				return e, err
			}
		}
		if known, err := v.guest(id, &e); err != nil || known {
			return e, err
		}
		return e, fmt.Errorf("%w: nobody with the id %q: no trait, no event, no click id", ErrNotFound, id)
	})
}

// address explains the first person who is known by a hashed address, unless the
// person who is known by nothing else is explained already.
func (v *view) address(hash string, known bool, e *Explanation) (bool, error) {
	people, err := knownBy(v, hash)
	if err != nil {
		return false, err
	}
	var others []string
	for _, prof := range people {
		kind, key := prof.person.kindAndKey()
		switch {
		case kind == 'e': // explained by key
		case !known:
			known = true
			if err := v.explain(prof, e); err != nil {
				return false, err
			}
		case len(others) < mostOthers:
			others = append(others, key)
		}
	}
	e.SameAddress = others
	return known, nil
}

// mostOthers is how many ids a list in an explanation has at most.
const mostOthers = 100

func (v *view) person(p Person, e *Explanation) (known bool, err error) {
	prof, known, err := finder(v.byID).find(p)
	if err == nil {
		err = v.explain(prof, e)
	}
	return known || len(e.Traits)+len(e.Events)+len(e.Attempts) > 0, err // only events are known
}

func (v *view) explain(prof profile, e *Explanation) (err error) {
	*e = Explanation{Events: []PersonEvent{}, Attempts: []PersonAttempt{}}
	if prof.absorbed != 0 {
		if prof, _, err = v.byID(prof.absorbed); err != nil {
			return err
		}
		e.AbsorbedInto = prof.person.UserID
	}
	e.UserID, e.AnonymousID, e.EmailSHA1, e.ClickID = prof.person.UserID, prof.person.AnonymousID, prof.person.EmailSHA1, prof.click.id
	if e.Anonymous, err = collect(v, `SELECT coalesce(anonymous_id, '') FROM profiles WHERE absorbed_into = ? LIMIT ?`, []any{prof.id, mostOthers}, itself[string]); err != nil {
		return err
	}
	if e.Traits, err = v.traitsOf(prof.id); err != nil {
		return err
	}
	return v.eventsAndAttempts(prof.id, e)
}

func (v *view) traitsOf(id int64) ([]PersonTrait, error) {
	return collect(v, `SELECT t.key, `+valueText("v.wanted")+`, `+valueText("v.delivered")+`, v.doubt, `+fmt.Sprintf(statusWords, "v.status")+`, `+isoText("v.wanted_at")+`, `+isoText("v.delivered_at * 1000000000")+`, `+
		isoText("v.next_attempt_at")+`, coalesce(v.last_error, (SELECT reason FROM guard_verdicts g WHERE g.scope = v.trait_id AND g.direction = v.class AND g.held = 1 ORDER BY g.id DESC LIMIT 1), ''), coalesce(v.class, ''),
		coalesce((SELECT o.source || ': ' || o.name FROM objects o WHERE o.id = v.origin), (SELECT g.source || ': list ' || replace(g.objects, char(10), ', ') FROM generations g WHERE g.id = -v.origin), '')
		FROM traits t CROSS JOIN trait_rows v ON v.trait_id = t.id AND v.profile_id = ? ORDER BY t.key`, []any{id}, func(p *PersonTrait) []any {
		return []any{&p.Key, &p.Wanted, &p.Delivered, &p.Doubt, &p.Status, &p.ChangedAt, &p.DeliveredAt, &p.NextAttempt, &p.LastError, &p.Class, &p.Origin}
	})
}

// eventsAndAttempts adds the events and attempts under a profile's number.
func (v *view) eventsAndAttempts(id int64, e *Explanation) error {
	events, err := collect(v, `SELECT d.kind, d.event, d.message_id, coalesce(d.order_id, ''), `+isoText("d.event_at")+`, coalesce(d.outcome, `+fmt.Sprintf(statusWords, "d.status")+`), d.attempts, `+
		isoText("d.delivered_at")+`, CASE WHEN d.status IN (3, 5) THEN `+isoText("d.next_attempt_at")+` ELSE '' END,
		coalesce(d.last_error, CASE d.class WHEN 'conversions' THEN (SELECT reason FROM guard_verdicts g WHERE g.scope = -1 AND g.held = 1 ORDER BY g.id DESC LIMIT 1) END, ''), coalesce(o.name, ''), coalesce(d.line, 0),
		coalesce(d.class, ''), coalesce(d.queued_uri, ''), coalesce(v.verdict, ''), coalesce(v.error_type, ''), coalesce(v.reasons, '')
		FROM deliveries d LEFT JOIN objects o ON o.id = d.origin LEFT JOIN verdicts v ON v.delivery_id = d.id WHERE d.id IN (`+eventsOf("?1")+`) ORDER BY d.event_at DESC LIMIT 1000`, []any{id}, func(p *PersonEvent) []any {
		return []any{&p.Kind, &p.Event, &p.MessageID, &p.OrderID, &p.At, &p.Status, &p.Attempts, &p.DeliveredAt, &p.NextAttempt, &p.LastError, &p.Object, &p.Line,
			&p.Class, &p.QueuedURI, &p.Verdict, &p.ErrorType, &p.Reasons}
	})
	if err != nil {
		return err
	}
	attempts, err := collect(v, `SELECT `+isoText("at")+`, run, detail, outcome, error FROM failed_attempts WHERE profile_id = ? ORDER BY id DESC LIMIT 1000`, []any{id}, func(a *PersonAttempt) []any {
		return []any{&a.At, &a.Run, &a.Detail, &a.Outcome, &a.Error}
	})
	e.Events, e.Attempts = append(e.Events, events...), append(e.Attempts, attempts...)
	return err
}

// guest explains the guests' events with this order id or message id.
func (v *view) guest(id string, e *Explanation) (known bool, err error) {
	numbers, err := guestsWith(v, id)
	if err != nil || len(numbers) == 0 {
		return false, err
	}
	*e = Explanation{Traits: []PersonTrait{}, Events: []PersonEvent{}, Attempts: []PersonAttempt{}}
	for _, number := range numbers {
		if err := v.eventsAndAttempts(number, e); err != nil {
			return false, err
		}
	}
	return true, nil
}
