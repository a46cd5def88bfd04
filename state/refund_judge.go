package state

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/impactsync/impactsync/sync/money"
	"github.com/impactsync/impactsync/sync/refund"
)

// RefundMode is what is done about refunds.
type RefundMode string

// The modes.
const (
	RefundReport  RefundMode = "report"  // nothing is sent
	RefundReverse RefundMode = "reverse" // whole orders are taken back
	RefundItems   RefundMode = "items"   // items, too
)

// RefundRules say what a run does about refunds.
type RefundRules struct {
	Mode      RefundMode
	Wait      time.Duration // how long an action may take to appear, and a change to show
	Margin    time.Duration // so long before it locks, an action is not changed any more
	OpenEnded []string      // event types whose actions wait to be approved or rejected

	Fingerprint string // of the configuration: what another one decided is decided anew
}

// The classes of orders that were taken back: of settled ones what became of them, of
// waiting ones what for, of reported ones why.
const (
	refundNone     = "none"       // nothing is taken back
	refundDone     = "done"       // impact.com shows it
	refundCarried  = "carried"    // the conversion says it
	refundWithheld = "superseded" // the conversion is not sent
	refundNoAction = "no_action"  // no partner was credited

	waitsConversion = "conversion"
	waitsAction     = "action"
	waitsShown      = "shown"
	waitsRetry      = "retry"
)

// orderChange is a row of order_changes.
type orderChange struct {
	id                           int64
	order, eventType             string
	status                       status
	class, reason                string
	wanted, told, prior          string
	sent, carried, passed        sql.NullString
	doubt                        bool
	left, back                   money.Amount
	currency, action             string
	before, seen                 sql.NullInt64
	attempts, looks              int
	attemptedAt, nextAt, firstAt int64
	toldAt                       int64
	queuedURI                    string
}

const selectChange = `SELECT id, order_id, coalesce(event_type, ''), status, coalesce(class, ''), coalesce(reason, ''), wanted, told, prior, sent, carried, passed, doubt,
	coalesce(amount_left, 0), coalesce(amount_back, 0), coalesce(currency, ''), coalesce(action_id, ''), amount_before, amount_seen, attempts, looks,
	coalesce(attempted_at, 0), coalesce(next_attempt_at, 0), first_at, coalesce(told_at, 0), coalesce(queued_uri, '') FROM order_changes `

func (c *orderChange) dest() []any {
	return []any{&c.id, &c.order, &c.eventType, &c.status, &c.class, &c.reason, &c.wanted, &c.told, &c.prior, &c.sent, &c.carried, &c.passed, &c.doubt,
		&c.left, &c.back, &c.currency, &c.action, &c.before, &c.seen, &c.attempts, &c.looks, &c.attemptedAt, &c.nextAt, &c.firstAt, &c.toldAt, &c.queuedURI}
}

// putChange stores a row. Stale is whether it is to be computed anew.
func (t *tx) putChange(c *orderChange, stale bool) error {
	next := sql.NullInt64{Int64: c.nextAt, Valid: c.status == statusRetryLater || c.status == statusUnknown}
	_, err := t.Exec(`UPDATE order_changes SET event_type = ?, status = ?, class = ?, reason = ?, wanted = ?, told = ?, prior = ?, sent = ?, carried = ?, passed = ?, doubt = ?, amount_left = ?, amount_back = ?,
		currency = ?, action_id = ?, amount_before = ?, amount_seen = ?, attempts = ?, looks = ?, attempted_at = ?, next_attempt_at = ?, told_at = ?, queued_uri = ?, stale = ?, changed_at = ? WHERE id = ?`,
		null(c.eventType), c.status, null(c.class), null(c.reason), c.wanted, c.told, c.prior, c.sent, c.carried, c.passed, c.doubt, c.left, c.back,
		null(c.currency), null(c.action), c.before, c.seen, c.attempts, c.looks, zeroNull(c.attemptedAt), next, zeroNull(c.toldAt), null(c.queuedURI), stale, t.now, c.id)
	return err
}

