package state

import (
	"database/sql"
	"errors"
	"strings"
)

// settle stores how claims ended: what was delivered at once, the rest one by one.
func (t *tx) settle(outcomes []Outcome, want Want) error {
	if err := t.noteAnswers(outcomes); err != nil {
		return err
	}
	events, updates := map[Kind][]closing{}, []*Claim(nil)
	for i := range outcomes {
		o := &outcomes[i]
		switch {
		case o.Result != Delivered || o.ClickID != "" || len(o.RefusedKeys) > 0:
			if err := t.settleOne(o, want); err != nil {
				return err
			}
		case o.Claim.Kind == TraitUpdate:
			updates = append(updates, o.Claim)
		default:
			events[o.Claim.Kind] = append(events[o.Claim.Kind], o.closing())
		}
	}
	for kind, all := range events {
		if err := t.eventsDelivered(kind, all...); err != nil {
			return err
		}
	}
	return t.updatesDelivered(updates)
}

// noteAnswers counts the requests of some outcomes, and what their answers said.
func (t *tx) noteAnswers(outcomes []Outcome) error {
	sent, warnings := map[string]int{}, map[Warning]int64{}
	for i := range outcomes {
		o := &outcomes[i]
		sent[o.Claim.Kind.Host()] += o.Requests
		sent[HostTracking] += o.Asked
		for _, w := range o.Warnings {
			w.Kind = o.Claim.Kind
			warnings[w]++
		}
		for _, n := range o.Notes {
			t.countRun(n, 1)
		}
	}
	for host, n := range sent {
		t.countRun("requests", int64(n))
		if err := t.noteRequests(host, n); err != nil {
			return err
		}
	}
	for w, n := range warnings {
		if err := t.noteWarning(w, n); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) settleOne(o *Outcome, want Want) error {
	if gone, err := t.forgotten(o.Claim); err != nil || gone {
		return err
	}
	if o.Result == Refused || o.Result == RetryLater || o.Result == Unknown || len(o.RefusedKeys) > 0 {
		if err := t.noteAttempt(o); err != nil {
			return err
		}
	}
	if o.Claim.Kind != TraitUpdate {
		return errors.Join(t.foundClick(o), t.settleEvent(o, want))
	}
	for i := range o.Claim.Values {
		if err := t.settleValue(o, &o.Claim.Values[i]); err != nil {
			return err
		}
	}
	return nil
}

// mostWarnings bounds how many different warnings are kept.
const mostWarnings = 1000

func (t *tx) noteWarning(w Warning, n int64) error {
	t.countRun("warnings", n)
	_, err := t.Exec(`INSERT INTO warnings (kind, field, level, message, count, seen_at)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE (SELECT count(*) FROM warnings) < ?7 OR EXISTS (SELECT 1 FROM warnings WHERE kind = ?1 AND field = ?2 AND level = ?3 AND message = ?4)
		ON CONFLICT DO UPDATE SET count = count + excluded.count, seen_at = excluded.seen_at`, w.Kind, w.Field, w.Level, w.Message, n, t.now, mostWarnings)
	return err
}

// forgetWarnings removes the warnings that quote one of some ids, given as JSON:
// impact.com's remarks may quote what was sent.
func (t *tx) forgetWarnings(ids string) error {
	_, err := t.Exec(`DELETE FROM warnings WHERE EXISTS (SELECT 1 FROM json_each(?1) j WHERE instr(message || ' ' || field, j.value) > 0)`, ids)
	return err
}

func (t *tx) noteAttempt(o *Outcome) error {
	detail := o.Claim.Event
	if o.Claim.Kind == TraitUpdate {
		var parts []string
		for _, v := range o.Claim.Values {
			parts = append(parts, v.Key+"="+v.Value)
		}
		detail = strings.Join(parts, " ")
	}
	_, err := t.Exec(`INSERT INTO failed_attempts (attempt, run, profile_id, delivery_id, detail, at, outcome, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		o.Claim.Attempt, t.d.run, o.Claim.Profile, sql.NullInt64{Int64: o.Claim.Delivery, Valid: o.Claim.Delivery != 0}, detail, t.now, o.Result.String(), o.Error)
	return err
}

func (t *tx) deleteAttempts(profile int64) (int64, error) {
	return t.Exec(`DELETE FROM failed_attempts WHERE profile_id = ?`, profile)
}

func (t *tx) settleValue(o *Outcome, v *ClaimedValue) error {
	old, err := t.traitRow(v.trait, o.Claim.Profile)
	if err != nil || !old.exists || old.status != statusInFlight || old.attempt.Int64 != o.Claim.Attempt {
		return err // forgotten meanwhile
	}
	next := old
	next.attempt = sql.NullInt64{}
	result := o.of(v.Key)
	if result != Delivered && result != Unknown && !o.Doubt { // this attempt told impact.com nothing
		next.doubt, next.sent = v.prior.doubt, v.prior.sent
	}
	switch result {
	case Delivered:
		t.countRun("delivered", 1)
		return t.put(old, old.answered(t.now))
	case Unsent:
		next.status = v.prior.status
		next.nextAttempt = sql.NullInt64{Int64: t.now, Valid: next.status != statusPending} // if it waited for a time, that has come
		return t.put(old, next)
	case Unknown:
		t.countRun("unknown", 1)
		next.status = statusUnknown
		if v.prior.doubt && next.sent.String == falseText { // impact.com may still hold what was sent before
			next.sent = v.prior.sent
		}
	case Refused:
		t.countRun("refused", 1)
		next.status = statusRefused
	default:
		next.status = statusRetryLater
	}
	return t.failed(old, next, o)
}

// updatesDelivered settles trait updates. What has changed since it was claimed is
// looked at one by one.
func (t *tx) updatesDelivered(claims []*Claim) error {
	if all, err := t.deliverValues(claims); err != nil || all {
		return err
	}
	for _, c := range claims {
		if err := t.settleOne(&Outcome{Claim: c, Result: Delivered}, Want{}); err != nil {
			return err
		}
	}
	return nil
}

// foundClick stores a click id that was asked for, whatever became of the event: it
// is not asked for again, and what the person does later is due to it, too.
func (t *tx) foundClick(o *Outcome) error {
	if o.ClickID == "" || o.Claim.Profile < 0 { // a guest has no later
		return nil
	}
	at := o.Claim.At.UnixNano()
	prof, err := t.resolve(o.Person, at)
	if err != nil {
		return err
	}
	return t.click(&prof, click{id: o.ClickID, at: at, sure: sql.NullBool{Bool: true, Valid: true}})
}

func (t *tx) settleEvent(o *Outcome, want Want) error {
	c := o.Claim
	doubt := c.Doubt || o.Doubt
	switch o.Result {
	case Delivered:
		return t.eventsDelivered(c.Kind, o.closing())
	case Refused:
		t.countRun("refused", 1)
		return t.failEvent(o, statusRefused, doubt)
	case RetryLater:
		return t.failEvent(o, statusRetryLater, doubt)
	case Unsent:
		return t.giveBackEvent(c, doubt)
	case TooOld:
		t.countRun("too_old", 1)
		return t.giveUpEvent(o, "too_old", c.Doubt)
	case Unknown:
		t.countRun("unknown", 1)
	}
	if to := want.Kinds[c.Kind].status(); to != statusSettled {
		return t.failEvent(o, to, true)
	}
	return t.giveUpEvent(o, "dropped", true)
}

func (o *Outcome) closing() closing {
	return closing{o.Claim.Delivery, o.Claim.Attempt, o.QueuedURI}
}

func (t *tx) eventsDelivered(kind Kind, all ...closing) error {
	n, err := t.closeEvents(kind, "delivered", false, all...)
	t.countRun("delivered", n)
	return err
}

func (t *tx) giveUpEvent(o *Outcome, why string, doubt bool) error {
	n, err := t.closeEvents(o.Claim.Kind, why, doubt, closing{Delivery: o.Claim.Delivery, Attempt: o.Claim.Attempt})
	t.countRun("dropped", n)
	return err
}

// forgotten reports whether a claim's person was forgotten while the answer
// was awaited: nothing of it may be written.
func (t *tx) forgotten(c *Claim) (bool, error) {
	var there bool
	if c.Kind != TraitUpdate {
		_, err := t.Get(`SELECT 1 FROM deliveries WHERE id = ? AND status = 2 AND attempt = ?`, []any{c.Delivery, c.Attempt}, &there)
		return !there, err
	}
	_, err := t.Get(`SELECT 1 FROM people WHERE id = ?`, []any{c.Profile}, &there)
	return !there, err
}
