package state

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/impactsync/impactsync/sync/money"
	"github.com/impactsync/impactsync/sync/refund"
)

// RefundedOrder is an order of which something is to be taken back, and what is known
// of its action.
type RefundedOrder struct {
	ID        int64
	OrderID   string
	ActionID  string
	QueuedURI string    // of the last change, until its outcome is known
	SentAt    time.Time // the conversion, as far as it is known; else the first message about a refund
	Sent      bool      // a change was sent, and impact.com does not show it so far
}

// SeenAction is an action as impact.com shows it.
type SeenAction struct {
	ID        string
	Tracker   string // ActionTrackerId
	EventType string // ours; Tracker or empty if it is not known
	State     string // PENDING, APPROVED, REVERSED
	Amount    sql.NullInt64
	Intended  sql.NullInt64
	Currency  string
	LockingAt time.Time // zero: not set
}

func (a *SeenAction) live() bool { return a.State != "REVERSED" }

// RefundLooks returns orders whose action is to be looked at now.
func (d *DB) RefundLooks(ctx context.Context, most int) ([]RefundedOrder, error) {
	now := d.now().UnixNano()
	return read(ctx, d, func(v *view) ([]RefundedOrder, error) {
		return collect(v, `SELECT c.id, c.order_id, coalesce(c.action_id, ''), coalesce(c.queued_uri, ''), coalesce((SELECT max(d.delivered_at) FROM deliveries d WHERE d.order_id = c.order_id), c.first_at),
			c.status = 5 OR c.class = 'shown' FROM order_changes c
			WHERE c.status IN (3, 5) AND c.status > 0 AND c.next_attempt_at <= ? AND c.class <> 'conversion' AND c.class <> 'retry' ORDER BY c.next_attempt_at LIMIT ?`, []any{now, most},
			func(o *RefundedOrder) []any {
				return []any{&o.ID, &o.OrderID, &o.ActionID, &o.QueuedURI, moment{&o.SentAt}, &o.Sent}
			})
	})
}

// KnownActions returns the actions of an order that were read.
func (d *DB) KnownActions(ctx context.Context, order string) ([]SeenAction, error) {
	return read(ctx, d, func(v *view) ([]SeenAction, error) { return knownActions(v, order) })
}

func knownActions(r reading, order string) ([]SeenAction, error) {
	return collect(r, `SELECT id, tracker_id, event_type, state, amount, intended_amount, coalesce(currency, ''), locking_at FROM actions WHERE order_id = ? ORDER BY id`, []any{order},
		func(a *SeenAction) []any {
			return []any{&a.ID, &a.Tracker, &a.EventType, &a.State, &a.Amount, &a.Intended, &a.Currency, moment{&a.LockingAt}}
		})
}

// Look is what a look at an order's actions found.
type Look struct {
	Order   RefundedOrder
	Actions []SeenAction // all that have the order's id; nil: none was found
	Fault   string       // impact.com's reason not to make the last change
	Failed  string       // why nothing was found out
}

