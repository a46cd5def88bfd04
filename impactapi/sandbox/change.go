package sandbox

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/money"
)

// change is a modification or a reversal of an action.
//
// https://integrations.impact.com/brand-api-reference/reference/actions/actions
type change struct {
	reversal       bool
	action         string // its id, or
	tracker, order string // the newest one of an order
	reason         string
	status         string // CustomerStatus
	amount         *money.Amount
	lines          []itemChange
}

// itemChange is a change of one item; nil is no change.
type itemChange struct {
	sku, category string
	quantity      *int64
	amount, delta *money.Amount
}

// The documented codes, which accounts may add to.
var (
	modificationCodes = []string{
		"ORDER_UPDATE", "ITEM_RETURNED", "CONS_FRAUD", "CONS_ERROR", "ORDER_ERROR", "PUB_ACT_DISPUTE", "ADV_ACT_DISPUTE",
		"NOT_COMPLIANCE_TERMS", "ITEM_OUT_OF_STOCK", "TEST_ACTION", "PARTNER_NOT_ACTIVE", "CREDITED_DIFFERENT_MP", "OTHER", resetCode,
	}
	reversalCodes = []string{
		"REJECTED", "CONS_INFO_INVALID", "CONS_ERROR", "CONS_FRAUD", "ITEM_RETURNED", "ITEM_OUT_OF_STOCK", "ORDER_ERROR", "PUB_ACT_DISPUTE",
		"NOT_COMPLIANCE_TERMS", "MP_RETURNED", "OTHER", "CREDITED_DIFFERENT_MP", "ADV_ACT_DISPUTE", "TEST_ACTION",
	}
)

// resetCode puts an action back into its first state.
const resetCode = "RESET"

// changeAction answers PUT and DELETE /Advertisers/{AccountSID}/Actions.
func (s *Sandbox) changeAction(x *exchange, sid string, reversal bool) {
	c, problems := s.readChange(x.form, reversal)
	if len(problems) > 0 {
		x.invalid(problems...)
		return
	}
	sub := &submission{id: "A-" + x.newID(), kind: "Modification", at: x.at, form: x.form, tracker: c.tracker, order: c.order}
	if reversal {
		sub.kind = "Reversal"
	}
	s.ledger.submit(sub, x.at, s.config.SettleAfter, func(sub *submission, now time.Time) (string, string) {
		return s.change(c, sub, now)
	})
	x.queued(sid, sub.id)
}

// documentedError is an entry of the error body of the API host.
//
// https://integrations.impact.com/brand-api-reference/readme/status-codes-and-errors
type documentedError struct{ Field, Message string }

// invalid refuses a request in the general shape of errors.
func (x *exchange) invalid(problems ...documentedError) {
	x.reply(http.StatusBadRequest, struct {
		Status, Message string
		Errors          []documentedError
	}{"ERROR", "Validation Failed", problems})
}

func (s *Sandbox) readChange(form impactapi.Params, reversal bool) (*change, []documentedError) {
	c := &change{
		reversal: reversal, action: first(form, "ActionId"), tracker: first(form, "ActionTrackerId"), order: first(form, "OrderId"),
		reason: first(form, "Reason", "DispositionCode"), status: first(form, "CustomerStatus"),
	}
	var problems []documentedError
	complain := func(field, message string) { problems = append(problems, documentedError{field, message}) }
	field, codes := "Reason", modificationCodes
	if reversal {
		field, codes, c.reason = "DispositionCode", reversalCodes, first(form, "DispositionCode")
	}
	switch {
	case c.action == "" && (c.tracker == "" || c.order == ""):
		complain("ActionId", "ActionId, or ActionTrackerId and OrderId, are required")
	case c.reason == "":
		complain(field, "Required")
	case !slices.Contains(codes, c.reason) && !slices.Contains(s.config.Dispositions, c.reason):
		complain(field, "Not a known code")
	case !reversal:
		c.readNumbers(form, complain)
	}
	return c, problems
}

// changeName matches the parameters of items: Sku, then Sku2, Sku3, ...
var changeName = regexp.MustCompile(`^(Sku|Quantity|Amount|Category|ItemSubTotalDelta)(\d{0,6})$`)

func (c *change) readNumbers(form impactapi.Params, complain func(field, message string)) {
	lines := make(map[int]*itemChange)
	for _, p := range form {
		m := changeName.FindStringSubmatch(p.Name)
		if m == nil || p.Value == "" {
			continue
		}
		n := 1
		if m[2] != "" {
			n, _ = strconv.Atoi(m[2])
		}
		if lines[n] == nil {
			lines[n] = &itemChange{}
		}
		if problem := lines[n].set(m[1], p.Value); problem != "" {
			complain(p.Name, problem)
		}
	}
	if one := lines[1]; one != nil && one.sku == "" && one.quantity == nil && one.delta == nil {
		c.amount = one.amount
		delete(lines, 1)
	}
	for n := 1; len(lines) > 0; n++ {
		if one := lines[n]; one != nil {
			if one.sku == "" {
				complain("Sku", "Required for each item")
			}
			c.lines = append(c.lines, *one)
			delete(lines, n)
		}
	}
}

// set takes one parameter of a line and returns what is wrong with it.
func (l *itemChange) set(name, value string) string {
	switch name {
	case "Sku":
		l.sku = value
	case "Category":
		l.category = value
	case "Quantity":
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil || n < 0 {
			return "Not a whole number"
		}
		l.quantity = &n
	default:
		a, err := money.Parse(value)
		if err != nil || a < 0 && name == "Amount" {
			return "Not a numeric value"
		}
		if name == "Amount" {
			l.amount = &a
		} else {
			l.delta = &a
		}
	}
	return ""
}

