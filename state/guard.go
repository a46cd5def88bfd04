package state

import (
	"context"
	"database/sql"
	"fmt"
	"time"

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
}

// Guard and Limit are how the rules of a trait, conversions and suppressions are
// guarded. The changes of a list are judged when it is applied; those that come
// as messages by [DB.Judge], together with what was let through in the last 24
// hours.
type (
	Guard = rules.Guard
	Limit = rules.Limit
)

// ConversionGuard says which conversions are too many to be believed: new ones,
// with what was let through in the last 24 hours, against the daily average of
// those delivered in the last 14 days.
type ConversionGuard struct {
	Count     *Limit // nil means no limit
	Money     *Limit // in hundredths, each currency by itself; nil means no limit
	FirstSync bool   // judge them even before one was delivered
}

func (g ConversionGuard) on() bool { return g.Count != nil || g.Money != nil }

// Direction says which way a set of due rows goes, and with that who judges it.
type Direction string

// The guard holds sets of these.
const (
	Exits           Direction = "exits"
	Joins           Direction = "joins"
	ConversionBatch Direction = "conversions"
	NewComputation  Direction = "computation"
)

// Unanswered is no direction of the guard's: events whose answer never came,
// kept by [Hold] until the policy is another one.
const Unanswered Direction = "unknown"

// guardWindow is how long what was let through counts for the next verdict.
const guardWindow = 24 * time.Hour

// question is what the guard is asked of one set of due rows: those of one
// scope that go in one direction.
type question struct {
	scope     int64
	direction Direction
	unit      string // "": rows are counted; else the currency, in hundredths
	limit     *Limit
	fresh     int64 // not judged before
	standing  int64 // held by earlier verdicts
	passed    int64 // others that were let through within the window
	base      int64 // what they are compared with
	exempt    bool  // a first sync
	words     func(n, base int64) string
}

// ask gives the guard's words against a set, "" if it may go. What was let
// through within the window counts, against the base at the window's start; a
// first sync that was let through starts the window anew.
func (t *tx) ask(q *question) (against string, err error) {
	var base, first sql.NullInt64
	// Beside min(id), a plain column is that row's: https://sqlite.org/lang_select.html#bareagg
	if _, err := t.get(`SELECT base, min(id) FROM guard_verdicts WHERE`+inWindow, t.window(q), &base, &first); err != nil {
		return "", err
	}
	if base.Valid {
		q.base = base.Int64
	}
	n := q.fresh + q.standing + q.passed
	if q.exempt || !q.limit.Exceeded(n, q.base) {
		return "", nil
	}
	return q.words(n, q.base), nil
}

// inWindow selects the verdicts on a set within the window. One of a clock that
// was ahead does not count for ever.
const inWindow = ` scope = ?1 AND direction = ?2 AND unit = ?3 AND at > ?4 AND at < ?5
	AND id > coalesce((SELECT max(id) FROM guard_verdicts WHERE scope = ?1 AND direction = ?2 AND unit = ?3 AND exempt = 1), 0)`

func (t *tx) window(q *question) []any {
	return []any{q.scope, q.direction, q.unit, t.now - int64(guardWindow), t.now + int64(guardWindow)}
}

// sumPassed is what the verdicts of the window let through.
func (t *tx) sumPassed(q *question) error {
	_, err := t.get(`SELECT coalesce(sum(fresh) FILTER (WHERE held = 0), 0) FROM guard_verdicts WHERE`+inWindow, t.window(q), &q.passed)
	return err
}

