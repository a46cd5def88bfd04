package sandbox

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/impactsync/impactsync/sync/money"
)

// actionAnswer is an action as impact.com words it.
type actionAnswer struct {
	ID                string `json:"Id"`
	CampaignID        any    `json:"CampaignId"`
	CampaignName      string
	ActionTrackerID   any `json:"ActionTrackerId"`
	ActionTrackerName string
	EventCode         string
	MediaPartnerID    any `json:"MediaPartnerId"`
	MediaPartnerName  string
	State             string
	ClientCost        any
	Payout            any
	DeltaPayout       any
	IntendedPayout    any
	Amount            any
	DeltaAmount       any
	IntendedAmount    any
	Currency          string
	ReferringDate     string
	EventDate         string
	CreationDate      string
	LockingDate       string
	ClearedDate       string
	ReferringType     string
	PromoCode         string
	Oid               string
	CustomerID        string `json:"CustomerId"`
	CustomerStatus    string
	Note              string
	URI               string `json:"Uri"`
}

func (s *Sandbox) actionAnswer(a *action, sid string, now time.Time) actionAnswer {
	return actionAnswer{
		ID: a.id, CampaignID: s.number(a.campaign), CampaignName: campaignName(a.campaign), ActionTrackerID: s.number(a.tracker),
		ActionTrackerName: trackerName(a), EventCode: a.event, MediaPartnerID: s.number(a.partner), MediaPartnerName: "Partner " + a.partner,
		State: a.stateAt(now), ClientCost: s.sum(cost(a)), Payout: s.sum(a.payout), DeltaPayout: s.sum(a.deltaPayout), IntendedPayout: s.sum(a.intendedPayout),
		Amount: s.sum(a.amount), DeltaAmount: s.sum(a.deltaAmount), IntendedAmount: s.sum(a.intendedAmount), Currency: a.currency,
		ReferringDate: date(a.clicked), EventDate: date(a.happened), CreationDate: date(a.created), LockingDate: date(a.lock),
		ReferringType: "CLICK_COOKIE", PromoCode: a.promo, Oid: a.order, CustomerID: a.customer, CustomerStatus: a.status,
		URI: actionURI(sid, a),
	}
}

func trackerName(a *action) string {
	if a.event != "" {
		return a.event
	}
	return "Event type " + a.tracker
}

// cost is the payout with impact.com's fee of a tenth of it.
func cost(a *action) money.Amount { return a.payout + a.payout.Share(1, 10).Round(a.currency) }

func actionURI(sid string, a *action) string { return "/Advertisers/" + sid + "/Actions/" + a.id }

// number returns an id as the number that it is, or as a text if Config says so.
func (s *Sandbox) number(id string) any {
	if s.config.NumbersAsText || !isNumber(id) {
		return id
	}
	return json.Number(id)
}

// sum returns an amount likewise.
func (s *Sandbox) sum(a money.Amount) any {
	if s.config.NumbersAsText {
		return a.String()
	}
	return json.Number(a.String())
}

// date returns a time as impact.com words it; blank for none.
func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// listActions answers GET /Advertisers/{AccountSID}/Actions.
func (s *Sandbox) listActions(x *exchange, sid string) {
	q := s.readListing(x, "Actions")
	if len(q.problems) > 0 {
		x.invalid(q.problems...)
		return
	}
	defer s.ledger.open(x.at)()
	var found []*action
	for _, a := range s.ledger.actions {
		if q.campaign == a.campaign && (q.state == "" || q.state == a.stateAt(x.at)) &&
			q.updated.holds(a.updated) && q.event.holds(a.happened) && q.locking.holds(a.lock) {
			found = append(found, a)
		}
	}
	if !q.fits(len(found)) {
		x.invalid(q.problems...)
		return
	}
	answers := []actionAnswer{}
	for _, a := range cut(q, found) {
		answers = append(answers, s.actionAnswer(a, sid, x.at))
	}
	replyPage(x, q, len(found), answers)
}

// action answers GET /Advertisers/{AccountSID}/Actions/{ActionId}[/Items[/{Sku}]].
func (s *Sandbox) action(x *exchange, sid, path string) {
	id, rest, _ := strings.Cut(path, "/")
	items, sku, one := strings.Cut(rest, "/")
	defer s.ledger.open(x.at)()
	a := s.ledger.byID[id]
	switch {
	case a == nil, items != "Items" && rest != "", one && a.find(sku) == nil:
		x.refuse(http.StatusNotFound)
	case rest == "":
		x.reply(http.StatusOK, s.actionAnswer(a, sid, x.at))
	case one:
		x.reply(http.StatusOK, s.itemAnswer(a, a.find(sku), sid))
	default:
		answers := make([]itemAnswer, len(a.items))
		for i := range a.items {
			answers[i] = s.itemAnswer(a, &a.items[i], sid)
		}
		q := &listing{path: x.r.URL.Path, resource: "ActionItems", page: 1, size: max(plainPage, len(answers))}
		replyPage(x, q, len(answers), answers)
	}
}

// itemAnswer is one line of an action as impact.com words it.
type itemAnswer struct {
	Sku                string
	ItemName           string
	Category           string
	Quantity           string
	SaleAmount         string
	SaleAmountCurrency string
	Payout             any
	PayoutCurrency     string
	Rebate             any
	RebateCurrency     string
	AdjustmentDate     string
	AdjustmentReason   string
	URI                string `json:"Uri"`
}

func (s *Sandbox) itemAnswer(a *action, i *item, sid string) itemAnswer {
	return itemAnswer{
		Sku: i.sku, ItemName: i.name, Category: i.category, Quantity: strconv.FormatInt(i.quantity, 10), SaleAmount: i.amount.String(),
		SaleAmountCurrency: a.currency, Payout: s.sum(commission(i.amount, a.currency)), PayoutCurrency: a.currency, Rebate: s.sum(0),
		RebateCurrency: a.currency, AdjustmentDate: date(i.adjusted), AdjustmentReason: i.reason, URI: actionURI(sid, a) + "/Items/" + i.sku,
	}
}
