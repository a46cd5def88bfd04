package state

import (
	"database/sql"
	"time"
)

// traitRow is what is wanted of a person for a trait, and what impact.com was told.
type traitRow struct {
	trait       *trait
	profile     int64
	exists      bool
	status      status
	doubt       bool
	wanted      sql.NullString
	wantedAt    int64         // when it became wanted
	orderedAt   sql.NullInt64 // of the newest message that said the same
	delivered   sql.NullString
	deliveredAt sql.NullInt64 // in seconds
	sent        sql.NullString
	attempt     sql.NullInt64
	origin      sql.NullInt64
	receivedAt  sql.NullInt64
	messageID   sql.NullString
	fault
}

// fault is what is the matter with a row that failed, or is held.
type fault struct {
	attempts    int // that failed
	nextAttempt sql.NullInt64
	lastError   sql.NullString
	class       sql.NullString
	value       sql.NullString
	fingerprint sql.NullString
	at          sql.NullInt64
}

// settled reports whether a row belongs into trait_values.
func (r *traitRow) settled() bool { return r.status == statusSettled && !r.doubt }

// due reports whether impact.com has to be told something.
//
// Nobody gets a false who was never told true, and a computed trait without a
// value has nothing that could be sent.
func (r *traitRow) due() bool {
	switch {
	case r.trait.class == Audience:
		return r.doubt || r.isWanted() != r.isDelivered()
	case !r.wanted.Valid:
		return false
	}
	return r.doubt || r.wanted != r.delivered
}

// toSend returns the value that a due row sends.
func (r *traitRow) toSend() string {
	if !r.wanted.Valid {
		return falseText
	}
	return r.wanted.String
}

// isExit reports whether the row sends a false.
func (r *traitRow) isExit() bool { return r.trait.class == Audience && r.toSend() == falseText }

// saying returns the row after something other than a message said what is wanted.
func (r traitRow) saying(wanted sql.NullString, at int64, origin sql.NullInt64) traitRow {
	r.wanted, r.wantedAt, r.orderedAt, r.origin = wanted, at, sql.NullInt64{}, origin
	r.receivedAt, r.messageID = sql.NullInt64{}, sql.NullString{}
	return r
}

// claimed returns the row after its claim.
func (r traitRow) claimed() traitRow {
	r.status, r.doubt, r.sent = statusInFlight, true, sql.NullString{String: r.toSend(), Valid: true}
	return r
}

// answered returns the row after what was sent was delivered.
func (r traitRow) answered(at int64) traitRow {
	r.delivered, r.deliveredAt = r.sent, sql.NullInt64{Int64: at / int64(time.Second), Valid: true}
	r.doubt, r.sent, r.attempt = false, sql.NullString{}, sql.NullInt64{}
	return r.moved()
}

// moved returns the row after what is wanted or the doubt changed: the trouble with
// the old value is over, and the row is pending or settled.
func (r traitRow) moved() traitRow {
	r.status, r.fault = statusSettled, fault{}
	if r.due() {
		r.status = statusPending
	}
	return r
}

// order returns the time by which a row prevails over others.
func (r *traitRow) order() int64 { return max(r.wantedAt, r.orderedAt.Int64) }

// prevails reports whether a visitor's row prevails over the row of the user that
// the visitor turned out to be. If the newest list confirmed both, whoever is on it
// under one of the ids is a member.
func (r *traitRow) prevails(o *traitRow) bool {
	if listed := r.trait.confirmedAt(); max(r.order(), o.order()) <= listed {
		return r.isWanted() && !o.isWanted()
	}
	return r.newerThan(o)
}

// newerThan reports whether a change came after another one, by the effective time,
// then the receipt, then the message id.
func (r *traitRow) newerThan(o *traitRow) bool {
	if r.order() != o.order() {
		return r.order() > o.order()
	}
	if r.receivedAt.Int64 != o.receivedAt.Int64 {
		return r.receivedAt.Int64 > o.receivedAt.Int64
	}
	return r.messageID.String > o.messageID.String
}

// told reports whether impact.com was told true of this person, or may have been.
func (r *traitRow) told() bool { return r.doubt && r.sent.String != falseText || r.isDelivered() }

func (r *traitRow) isWanted() bool { return r.holds(r.wanted) }

func (r *traitRow) isDelivered() bool { return r.holds(r.delivered) }

// holds reports whether a value is there, and true of an audience.
func (r *traitRow) holds(v sql.NullString) bool {
	return v.Valid && (r.trait.class == Computed || v.String == trueText)
}

// countMove counts a change of what is wanted for the run's balance:
// found = delivered + superseded + absorbed + forgotten + dropped + growth of
// what is due.
func (t *tx) countMove(old, r traitRow) {
	was, is := old.exists && old.status != statusSettled, r.status != statusSettled
	switch {
	case !was && is:
		t.countRun("found", 1)
	case was && is && old.wanted != r.wanted:
		t.countRun("found", 1)
		t.countRun("superseded", 1)
	case was && !is:
		t.countRun("superseded", 1)
	}
}