// What a submission says of a change that was not made. impact.com documents no
// codes for these; clients must not depend on the words.
const (
	actionNotFound = "ACTION_NOT_FOUND"
	actionLocked   = "ACTION_LOCKED"
	actionReversed = "ACTION_REVERSED"
	tooManyChanges = "MAX_MODIFICATIONS_REACHED"
	skuNotFound    = "SKU_NOT_FOUND"
	quantityRaised = "QUANTITY_INCREASED"
)

// mostChanges is how often an action can be modified, as documented.
const mostChanges = 1000

// change carries a change out and returns the ErrorType and the ErrorReason of its
// submission.
func (s *Sandbox) change(c *change, sub *submission, now time.Time) (errorType, reason string) {
	a := s.ledger.find(c)
	if a == nil {
		return validation, actionNotFound
	}
	sub.campaign, sub.tracker, sub.order, sub.partner = a.campaign, a.tracker, a.order, a.partner
	if reason := a.refuses(c, now); reason != "" {
		return validation, reason
	}
	if !a.consent {
		s.apply(a, c, now)
	} else if s.config.ConsentAfter > 0 {
		s.ledger.after(now, s.config.ConsentAfter, func(now time.Time) {
			if a.refuses(c, now) == "" {
				s.apply(a, c, now)
			}
		})
	}
	return "", ""
}

// find returns the action with an id, or the newest one of an order.
func (l *ledger) find(c *change) *action {
	if c.action != "" {
		return l.byID[c.action]
	}
	of := l.byOrder[eventOrder{c.tracker, c.order}]
	if len(of) == 0 {
		return nil
	}
	return of[len(of)-1]
}

// refuses returns why a change cannot be made.
func (a *action) refuses(c *change, now time.Time) string {
	switch {
	case a.lockedAt(now):
		return actionLocked
	case a.changes >= mostChanges:
		return tooManyChanges
	case a.state == reversed && !c.reversal && c.reason != resetCode:
		return actionReversed
	}
	for _, l := range c.lines {
		i := a.find(l.sku)
		if i == nil {
			return skuNotFound
		}
		if l.quantity != nil && *l.quantity > i.quantity {
			return quantityRaised
		}
	}
	return ""
}

func (s *Sandbox) apply(a *action, c *change, now time.Time) {
	a.changes++
	a.updated = now.UTC().Truncate(time.Second)
	switch {
	case c.reversal, c.amount != nil && *c.amount == 0 && a.amount != 0:
		s.reverse(a, c.reason)
	case c.reason == resetCode:
		s.reset(a)
	default:
		s.modify(a, c)
	}
}

// reverse takes the whole action back. One that is reversed stays so.
func (s *Sandbox) reverse(a *action, disposition string) {
	a.state = reversed
	for i := range a.items {
		a.items[i].set(0, 0, a.updated, disposition)
	}
	s.record(a, disposition, nil)
}

func (s *Sandbox) reset(a *action) {
	a.state = pending
	for i := range a.items {
		a.items[i].set(a.items[i].intendedQuantity, a.items[i].intendedAmount, time.Time{}, "")
	}
	s.record(a, resetCode, nil)
}

func (s *Sandbox) modify(a *action, c *change) {
	if c.status != "" {
		a.status = c.status
	}
	for _, l := range c.lines {
		i := a.find(l.sku)
		i.change(l, a.currency, a.updated, c.reason)
		s.record(a, c.reason, i)
	}
	if len(c.lines) > 0 {
		return
	}
	if c.amount != nil {
		a.spread(c.amount.Round(a.currency))
	}
	if a.openEnded {
		a.state, a.lock = approved, a.updated
	}
	s.record(a, c.reason, nil)
}

// record prices an action anew and logs the difference.
func (s *Sandbox) record(a *action, disposition string, i *item) {
	s.price(a)
	u := update{disposition: disposition, amount: a.deltaAmount, payout: a.deltaPayout}
	if i != nil {
		copied := *i
		u.item = &copied
	}
	s.ledger.note(a, a.updated, u)
}

// change sets what a line names. A quantity alone scales the amount.
func (i *item) change(l itemChange, currency string, now time.Time, reason string) {
	quantity, amount := i.quantity, i.amount
	if l.quantity != nil {
		quantity = *l.quantity
		if i.quantity > 0 {
			amount = i.amount.Share(quantity, i.quantity).Round(currency)
		}
	}
	switch {
	case l.amount != nil:
		amount = l.amount.Round(currency)
	case l.delta != nil:
		amount = max(i.amount+*l.delta, 0).Round(currency)
	}
	if l.category != "" {
		i.category = l.category
	}
	i.set(quantity, amount, now, reason)
}

func (i *item) set(quantity int64, amount money.Amount, now time.Time, reason string) {
	i.quantity, i.amount, i.adjusted, i.reason = quantity, amount, now, reason
}

// reattributed is the disposition of an action that impact.com gave to another
// partner. impact.com's code for it is not documented.
const reattributed = "SYSTEM_REATTRIBUTED_ORDER"

// reattribute reverses an action and credits another partner, under the same OrderId.
func (s *Sandbox) reattribute(a *action, now time.Time) {
	if a.state != pending || a.lockedAt(now) {
		return
	}
	a.changes++
	a.updated = now.UTC().Truncate(time.Second)
	s.reverse(a, reattributed)
	s.ledger.book(s.again(a, a.partner+"1", a.updated), noDisposition)
}