// noteVerdict keeps a verdict: for the next ones, and for people.
func (t *tx) noteVerdict(q *question, against string) error {
	_, err := t.exec(`INSERT INTO guard_verdicts (scope, direction, unit, run, at, fresh, base, held, exempt, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		q.scope, q.direction, q.unit, t.d.run, t.now, q.fresh, q.base, against != "", q.exempt, against)
	return err
}

func percentWords(n, base int64, l *Limit) string {
	return fmt.Sprintf("%s: more than %g %% and at least %d", share(n, base), l.Percent, l.AtLeast)
}

// share is in brackets, or "" where there is nothing to compare with.
func share(n, base int64) string {
	if base <= 0 {
		return ""
	}
	return fmt.Sprintf(" (%d %%)", n*100/base)
}

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

// awaits reports whether a row that a message made due waits for the guard's
// verdict: it is born held, so that a crash lets nothing through unjudged.
func (d *DB) awaits(r *traitRow) bool {
	g := d.guardOf(r.trait)
	if r.toSend() == falseText {
		return g.Exits != nil
	}
	return g.Joins != nil
}

// Ruling is a verdict that holds a set back.
type Ruling struct {
	Key       string // of a trait; "" for conversions
	Direction Direction
	Reason    string // the guard's words
}

// Judge lets through what was approved, and then gives the guard's verdict on
// everything that came as messages and was not judged yet. Nothing that waits
// for a verdict can be claimed before. Call it when all inputs are read. It
// gives the verdicts that hold something back. Its cost grows with what is held.
func (d *DB) Judge(ctx context.Context) (held []Ruling, err error) {
	err = d.update(ctx, func(t *tx) error {
		if err := t.loadTraits(); err != nil {
			return err
		}
		if err := t.releaseApproved(); err != nil {
			return err
		}
		if held, err = t.judgeTraits(); err != nil {
			return err
		}
		ruling, err := t.judgeConversions()
		held = append(held, ruling...)
		return err
	})
	return held, err
}

func (t *tx) judgeTraits() (held []Ruling, err error) {
	if err := t.forgetPassed(); err != nil {
		return nil, err
	}
	all, err := t.waitings()
	if err != nil || len(all) == 0 {
		return nil, err
	}
	for _, tr := range t.d.ordered() {
		for _, w := range all {
			if w.trait != tr.id {
				continue
			}
			q, err := t.questionOf(tr, w)
			if err != nil {
				return nil, err
			}
			against, err := t.rule(q)
			if err != nil {
				return nil, err
			}
			if against != "" {
				held = append(held, Ruling{tr.key, q.direction, against})
			}
		}
	}
	return held, nil
}

func (t *tx) questionOf(tr *trait, w waiting) (*question, error) {
	g := t.d.guardOf(tr)
	q := &question{scope: tr.id, direction: Exits, limit: g.Exits, fresh: w.fresh, standing: w.standing, passed: w.passed}
	if !w.exits {
		q.direction, q.limit = Joins, g.Joins
	}
	if _, err := t.get(`SELECT value FROM counters WHERE scope = ? AND name = 'told'`, []any{tr.id}, &q.base); err != nil {
		return nil, err
	}
	q.exempt = !w.exits && q.base == 0 && !g.FirstSync
	q.words = func(n, base int64) string {
		if w.exits {
			return fmt.Sprintf("%d of %d people told true would leave within 24 hours%s", n, base, percentWords(n, base, q.limit))
		}
		return fmt.Sprintf("%d people would join %d told true within 24 hours%s", n, base, percentWords(n, base, q.limit))
	}
	return q, nil
}

// rule asks, and makes the fresh rows of a trait pending or held.
func (t *tx) rule(q *question) (against string, err error) {
	if against, err = t.ask(q); err != nil {
		return "", err
	}
	if against != "" {
		err = t.markHeld(q.scope, q.direction)
	} else {
		err = t.releaseFresh(q)
	}
	if err != nil {
		return "", err
	}
	return against, t.noteVerdict(q, against)
}

// markHeld says of held rows that nobody marked yet which verdict holds them,
// since when: after any approval, whatever the clock says.
func (t *tx) markHeld(traitID int64, d Direction) error {
	_, err := t.exec(`INSERT INTO trait_faults (trait_id, profile_id, class, at)
		SELECT trait_id, profile_id, ?2, max(?3, (SELECT coalesce(max(created_at), 0) + 1 FROM approvals)) FROM trait_values WHERE status = 6 AND status > 0 AND is_exit = ?4 AND +trait_id = ?1 ON CONFLICT DO NOTHING`,
		traitID, d, t.now, d == Exits)
	return err
}

// freshRows are those of a trait and direction that wait for their verdict.
const freshRows = ` v.status = 6 AND v.status > 0 AND v.is_exit = ?2 AND +v.trait_id = ?1
	AND NOT EXISTS (SELECT 1 FROM trait_faults f WHERE f.trait_id = ?1 AND f.profile_id = v.profile_id AND f.class IS NOT NULL)`

func (t *tx) releaseFresh(q *question) error {
	if err := t.notePassed(q); err != nil {
		return err
	}
	n, err := t.exec(`UPDATE trait_values AS v SET status = 1 WHERE`+freshRows, q.scope, q.direction == Exits)
	t.count(q.scope, statusNames[statusHeld], -n)
	t.count(q.scope, statusNames[statusPending], n)
	return err
}
