package sandbox

import (
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/money"
)

// Attribution is what becomes of a conversion. The zero value is a sale that no
// partner drove: a clean submission and no action.
type Attribution struct {
	Partner string // MediaPartnerId of the partner who gets the action; blank: none
	Reasons string // why there is no action, such as CONTRACT_NOT_FOUND, in the submission
	Amount  string // booked instead of the conversion's own; blank: that one
	Twice   bool   // a second action with the same OrderId is made, too
	Consent bool   // changes wait for the partner's consent, see Config.ConsentAfter

	// ReattributeAfter, if set, is when the action is reversed, and another partner
	// gets one with the same OrderId.
	ReattributeAfter time.Duration
}

// process turns a conversion into an action, if a partner gets it.
func (s *Sandbox) process(sub *submission, now time.Time) (errorType, reason string) {
	key := orderKey{sub.tracker, sub.order, sub.campaign}
	switch {
	case len(s.campaigns) > 0 && !s.campaigns[sub.campaign]:
		return validation, "CAMPAIGN_NOT_FOUND"
	case s.ledger.seen[key]:
		return validation, "CONV_DUPLICATE"
	}
	s.ledger.seen[key] = true
	credit := s.attribute(sub.form)
	if credit.Reasons != "" {
		return contractError, credit.Reasons
	}
	if credit.Partner == "" {
		return "", ""
	}
	sub.partner = credit.Partner
	s.ledger.after(now, s.config.ActionAfter, func(now time.Time) { s.credit(sub, credit, now) })
	return "", ""
}

// The documented ErrorTypes.
const (
	validation    = "Validation"
	contractError = "Contract Error"
)

// attribute asks the hook, or else credits a partner who is named, one for each click
// id, and one for a share of the other orders.
func (s *Sandbox) attribute(form impactapi.Params) Attribution {
	if s.config.Attribute != nil {
		return s.config.Attribute(form)
	}
	tracker, _ := trackerOf(form)
	order := tracker + "\n" + first(form, "OrderId", "Oid")
	if partner := first(form, "MediaId", "MediaPartnerId"); partner != "" {
		return s.fate(order, partner)
	}
	if first(form, "ClickId") == "" && s.share("partner\n"+order) >= s.config.PartnerShare {
		return Attribution{}
	}
	return s.fate(order, strconv.FormatUint(partners+hash(order)%10, 10))
}

// fate draws what becomes of a partner's order.
func (s *Sandbox) fate(order, partner string) Attribution {
	drawn, c := s.share("fate\n"+order), &s.config
	for _, one := range []struct {
		share float64
		fate  Attribution
	}{
		{c.RefusedShare, Attribution{Reasons: "CONTRACT_NOT_FOUND"}},
		{c.TwiceShare, Attribution{Partner: partner, Twice: true}},
		{c.ReattributedShare, Attribution{Partner: partner, ReattributeAfter: max(c.ReattributeAfter, time.Second)}},
		{c.OtherAmountShare, Attribution{Partner: partner, Amount: "1.23"}},
		{c.ConsentShare, Attribution{Partner: partner, Consent: true}},
	} {
		if drawn -= one.share; drawn < 0 {
			return one.fate
		}
	}
	return Attribution{Partner: partner}
}

// partners is the id of the first of the sandbox's ten partners.
const partners = 10_000

// share returns a number from 0 to 1 for a text, the same each time with one seed.
func (s *Sandbox) share(text string) float64 {
	return float64(hash(strconv.FormatUint(s.config.Seed, 10)+"\n"+text)>>11) / (1 << 53)
}

// hash is FNV-1a with its bits mixed, since FNV's high bits hardly change with the
// last characters of a text.
func hash(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	n := h.Sum64()
	n = (n ^ n>>33) * 0xff51afd7ed558ccd
	return n ^ n>>33
}