// NoteLooks stores what looks found, and decides what becomes of the orders.
func (d *DB) NoteLooks(ctx context.Context, rules RefundRules, looks []Look, requests int) error {
	return d.update(context.WithoutCancel(ctx), func(t *tx) error {
		if err := t.refundRequests(requests); err != nil {
			return err
		}
		for i := range looks {
			var c orderChange
			found, err := t.Get(selectChange+`WHERE id = ?`, []any{looks[i].Order.ID}, c.dest()...)
			if err != nil {
				return err
			}
			if found {
				if err := t.noteLook(&c, &looks[i], rules); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (t *tx) refundRequests(n int) error {
	t.countRun("requests", int64(n))
	return t.noteRequests(HostAPI, n)
}

func (t *tx) noteLook(c *orderChange, l *Look, rules RefundRules) error {
	before, sent := *c, c.underWay()
	switch {
	case l.Failed != "":
		c.reason, c.nextAt = l.Failed, t.nextLook(c)
	case sent:
		t.resolveChange(c, l, rules)
	default:
		t.choose(c, l.Actions, rules)
	}
	if c.status == statusRefused && before.status != statusRefused {
		t.countRun("refunds_reported", 1)
	}
	return t.putChange(c, sent && c.status == statusSettled && c.wanted != c.told)
}

// nextLook is when an order is looked at again: after ten minutes, and twice as long
// each time, six hours at most.
func (t *tx) nextLook(c *orderChange) int64 {
	wait := min(10*time.Minute<<min(c.looks, 10), 6*time.Hour)
	c.looks++
	return t.now + int64(wait)
}

// resolveChange says what became of a change that was sent.
func (t *tx) resolveChange(c *orderChange, l *Look, rules RefundRules) {
	i := slices.IndexFunc(l.Actions, func(a SeenAction) bool { return a.ID == c.action })
	switch waited := t.now - c.attemptedAt; {
	case l.Fault != "":
		c.told, c.doubt, c.queuedURI = c.prior, false, ""
		c.report("refused", "impact.com did not make the change: "+l.Fault)
	case i >= 0 && c.shows(&l.Actions[i]):
		t.shown(c, &l.Actions[i])
	case i >= 0 && l.Actions[i].State == "APPROVED":
		c.told, c.doubt = c.prior, false
		c.report("locked", "the action was approved and can no longer be changed")
	case waited < int64(rules.Wait):
		c.nextAt = t.nextLook(c)
	case c.status == statusUnknown: // it did not arrive
		c.offer()
	default:
		c.told = c.prior
		c.report("not_shown", "impact.com took the change and does not show it; the contract may ask for the partner's consent")
	}
}

// shows reports whether an action is as the last attempt said.
func (c *orderChange) shows(a *SeenAction) bool {
	if c.sent.String == refund.Reversed {
		return !a.live()
	}
	return !a.live() || a.Amount.Valid && a.Amount != c.before
}

// shown settles a change that impact.com shows.
func (t *tx) shown(c *orderChange, a *SeenAction) {
	c.told, c.doubt, c.seen, c.queuedURI, c.looks = c.sent.String, false, a.Amount, "", 0
	if c.toldAt == 0 {
		c.toldAt = t.now
	}
	reason := ""
	if c.told == c.wanted && c.told != refund.Reversed && a.live() && a.Amount.Valid && a.Currency == c.currency && money.Amount(a.Amount.Int64) != c.left {
		reason = fmt.Sprintf("impact.com shows %s %s where %s was expected", money.Amount(a.Amount.Int64).Format(a.Currency), a.Currency, c.left.Format(c.currency))
	}
	c.settle(refundDone, reason)
	t.countRun("refunds_done", 1)
}

// choose finds the action to be changed, or says why there is none.
func (t *tx) choose(c *orderChange, all []SeenAction, rules RefundRules) {
	all, ok := c.ofEventType(all)
	if !ok {
		c.report("event_types", "actions of several event types have this order id, and the refund does not say which it is about")
		return
	}
	var live, reversed []SeenAction
	for _, a := range all {
		if a.live() {
			live = append(live, a)
		} else {
			reversed = append(reversed, a)
		}
	}
	switch {
	case len(all) == 0:
		t.missing(c, rules)
	case len(live) == 0:
		c.action = reversed[len(reversed)-1].ID
		c.settle(refundDone, "the action was reversed before")
	case len(live) > 1:
		c.report("several", "more than one live action has this order id: a partner may be paid twice; nothing is changed")
	case len(reversed) > 0 || c.action != "" && c.action != live[0].ID:
		c.report("reattributed", "action "+live[0].ID+" replaces one that was reversed: the order was given to another partner")
	default:
		c.action = live[0].ID
		t.check(c, &live[0], rules)
	}
}

// ofEventType returns the actions of the conversion's event type, none if they are all
// known to be of others; false if that cannot be told.
func (c *orderChange) ofEventType(all []SeenAction) (some []SeenAction, ok bool) {
	same, others := true, 0
	for i := range all {
		a := &all[i]
		same = same && a.Tracker == all[0].Tracker
		switch {
		case c.eventType == "":
		case a.Tracker == c.eventType || a.EventType == c.eventType:
			some = append(some, *a)
		case isNumber(c.eventType) || a.EventType != "" && a.EventType != a.Tracker:
			others++
		}
	}
	if len(some) > 0 || others == len(all) {
		return some, true
	}
	return all, same
}

// isNumber reports whether an event type is impact.com's number of it, which its
// actions have.
func isNumber(eventType string) bool { return strings.Trim(eventType, "0123456789") == "" }

// missing waits for an action, or gives it up: most orders have no partner.
func (t *tx) missing(c *orderChange, rules RefundRules) {
	since := c.firstAt
	var delivered sql.NullInt64
	if _, err := t.Get(`SELECT max(delivered_at) FROM deliveries WHERE order_id = ? AND outcome = 'delivered'`, []any{c.order}, &delivered); err == nil && delivered.Valid {
		since = delivered.Int64
	}
	if t.now-since < int64(rules.Wait) {
		c.wait(waitsAction, "impact.com shows no action so far", t.nextLook(c))
		return
	}
	c.settle(refundNoAction, "impact.com shows no action: no partner was credited, so nothing is to be taken back")
}

// check says whether an action may be changed as wanted, and makes that due.
func (t *tx) check(c *orderChange, a *SeenAction, rules RefundRules) {
	class, reason := c.against(a, rules, t.now)
	switch {
	case class == refundDone:
		c.told, c.seen = c.wanted, a.Amount
		c.settle(refundDone, "the action had the amount already")
	case class != "":
		c.report(class, reason)
	default:
		c.before = a.Amount
		c.offer()
	}
}

// against returns why an action must not be changed as wanted; [refundDone] if it is
// as wanted.
func (c *orderChange) against(a *SeenAction, rules RefundRules, now int64) (class, reason string) {
	locks := a.LockingAt.UnixNano()
	switch {
	case a.State == "APPROVED":
		return "locked", "the action is approved and can no longer be changed: what is paid for it can only come back as a transfer between brand and partner"
	case a.State != "PENDING":
		return "locked", "the action is in the state " + strconv.Quote(a.State) + ", in which nothing is changed"
	case a.LockingAt.IsZero() || slices.Contains(rules.OpenEnded, a.Tracker) || slices.Contains(rules.OpenEnded, c.eventType):
		return "open_ended", "the action has no locking date, or refunds.openEnded names its event type: any change would approve or reject it"
	case now >= locks-int64(rules.Margin):
		return "locked", "the action locks at " + a.LockingAt.UTC().Format(time.RFC3339) + ", which is too soon for a change"
	case c.wanted == refund.Reversed:
		return "", ""
	case !a.Amount.Valid || c.currency == "" || a.Currency != c.currency:
		return "currency", "the order is in " + orNone(c.currency) + ", the action in " + orNone(a.Currency) + ": its items are not changed"
	case c.told == "" && money.Amount(a.Amount.Int64) == c.left:
		return refundDone, ""
	case c.told == "" && a.Intended.Valid && a.Amount != a.Intended, c.told != "" && c.seen.Valid && a.Amount != c.seen:
		return "modified", "somebody else has changed the action's amount"
	}
	return "", ""
}

func orNone(currency string) string {
	if currency == "" {
		return "an unknown currency"
	}
	return currency
}