func zeroNull(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

// settle, wait, report and offer give a row its status.
func (c *orderChange) settle(class, reason string) {
	c.status, c.class, c.reason = statusSettled, class, reason
}

func (c *orderChange) wait(class, reason string, until int64) {
	c.status, c.class, c.reason, c.nextAt = statusRetryLater, class, reason, until
}

func (c *orderChange) report(class, reason string) {
	c.status, c.class, c.reason = statusRefused, class, reason
}

// offer makes a change due, as soon as the guard has let it through.
func (c *orderChange) offer() {
	c.class, c.reason = "", ""
	if c.status = statusHeld; c.passed.Valid && c.passed.String == c.wanted {
		c.status = statusPending
	}
}

// underWay reports whether what impact.com was told is not certain yet: nothing else
// may be said before it is.
func (c *orderChange) underWay() bool {
	return c.status == statusInFlight || c.status == statusUnknown || c.status == statusRetryLater && c.class == waitsShown
}

// JudgeRefunds computes what impact.com is to know of the orders that refunds are
// about, before anything is sent: a conversion that was not sent yet is sent with what
// is left of it, or not at all. Call it when all inputs are read.
func (d *DB) JudgeRefunds(ctx context.Context, rules RefundRules) error {
	err := d.update(ctx, func(t *tx) error {
		if err := t.noteCarried(); err != nil {
			return err
		}
		_, err := t.Exec(`UPDATE order_changes SET stale = 1 WHERE stale = 0 AND (status IN (1, 4, 6) AND status > 0 AND rules <> ? OR status = 3 AND status > 0 AND class = 'conversion' OR carried IS NOT NULL)`, rules.Fingerprint)
		return err
	})
	if err != nil {
		return err
	}
	const atOnce = 1000
	for more := true; more; {
		err := d.update(ctx, func(t *tx) error {
			all, err := collect(t, selectChange+`WHERE stale = 1 LIMIT ?`, []any{atOnce}, (*orderChange).dest)
			if err != nil {
				return err
			}
			more = len(all) == atOnce
			for i := range all {
				if err := t.judgeOrder(&all[i], rules); err != nil {
					return fmt.Errorf("order %q: %w", all[i].order, err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return d.update(ctx, (*tx).settleSeen)
}

// noteCarried notes what conversions said of refunds that came before them.
func (t *tx) noteCarried() error {
	_, err := t.Exec(`UPDATE order_changes SET told = carried, told_at = ?1, carried = NULL, stale = 1
		WHERE carried IS NOT NULL AND EXISTS (SELECT 1 FROM deliveries d WHERE d.order_id = order_changes.order_id AND d.kind = 'conversion' AND d.status = 0 AND d.outcome = 'delivered')`, t.now)
	return err
}

func (t *tx) judgeOrder(c *orderChange, rules RefundRules) error {
	s, err := t.saleOf(c.order)
	if err != nil {
		return err
	}
	messages, err := t.messagesOf(c.order)
	if err != nil {
		return err
	}
	r := refund.Of(s.Order, messages)
	c.wanted, c.left, c.back, c.currency, c.eventType = r.Text(), r.Amount, r.Back, s.Currency, s.eventType
	if c.underWay() { // it is looked at again when that is certain
		return t.putChange(c, false)
	}
	before := *c
	if err := t.decide(c, &s, &r, rules); err != nil {
		return err
	}
	if c.status == statusRefused && (before.status != statusRefused || before.class != c.class) {
		t.countRun("refunds_reported", 1)
	}
	if err := t.putChange(c, false); err != nil {
		return err
	}
	_, err = t.Exec(`UPDATE order_changes SET rules = ? WHERE id = ?`, rules.Fingerprint, c.id)
	return err
}

// decide says what is to become of an order.
func (t *tx) decide(c *orderChange, s *sale, r *refund.Remains, rules RefundRules) error {
	switch {
	case s.several:
		c.report("event_types", "conversions of several event types have this order id, and the refund does not say which it is about")
	case c.wanted == c.told && r.Class != "":
		c.report(r.Class, r.Reason)
	case c.wanted == c.told:
		class := refundDone
		if c.told == "" {
			class = refundNone
		}
		if c.status != statusSettled || c.class == "" {
			c.settle(class, "")
		}
	case rules.Mode == RefundReport:
		c.report("mode", "refunds.mode is report: nothing is sent")
	case r.State == refund.Reduced && rules.Mode != RefundItems:
		c.report("part", "a part of the order was taken back, and refunds.mode is reverse: items would send it")
	case less(c.wanted, c.told):
		c.report("less", "impact.com was told that more of the order is gone; that is not taken back by itself")
	default:
		return t.decideBySale(c, s, r)
	}
	return nil
}

// less reports whether less is wanted to be gone than was told.
func less(wanted, told string) bool {
	if told == refund.Reversed || wanted == "" {
		return wanted != told
	}
	left := map[string]int64{}
	for _, it := range refund.ItemsIn(told) {
		left[it.Sku] = it.Quantity
	}
	if wanted == refund.Reversed {
		return false
	}
	found := 0
	for _, it := range refund.ItemsIn(wanted) {
		if n, was := left[it.Sku]; was {
			if found++; it.Quantity > n {
				return true
			}
		}
	}
	return found < len(left)
}

// decideBySale goes on by what became of the conversion.
func (t *tx) decideBySale(c *orderChange, s *sale, r *refund.Remains) error {
	unsent := s.id != 0 && !s.doubt && (s.status == statusPending || s.status == statusRetryLater || s.status == statusRefused || s.status == statusHeld)
	switch {
	case unsent && r.State == refund.Gone:
		c.settle(refundWithheld, "the order was taken back before it was sent, and is not sent")
		c.carried = sql.NullString{}
		return t.withdrawEvent(s.id)
	case unsent:
		c.settle(refundCarried, "the conversion is sent with what is left of the order")
		c.carried = sql.NullString{String: c.wanted, Valid: true}
		return t.setAmount(s.id, c.left)
	case s.id != 0 && s.status != statusSettled && !t.hasAction(c.order):
		c.wait(waitsConversion, "the conversion may have been sent; it is not certain yet", t.now+int64(time.Hour))
	case s.id != 0 && s.outcome == "refunded":
		c.settle(refundWithheld, "the order was taken back before it was sent, and is not sent")
	case s.id != 0 && s.outcome != "delivered" && !s.doubt:
		c.settle(refundNone, "the order was not sent: "+s.outcome)
	case c.status == statusPending || c.status == statusHeld && c.class != "":
		c.passedFor() // it waits for its turn, or for an approval
	case c.status == statusRetryLater && (c.class == waitsAction || c.class == waitsRetry): // it goes on waiting
	default:
		c.looks = 0
		c.wait(waitsAction, "", t.now)
	}
	return nil
}

// hasAction reports whether an action of an order was read: then its conversion came
// through, whatever is known of that.
func (t *tx) hasAction(order string) (found bool) {
	_, _ = t.Get(`SELECT 1 FROM actions WHERE order_id = ? LIMIT 1`, []any{order}, &found) // if it cannot be read, the order waits
	return found
}

// passedFor has the guard judge a row again if it is about more than it let through.
func (c *orderChange) passedFor() {
	if c.status == statusPending {
		c.offer()
	}
}