// credit makes the action, and what else is to become of it.
func (s *Sandbox) credit(sub *submission, credit Attribution, now time.Time) {
	a := s.newAction(sub, credit, now)
	s.ledger.book(a, noDisposition)
	if credit.Twice {
		s.ledger.book(s.again(a, a.partner, a.created), noDisposition)
	}
	if credit.ReattributeAfter > 0 {
		s.ledger.after(now, credit.ReattributeAfter, func(now time.Time) { s.reattribute(a, now) })
	}
}

// noDisposition is the disposition of an action that nobody changed.
const noDisposition = "IR_BLANK"

func (s *Sandbox) newAction(sub *submission, credit Attribution, now time.Time) *action {
	now = now.UTC().Truncate(time.Second)
	currency := first(sub.form, "CurrencyCode", "Currency")
	if currency == "" {
		currency = s.currency()
	}
	a := &action{
		campaign: sub.campaign, tracker: sub.tracker, event: sub.event, partner: credit.Partner, order: sub.order,
		customer: first(sub.form, "CustomerId"), status: first(sub.form, "CustomerStatus"), promo: first(sub.form, "OrderPromoCode", "PromoCode"),
		currency: currency, state: pending, openEnded: slices.Contains(s.config.OpenEnded, sub.tracker), consent: credit.Consent,
		happened: s.happened(sub, now), created: now, updated: now,
	}
	a.items, a.byItems = itemsOf(sub.form, currency)
	if amount, err := money.Parse(credit.Amount); credit.Amount != "" && err == nil {
		a.spread(amount)
	}
	s.exchange(a)
	s.identify(a)
	s.price(a)
	a.intendedAmount, a.intendedPayout = a.amount, a.payout
	for i := range a.items {
		a.items[i].intendedAmount, a.items[i].intendedQuantity = a.items[i].amount, a.items[i].quantity
	}
	a.clicked = a.happened.Add(-30 * time.Minute)
	if !a.openEnded {
		a.lock = s.lockingDate(a.happened)
	}
	return a
}

// identify gives an action the next id.
func (s *Sandbox) identify(a *action) {
	a.id = a.campaign + "." + a.tracker + "." + strconv.Itoa(firstAction+len(s.ledger.actions))
}

// firstAction is the number of the first action.
const firstAction = 100_001

// again returns an equal action, not changed yet, for a partner.
func (s *Sandbox) again(a *action, partner string, now time.Time) *action {
	b := *a
	b.items, b.partner, b.created, b.updated = slices.Clone(a.items), partner, now, now
	for i := range b.items {
		b.items[i].amount, b.items[i].quantity = b.items[i].intendedAmount, b.items[i].intendedQuantity
		b.items[i].adjusted, b.items[i].reason = time.Time{}, ""
	}
	b.state, b.changes = pending, 0
	s.identify(&b)
	s.price(&b)
	return &b
}

// happened returns the event's date; for an event reported too late, that of the report.
func (s *Sandbox) happened(sub *submission, now time.Time) time.Time {
	at, err := time.Parse(time.RFC3339, first(sub.form, "EventDate"))
	if err != nil || s.config.LateAfter > 0 && sub.at.Sub(at) > s.config.LateAfter {
		return now.UTC().Truncate(time.Second)
	}
	return at.UTC().Truncate(time.Second)
}

// lockingDate is a midnight, unless locking is faster than days.
func (s *Sandbox) lockingDate(event time.Time) time.Time {
	const day = 24 * time.Hour
	after := s.config.LockAfter
	if after < day {
		return event.Add(after).Truncate(time.Second)
	}
	return event.Add(after + day - 1).Truncate(day)
}

func (s *Sandbox) currency() string {
	if s.config.Currency == "" {
		return "USD"
	}
	return s.config.Currency
}

// exchange turns the amounts into the account's currency if there is a rate.
func (s *Sandbox) exchange(a *action) {
	rate, known := s.config.Rates[a.currency]
	if !known || a.currency == s.currency() {
		return
	}
	a.currency = s.currency()
	for i := range a.items {
		amount, _ := money.Product(a.items[i].amount.String(), rate)
		a.items[i].amount = amount.Round(a.currency)
	}
}

