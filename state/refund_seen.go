package state

import (
	"slices"

	"github.com/impactsync/impactsync/sync/money"
	"github.com/impactsync/impactsync/sync/refund"
)

// settleSeen settles reported orders whose actions have come to be as wanted: a partner
// agreed late, or a person did at impact.com what the report asked for. It goes by the
// actions that were read since the order was last told about.
func (t *tx) settleSeen() error {
	all, err := collect(t, selectChange+`WHERE status = 4 AND status > 0 AND class <> 'less'
		AND EXISTS (SELECT 1 FROM actions a WHERE a.order_id = order_changes.order_id AND (a.state = 'REVERSED' OR a.amount <> a.intended_amount))
		AND NOT EXISTS (SELECT 1 FROM actions a WHERE a.order_id = order_changes.order_id AND a.seen_at <= coalesce(order_changes.attempted_at, 0))`, nil, (*orderChange).dest)
	if err != nil {
		return err
	}
	for i := range all {
		c := &all[i]
		actions, err := knownActions(t, c.order)
		if err != nil {
			return err
		}
		told := c.told
		if !t.seenAsWanted(c, actions) {
			continue
		}
		if err := t.putChange(c, c.told != told && c.told != c.wanted); err != nil {
			return err
		}
	}
	return nil
}

// seenAsWanted settles an order if its actions are as wanted, or show its last change.
func (t *tx) seenAsWanted(c *orderChange, all []SeenAction) bool {
	live := slices.DeleteFunc(slices.Clone(all), func(a SeenAction) bool { return !a.live() })
	i := slices.IndexFunc(all, func(a SeenAction) bool { return a.ID == c.action })
	switch {
	case c.class == "not_shown" && i >= 0 && c.shows(&all[i]):
		t.shown(c, &all[i])
	case len(live) == 0:
		c.settle(refundDone, "the action was reversed by others")
	case len(live) == 1 && len(refund.ItemsIn(c.wanted)) > 0 && live[0].Amount.Valid && live[0].Currency == c.currency && money.Amount(live[0].Amount.Int64) == c.left:
		c.told, c.seen = c.wanted, live[0].Amount
		c.settle(refundDone, "the action has the amount already")
	default:
		return false
	}
	return true
}
