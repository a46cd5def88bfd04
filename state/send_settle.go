package state

import (
	"database/sql"
	"errors"
	"strings"
	"time"
)

// settle stores how a claim ended.
func (t *tx) settle(o *Outcome, want Want) error {
	t.countRun("requests", int64(o.Requests+o.Asked))
	for i := range o.Warnings {
		if err := t.noteWarning(o.Claim.Kind, &o.Warnings[i]); err != nil {
			return err
		}
	}
	for _, n := range o.Notes {
		t.countRun(n, 1)
	}
	if err := t.noteRequests(o.Claim.Kind.Host(), o.Requests); err != nil {
		return err
	}
	if err := t.noteRequests(HostTracking, o.Asked); err != nil {
		return err
	}
	if gone, err := t.forgotten(&o.Claim); err != nil || gone {
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

func (t *tx) noteWarning(kind Kind, w *Warning) error {
	t.countRun("warnings", 1)
	_, err := t.Exec(`INSERT INTO warnings (kind, field, level, message, count, seen_at)
		SELECT ?1, ?2, ?3, ?4, 1, ?5 WHERE (SELECT count(*) FROM warnings) < ?6 OR EXISTS (SELECT 1 FROM warnings WHERE kind = ?1 AND field = ?2 AND level = ?3 AND message = ?4)
		ON CONFLICT DO UPDATE SET count = count + 1, seen_at = excluded.seen_at`, kind, w.Field, w.Level, w.Message, t.now, mostWarnings)
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
	_, err := t.Exec(`INSERT INTO attempts (attempt, run, profile_id, delivery_id, detail, at, outcome, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		o.Claim.Attempt, t.d.run, o.Claim.Profile, sql.NullInt64{Int64: o.Claim.Delivery, Valid: o.Claim.Delivery != 0}, detail, t.now, o.Result.String(), o.Error)
	return err
}

func (t *tx) deleteAttempts(profile int64) (int64, error) {
	return t.Exec(`DELETE FROM attempts WHERE profile_id = ?`, profile)
}

func (t *tx) settleValue(o *Outcome, v *ClaimedValue) error {
	old, err := t.traitRow(v.prior.trait, v.prior.profile)
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
		next.delivered, next.deliveredAt = old.sent, sql.NullInt64{Int64: t.now / int64(time.Second), Valid: true}
		next.doubt, next.sent = false, sql.NullString{}
		return t.put(old, next.moved())
	case Unsent:
		next.status, next.fault = v.prior.status, v.prior.fault
		next.nextAttempt.Int64 = t.now // if it waited for a time, that has come
		return t.put(old, next)
	case Unknown:
		t.countRun("unknown", 1)
		next.status = statusUnknown
	case Refused:
		t.countRun("refused", 1)
		next.status = statusRefused
	default:
		next.status = statusRetryLater
	}
	return t.failed(old, next, o)
}

// foundClick stores a click id that was asked for, whatever became of the event: it
// is not asked for again, and what the person does later is due to it, too.
func (t *tx) foundClick(o *Outcome) error {
	if o.ClickID == "" || o.Claim.Profile < 0 { // a guest has no later
		return nil
	}
	at := o.Claim.prior.at
	prof, err := t.resolve(o.Person, at)
	if err != nil {
		return err
	}
	return t.click(&prof, click{id: o.ClickID, at: at, sure: sql.NullBool{Bool: true, Valid: true}})
}

func (t *tx) settleEvent(o *Outcome, want Want) error {
	p := &o.Claim.prior
	doubt := p.doubt || o.Doubt
	switch o.Result {
	case Delivered:
		t.countRun("delivered", 1)
		return t.closeEvent(p, "delivered", false, o.QueuedURI)
	case Refused:
		t.countRun("refused", 1)
		return t.failEvent(p, statusRefused, o, doubt)
	case RetryLater:
		return t.failEvent(p, statusRetryLater, o, doubt)
	case Unsent:
		return t.giveBackEvent(p, doubt)
	case TooOld:
		t.countRun("too_old", 1)
		t.countRun("dropped", 1)
		return t.closeEvent(p, "too_old", p.doubt, "")
	case Unknown:
		t.countRun("unknown", 1)
	}
	to := want.Kinds[p.kind].status()
	if to != statusSettled {
		return t.failEvent(p, to, o, true)
	}
	t.countRun("dropped", 1)
	return t.closeEvent(p, "dropped", true, "")
}

// forgotten reports whether a claim's person was forgotten while the answer
// was awaited: nothing of it may be written.
func (t *tx) forgotten(c *Claim) (bool, error) {
	var there bool
	if c.Kind != TraitUpdate {
		_, err := t.Get(`SELECT 1 FROM deliveries WHERE id = ? AND status = 2 AND attempt = ?`, []any{c.Delivery, c.Attempt}, &there)
		return !there, err
	}
	_, err := t.Get(`SELECT 1 FROM profiles WHERE id = ?`, []any{c.Profile}, &there)
	return !there, err
}