// price computes the amounts anew after a change of items.
func (s *Sandbox) price(a *action) {
	oldAmount, oldPayout := a.amount, a.payout
	a.amount = a.total()
	a.payout = commission(a.amount, a.currency)
	a.deltaAmount, a.deltaPayout = a.amount-oldAmount, a.payout-oldPayout
	if a.changes == 0 {
		a.deltaAmount, a.deltaPayout = a.amount, a.payout
	}
}

// commission is 5 % of an amount.
func commission(amount money.Amount, currency string) money.Amount {
	return amount.Share(5, 100).Round(currency)
}

// itemFields are the parameters that an item's amount depends on, and those that are
// kept.
var itemFields = []string{"Sku", "Name", "Category", "Quantity", "Price", "SubTotal", "Discount", "DiscountRate", "TotalDiscount"}

// itemField splits ItemSku2 into Sku and 2.
func itemField(name string) (field string, n int, found bool) {
	rest, found := strings.CutPrefix(name, "Item")
	field = strings.TrimRight(rest, "0123456789")
	n, err := strconv.Atoi(rest[len(field):])
	return field, n, found && err == nil && slices.Contains(itemFields, field)
}

// itemsOf returns the items of a conversion, or else one for the whole order.
func itemsOf(form impactapi.Params, currency string) (items []item, found bool) {
	fields := make(map[int]map[string]string)
	for _, p := range form {
		if field, n, found := itemField(p.Name); found && p.Value != "" {
			if fields[n] == nil {
				fields[n] = make(map[string]string)
			}
			fields[n][field] = p.Value
		}
	}
	if len(fields) == 0 {
		return []item{{quantity: 1, amount: orderAmount(form).Round(currency)}}, false
	}
	for _, n := range slices.Sorted(maps.Keys(fields)) {
		items = append(items, newItem(fields[n], currency))
	}
	discount(items, form, currency)
	return items, true
}

func newItem(f map[string]string, currency string) item {
	quantity, err := strconv.ParseInt(f["Quantity"], 10, 64)
	if err != nil {
		quantity = 1
	}
	amount, err := money.Parse(f["SubTotal"])
	if err != nil {
		amount, _ = money.Product(f["Price"], strconv.FormatInt(quantity, 10))
	}
	amount -= amountOf(f["Discount"])*money.Amount(quantity) + amountOf(f["TotalDiscount"])
	if rate := amountOf(f["DiscountRate"]); rate > 0 {
		amount -= amount.Share(int64(min(rate, 100*money.Unit)), int64(100*money.Unit))
	}
	return item{sku: f["Sku"], name: f["Name"], category: f["Category"], quantity: quantity, amount: max(amount, 0).Round(currency)}
}

// discount spreads the order's discount over the items, in proportion.
func discount(items []item, form impactapi.Params, currency string) {
	a := action{items: items, currency: currency}
	off := amountOf(first(form, "OrderDiscount"))
	if off <= 0 {
		return
	}
	a.spread(max(a.total()-off, 0).Round(currency))
}

func orderAmount(form impactapi.Params) money.Amount {
	if amount := first(form, "Amount", "OrderSubTotalPostDiscount"); amount != "" {
		return amountOf(amount)
	}
	return max(amountOf(first(form, "OrderSubTotalPreDiscount", "OrderSubtotal"))-amountOf(first(form, "OrderDiscount")), 0)
}

// amountOf reads an amount that was checked before; 0 for none.
func amountOf(text string) money.Amount {
	a, _ := money.Parse(text)
	return a
}

// trackerOf returns the number of an event type, made up for one that is named by its
// code.
func trackerOf(form impactapi.Params) (tracker, code string) {
	if id := first(form, "EventTypeId", "ActionTrackerId"); id != "" {
		return id, ""
	}
	code = first(form, "EventTypeCode")
	return strconv.FormatUint(100_000+hash(code)%900_000, 10), code
}
