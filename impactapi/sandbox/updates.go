package sandbox

import (
	"net/http"
	"strconv"
	"strings"
)

// updateAnswer is a record of the actions' log as impact.com words it.
type updateAnswer struct {
	ID              string `json:"Id"`
	ActionID        string `json:"ActionId"`
	CampaignID      any    `json:"CampaignId"`
	ActionTrackerID any    `json:"ActionTrackerId"`
	EventTypeID     string `json:"EventTypeId"`
	EventTypeName   string
	EventCode       string
	MediaPartnerID  any `json:"MediaPartnerId"`
	State           string
	StateDetail     string
	Disposition     string
	DeltaPayout     any
	DeltaAmount     any
	Currency        string
	Category        string
	Sku             string
	Quantity        string
	PayoutLevel     string
	ContractID      string `json:"ContractId"`
	UpdateDate      string
	LockingDate     string
	ClearingDate    string
	ActionDate      string
	Oid             string
	CustomerID      string `json:"CustomerId"`
	CustomerStatus  string
	ActionURI       string `json:"ActionUri"`
	URI             string `json:"Uri"`
}

// firstUpdate is the number of the first record.
const firstUpdate = 95_000_001

func (u *update) id() string { return u.action.id + "." + strconv.Itoa(firstUpdate+u.number) }

func (s *Sandbox) updateAnswer(u *update, sid string) updateAnswer {
	a := u.action
	answer := updateAnswer{
		ID: u.id(), ActionID: a.id, CampaignID: s.number(a.campaign), ActionTrackerID: s.number(a.tracker), EventTypeID: a.tracker,
		EventTypeName: trackerName(a), EventCode: a.event, MediaPartnerID: s.number(a.partner), State: u.state, Disposition: u.disposition,
		DeltaPayout: s.sum(u.payout), DeltaAmount: s.sum(u.amount), Currency: a.currency, PayoutLevel: "ORDER", ContractID: "S-" + a.partner,
		UpdateDate: date(u.at), LockingDate: date(a.lock), ActionDate: date(a.happened), Oid: a.order, CustomerID: a.customer,
		CustomerStatus: a.status, ActionURI: actionURI(sid, a), URI: "/Advertisers/" + sid + "/ActionUpdates/" + u.id(),
	}
	if a.byItems {
		answer.PayoutLevel = "ITEM"
	}
	if i := u.item; i != nil {
		answer.Category, answer.Sku, answer.Quantity = i.category, i.sku, strconv.FormatInt(i.quantity, 10)
	}
	return answer
}

// listUpdates answers GET /Advertisers/{AccountSID}/ActionUpdates.
func (s *Sandbox) listUpdates(x *exchange, sid string) {
	q := s.readListing(x, "ActionUpdates")
	if len(q.problems) > 0 {
		x.invalid(q.problems...)
		return
	}
	defer s.ledger.open(x.at)()
	var found []*update
	for _, u := range s.ledger.updates {
		if q.campaign == u.action.campaign && (q.state == "" || q.state == u.state) &&
			q.updated.holds(u.at) && q.event.holds(u.action.happened) && q.locking.holds(u.action.lock) {
			found = append(found, u)
		}
	}
	if !q.fits(len(found)) {
		x.invalid(q.problems...)
		return
	}
	answers := []updateAnswer{}
	for _, u := range cut(q, found) {
		answers = append(answers, s.updateAnswer(u, sid))
	}
	replyPage(x, q, len(found), answers)
}

// update answers GET /Advertisers/{AccountSID}/ActionUpdates/{ActionUpdateId}.
func (s *Sandbox) update(x *exchange, sid, id string) {
	defer s.ledger.open(x.at)()
	n, err := strconv.Atoi(id[strings.LastIndexByte(id, '.')+1:])
	n -= firstUpdate
	if err != nil || n < 0 || n >= len(s.ledger.updates) || s.ledger.updates[n].id() != id {
		x.refuse(http.StatusNotFound)
		return
	}
	x.reply(http.StatusOK, s.updateAnswer(s.ledger.updates[n], sid))
}
