package state

import (
	"github.com/impactsync/impactsync/state/internal/guard"
	"github.com/impactsync/impactsync/state/rules"
)

// Guards are the limits of a run. The zero value lets everything through but
// a list that ends every membership, and a computation that is new under a
// known key.
type Guards struct {
	// Traits limits the changes of audiences. See [DB.SetRules].
	Traits rules.Table
	// Conversions limits the outbox.
	Conversions ConversionGuard
	// Suppressions limits who is taken out as suppressed, of all people known; nil means no limit.
	Suppressions *Limit
	// Reversals limits how much of what was sold is taken back.
	Reversals ReversalGuard
}

// Guard says which changes of one audience are too many to be believed. The
// changes of a list are judged when it is applied; those that come as messages
// by [DB.Judge], together with what was let through in the last 24 hours.
type Guard = rules.Guard

// Limit says how many changes are too many.
type Limit = rules.Limit

// ConversionGuard says which conversions are too many to be believed: new ones,
// with what was let through in the last 24 hours, against the daily average of
// those delivered in the last 14 days.
type ConversionGuard struct {
	Count     *Limit // nil means no limit
	Money     *Limit // in ten-thousandths, each currency by itself; nil means no limit
	FirstSync bool   // judge them even before one was delivered
}

// ReversalGuard says how many reversals of actions are too many to be believed: those
// of a run, with what was let through in the last 24 hours, against the daily average
// of the last 14 days.
type ReversalGuard struct {
	Count *Limit // nil means no limit
	Money *Limit // in ten-thousandths, each currency by itself; nil means no limit
}

func (g ConversionGuard) on() bool { return g.Count != nil || g.Money != nil }

// Direction says which way a set of due rows goes, and with that how it is judged.
type Direction = guard.Direction

// The guard holds sets of these.
const (
	Exits           = guard.Exits
	Joins           = guard.Joins
	ConversionBatch = guard.Conversions
	Suppressions    = guard.Suppressions
	NewComputation  = guard.Computation
	Reversals       = guard.Reversals
)

// Unanswered is not a direction of the guard: events whose answer never came,
// held by [Hold] until the policy is another one.
const Unanswered Direction = "unknown"

// SetRules replaces the rules of traits for the rest of the run: some are known
// only once the inputs are listed. Nothing else may use the state meanwhile.
func (d *DB) SetRules(t rules.Table) { d.guards.Traits = t }

// guardOf returns a trait's guard; values of computed traits have none.
func (d *DB) guardOf(tr *trait) Guard {
	if tr.class != Audience {
		return Guard{}
	}
	return d.guards.Traits.Of(tr.key).Guard
}

// awaits reports whether a row that a message made due waits for the guard's verdict.
// Such a row is stored as held, so that a crash lets nothing through unjudged.
func (d *DB) awaits(r *traitRow) bool {
	g := d.guardOf(r.trait)
	if r.isExit() {
		return g.Exits != nil
	}
	return g.Joins != nil
}

// firstStatus returns the status of a new event.
func (d *DB) firstStatus(k Kind) status {
	if k == Conversion && d.guards.Conversions.on() {
		return statusHeld // until the guard's verdict
	}
	return statusPending
}
