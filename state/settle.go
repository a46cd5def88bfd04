package state

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

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

// Warning is a remark of impact.com's on a request that it took.
type Warning struct {
	Kind    Kind   `json:"kind"`
	Field   string `json:"field"`
	Level   string `json:"level"`
	Message string `json:"message"`
	Count   int64  `json:"count"`
}

// Outcome tells how a claim ended.
type Outcome struct {
	Claim       Claim
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
	Odd         bool      // the host answered as it answers no delivery: of itself, that tells nothing of this one
	Warnings    []Warning // impact.com's remarks on a request that it took
	Notes       []string  // counted by word, e.g. text_cut
	Asked       int       // HTTP requests to the tracking host beside these, for the click of an install
	ClickID     string    // that one, which is its person's click from the event on
	Person      Person    // of a ClickID
}

// of is how a claim ended for one of its traits. Where impact.com named the
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

// mostWarnings bounds the different warnings that are kept.
const mostWarnings = 1000

func (t *tx) noteWarning(kind Kind, w *Warning) error {
	t.countRun("warnings", 1)
	_, err := t.Exec(`INSERT INTO warnings (kind, field, level, message, count, seen_at)
		SELECT ?1, ?2, ?3, ?4, 1, ?5 WHERE (SELECT count(*) FROM warnings) < ?6 OR EXISTS (SELECT 1 FROM warnings WHERE kind = ?1 AND field = ?2 AND level = ?3 AND message = ?4)
		ON CONFLICT DO UPDATE SET count = count + 1, seen_at = excluded.seen_at`, kind, w.Field, w.Level, w.Message, t.now, mostWarnings)
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

// String is the result as the state and the logs name it.
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
		next.delivered, next.deliveredAt = old.sent, sql.NullInt64{Int64: t.now / int64(time.Millisecond), Valid: true}
		next.doubt, next.sent = false, sql.NullString{}
		return errors.Join(t.put(old, next.moved()), t.deleteFault(&old))
	case Unsent:
		next.status = v.prior.status
		return errors.Join(t.put(old, next), t.retryAtOnce(&old))
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

// failed stores a row whose claim did not end well.
func (t *tx) failed(old, next traitRow, o *Outcome) error {
	return errors.Join(t.put(old, next), t.noteFault(&next, old.sent.String, o))
}

// foundClick keeps a click id that was asked for, whatever became of the event: it
// need not be asked for again, and what the person does later came from it too.
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
		return t.refuseEvent(p, o, doubt)
	case RetryLater:
		return t.deferEvent(p, statusRetryLater, o, doubt)
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
		return t.deferEvent(p, to, o, true)
	}
	t.countRun("dropped", 1)
	return t.closeEvent(p, "dropped", true, "")
}
