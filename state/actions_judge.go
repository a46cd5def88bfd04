package state

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/impactsync/impactsync/sync/money"
)

// Judging says how orders are judged.
type Judging struct {
	After           time.Duration // no order is expected to have an action sooner after it was sent
	AccountCurrency string        // "": the most frequent one of the actions
	Reattribution   []string      // dispositions of actions that were given to another partner, beside those that say so
}

// judgedAtOnce is how many orders get their verdict in one transaction.
const judgedAtOnce = 10_000

// JudgeOrders gives each order that we or impact.com know its verdict, some thousands in
// a transaction. What was not read is not held against an order: it waits.
func (d *DB) JudgeOrders(ctx context.Context, j Judging) error {
	args, err := d.judgingArgs(ctx, j)
	if err != nil {
		return err
	}
	if err := d.update(ctx, (*tx).settleSeen); err != nil {
		return err
	}
	for low, more := "", true; more; {
		err := d.update(ctx, func(t *tx) (err error) {
			var high any
			if high, more, err = t.nextOrders(low); err != nil {
				return err
			}
			if err := t.judgeRange(low, high, args); err != nil {
				return err
			}
			if more {
				low = high.(string)
				return nil
			}
			if err := t.pruneOrders(); err != nil {
				return err
			}
			_, err = t.Exec(`UPDATE reconcile_reads SET judged_at = ? WHERE ended_at IS NOT NULL AND judged_at IS NULL`, t.now)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// judgingArgs returns the parameters of [judgeOrders] behind the range.
func (d *DB) judgingArgs(ctx context.Context, j Judging) (args []any, err error) {
	codes := j.Reattribution
	if codes == nil {
		codes = []string{}
	}
	currency := j.AccountCurrency
	var since, until int64
	err = d.view(ctx, func(v *view) error {
		if currency == "" {
			if err := v.Scan(`SELECT currency FROM actions WHERE currency IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC LIMIT 1`, nil, &currency); err != nil {
				return err
			}
		}
		// A reading in which rows were missed proves nothing about orders without an action.
		return v.Scan(`SELECT since_at, started_at FROM reconcile_reads WHERE ended_at IS NOT NULL AND missed = 0 ORDER BY id DESC LIMIT 1`, nil, &since, &until)
	})
	return []any{currency, since, until - int64(j.After), asJSON(codes), int64(j.After)}, err
}

// nextOrders returns the last of the next orders behind one. If there are no more, it
// is a value behind all texts.
func (t *tx) nextOrders(low string) (high any, more bool, err error) {
	var next sql.NullString
	_, err = t.Get(`SELECT min(order_id) FROM (
		SELECT * FROM (SELECT order_id FROM deliveries WHERE order_id > ?1 ORDER BY order_id LIMIT 1 OFFSET ?2)
		UNION ALL SELECT * FROM (SELECT order_id FROM actions WHERE order_id > ?1 ORDER BY order_id LIMIT 1 OFFSET ?2)
		UNION ALL SELECT * FROM (SELECT order_id FROM reconciliations WHERE order_id > ?1 ORDER BY order_id LIMIT 1 OFFSET ?2))`, []any{low, judgedAtOnce}, &next)
	if err != nil || !next.Valid {
		return []byte{}, false, err // a blob is behind all texts
	}
	return next.String, true, nil
}

func (t *tx) judgeRange(low string, high any, args []any) error {
	before, err := t.verdictsOf(low, high)
	if err != nil {
		return err
	}
	if _, err := t.Exec(judgeOrders, append([]any{low, high, t.now}, args...)...); err != nil {
		return err
	}
	after, err := t.verdictsOf(low, high)
	if err != nil {
		return err
	}
	return t.countVerdicts(before, after)
}

func (t *tx) verdictsOf(low string, high any) (map[string]int64, error) {
	return pairs[int64](t, `SELECT verdict, count(*) FROM reconciliations WHERE order_id > ? AND order_id <= ? GROUP BY 1`, low, high)
}

func (t *tx) countVerdicts(before, after map[string]int64) error {
	moved := after
	for verdict, n := range before {
		moved[verdict] -= n
	}
	for verdict, n := range moved {
		if n == 0 {
			continue
		}
		if _, err := t.Exec(`INSERT INTO reconciliation_counts (verdict, orders) VALUES (?, ?) ON CONFLICT (verdict) DO UPDATE SET orders = orders + excluded.orders`, verdict, n); err != nil {
			return err
		}
	}
	return nil
}

// The parameters of judgeOrders: from which order, to which, now, the account's
// currency, since when actions were read, until when an order must have been sent to
// have an action by now, the dispositions of re-attributions, and how long an order is
// young.
var judgeOrders = `
WITH sold AS MATERIALIZED (
	SELECT d.order_id, d.event_type, d.status, d.outcome, d.amount, d.currency, d.event_at, d.last_error, v.verdict AS submission, v.reasons,
		CASE WHEN d.status = 0 AND d.outcome NOT IN ('dropped', 'refunded') THEN d.delivered_at END AS sent_at
	FROM deliveries d LEFT JOIN verdicts v ON v.delivery_id = d.id
	WHERE d.order_id > ?1 AND d.order_id <= ?2 AND d.event_type IS NOT NULL
), there AS MATERIALIZED (
	SELECT order_id, event_type, count(*) AS actions, sum(state <> 'REVERSED') AS live, sum(amount) FILTER (WHERE state <> 'REVERSED') AS live_amount,
		sum(payout) FILTER (WHERE state <> 'REVERSED') AS payout, sum(client_cost) FILTER (WHERE state <> 'REVERSED') AS client_cost,
		max((state <> 'REVERSED') * 4611686018427387904 + coalesce(created_at, 0)) AS newest, -- whose row the following are of
		id, state, amount, intended_amount, currency, partner_id, event_at, locking_at, cleared_at, seen_at
	FROM actions WHERE order_id > ?1 AND order_id <= ?2 GROUP BY order_id, event_type
), undone AS MATERIALIZED (
	SELECT a.order_id, a.event_type, max(coalesce(c.updated_at, 0)) AS at, c.disposition,
		sum(c.disposition LIKE '%REATTRIB%' OR c.disposition IN (SELECT value FROM json_each(?7))) AS moved,
		sum(c.disposition IS NULL OR c.disposition IN ('', 'IR_BLANK')) AS unsaid
	FROM actions a LEFT JOIN action_changes c ON c.action_id = a.id AND c.state = 'REVERSED'
	WHERE a.state = 'REVERSED' AND a.order_id > ?1 AND a.order_id <= ?2 GROUP BY a.order_id, a.event_type
), keys AS (
	SELECT order_id, event_type FROM sold UNION SELECT order_id, event_type FROM there
	UNION SELECT order_id, event_type FROM reconciliations WHERE order_id > ?1 AND order_id <= ?2
), facts AS (
	SELECT k.order_id, k.event_type, s.order_id IS NOT NULL OR coalesce(o.ours, 0) AS ours, s.status, s.outcome, s.last_error, s.submission, s.reasons,
		coalesce(s.amount, o.amount_sent) AS amount_sent, coalesce(s.currency, o.currency_sent) AS currency_sent, coalesce(s.event_at, o.event_at, t.event_at) AS event_at,
		coalesce(s.sent_at, o.sent_at) AS sent_at, o.verdict AS old, o.reason AS old_reason, o.changed_at,
		t.actions, t.live, t.live_amount, t.payout, t.client_cost, t.id, t.state, t.amount, t.intended_amount, t.currency, t.partner_id, t.locking_at, t.cleared_at, t.seen_at, u.disposition, coalesce(u.moved, 0) > 0 AS moved, coalesce(u.unsaid, 0) > 0 AS unsaid,
		coalesce(c.wanted, CASE WHEN o.amount_wanted = 0 THEN 'reversed' WHEN o.amount_wanted > 0 THEN 'less' END, '') AS wanted,
		coalesce(c.told, CASE WHEN o.verdict IN ('refund_owed', 'reversed_elsewhere', 'reattributed') THEN '' WHEN o.amount_wanted = 0 THEN 'reversed' WHEN o.amount_wanted > 0 THEN 'less' END, '') AS told,
		CASE WHEN c.wanted = 'reversed' THEN 0 WHEN c.wanted <> '' THEN c.amount_left WHEN c.wanted IS NULL THEN o.amount_wanted END AS amount_wanted,
		CASE c.status WHEN 0 THEN 'told' WHEN 1 THEN 'pending' WHEN 2 THEN 'in flight' WHEN 3 THEN 'waiting ' || coalesce(c.class, '') WHEN 4 THEN 'reported ' || coalesce(c.class, '') WHEN 5 THEN 'unknown' WHEN 6 THEN 'held' END AS refunding
	FROM keys k LEFT JOIN sold s USING (order_id, event_type) LEFT JOIN there t USING (order_id, event_type) LEFT JOIN undone u USING (order_id, event_type)
	LEFT JOIN reconciliations o USING (order_id, event_type)
	LEFT JOIN order_changes c ON c.order_id = k.order_id AND coalesce(c.event_type, k.event_type) = k.event_type
), judged AS (
	SELECT *, CASE
		WHEN live > 1 THEN 'double'
		WHEN live = 1 AND ` + owed + ` THEN 'refund_owed'
		WHEN live IS NOT NULL AND NOT ours THEN 'not_ours'
		WHEN live = 1 AND ` + differs + ` IS NOT NULL THEN 'differs'
		WHEN live = 1 AND actions > 1 AND (moved OR unsaid) THEN 'reattributed'
		WHEN live = 1 THEN 'matched'
		WHEN live = 0 AND told = 'reversed' THEN 'reversed'
		WHEN live = 0 AND moved THEN 'reattributed'
		WHEN live = 0 THEN 'reversed_elsewhere'
		WHEN outcome = 'refunded' THEN 'reversed'
		WHEN status = 4 OR outcome = 'dropped' OR submission = 'fault' THEN 'refused'
		WHEN status > 0 THEN 'waiting'
		WHEN sent_at BETWEEN ?5 AND ?6 OR old = 'no_action' THEN 'no_action'
		WHEN status IS NULL THEN coalesce(old, 'waiting')
		ELSE 'waiting' END AS verdict
	FROM facts
)
INSERT INTO reconciliations (order_id, event_type, verdict, reason, ours, amount_sent, currency_sent, amount_wanted, event_at, sent_at, action_id, actions, live_actions, state,
	amount_there, intended_there, currency_there, payout, client_cost, partner_id, locking_at, cleared_at, disposition, seen_at, judged_at, changed_at)
SELECT order_id, event_type, verdict, CASE verdict
		WHEN 'differs' THEN ` + differs + `
		WHEN 'refused' THEN coalesce(CASE WHEN submission = 'fault' THEN reasons END, last_error, CASE outcome WHEN 'dropped' THEN 'given up' END, CASE old WHEN verdict THEN old_reason END)
		WHEN 'no_action' THEN coalesce(reasons, CASE old WHEN verdict THEN old_reason END)
		WHEN 'reversed_elsewhere' THEN disposition
		WHEN 'reattributed' THEN disposition
		WHEN 'refund_owed' THEN coalesce(refunding, CASE old WHEN verdict THEN old_reason END)
		WHEN 'reversed' THEN CASE outcome WHEN 'refunded' THEN 'never sent' END
		WHEN 'waiting' THEN CASE status WHEN 0 THEN CASE WHEN sent_at > ?3 - ?8 THEN 'young' ELSE 'not read' END WHEN 1 THEN 'pending' WHEN 2 THEN 'in flight' WHEN 3 THEN 'retry later' WHEN 5 THEN 'unknown' WHEN 6 THEN 'held' END
	END, ours, amount_sent, currency_sent, amount_wanted, event_at, sent_at, id, coalesce(actions, 0), coalesce(live, 0), state,
	CASE WHEN live > 1 THEN live_amount ELSE amount END, intended_amount, currency, payout, client_cost, partner_id, locking_at, cleared_at, disposition, seen_at, ?3,
	CASE WHEN old = verdict THEN changed_at ELSE ?3 END
FROM judged WHERE true
ON CONFLICT (order_id, event_type) DO UPDATE SET verdict = excluded.verdict, reason = excluded.reason, ours = excluded.ours, amount_sent = excluded.amount_sent, currency_sent = excluded.currency_sent,
	amount_wanted = excluded.amount_wanted, event_at = excluded.event_at, sent_at = excluded.sent_at, action_id = excluded.action_id, actions = excluded.actions, live_actions = excluded.live_actions, state = excluded.state,
	amount_there = excluded.amount_there, intended_there = excluded.intended_there, currency_there = excluded.currency_there, payout = excluded.payout, client_cost = excluded.client_cost,
	partner_id = excluded.partner_id, locking_at = excluded.locking_at, cleared_at = excluded.cleared_at, disposition = excluded.disposition, seen_at = excluded.seen_at,
	judged_at = excluded.judged_at, changed_at = excluded.changed_at`

// slack is the difference of amounts that rounding explains: the smallest amount of the
// action's currency.
var slack = func() string {
	text := `(CASE upper(currency)`
	for _, code := range slices.Sorted(maps.Keys(money.Odd())) {
		text += fmt.Sprintf(" WHEN '%s' THEN %d", code, money.Smallest(code))
	}
	return text + fmt.Sprintf(" ELSE %d END)", money.Smallest(""))
}()

var (
	// expected is what an action is to be worth.
	expected = `coalesce(amount_wanted, amount_sent)`
	// otherCurrency is true if the amounts are not comparable: impact.com converts into
	// the account's currency.
	otherCurrency = `coalesce(currency_sent <> currency, 0)`
	// owed is true of an order that was taken back, of which more is payable than is left.
	owed = `(wanted = 'reversed' OR wanted <> '' AND (` + otherCurrency + ` AND told <> wanted OR NOT ` + otherCurrency + ` AND amount - amount_wanted > ` + slack + `))`
	// differs says in what a live action differs from what it is to be.
	differs = `CASE WHEN currency_sent <> currency AND currency <> ?4 THEN 'currency'
		WHEN ` + otherCurrency + ` OR ` + expected + ` IS NULL OR abs(amount - ` + expected + `) <= ` + slack + ` THEN NULL
		WHEN amount IS NOT NULL AND abs(intended_amount - amount_sent) <= ` + slack + ` THEN 'modified' ELSE 'amount' END`
)
