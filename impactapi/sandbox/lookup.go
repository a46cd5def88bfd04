package sandbox

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/impactsync/impactsync/impactapi"
)

// orders remembers conversions: what became of each submission, and which
// orders were seen.
type orders struct {
	mu          sync.Mutex
	seen        map[orderKey]bool
	submissions map[string]*submission
	sequence    []string // ids in the order of arrival
}

// orderKey identifies an order to impact.com.
//
// https://integrations.impact.com/impact-brand/docs/order-level-data
type orderKey struct{ event, order, campaign string }

type submission struct {
	id        string
	at        time.Time
	key       orderKey
	form      impactapi.Params
	duplicate bool
}

func (o *orders) add(id string, x *exchange) {
	sub := &submission{id: id, at: x.at, form: x.form, key: orderKey{
		event:    first(x.form, "EventTypeId", "ActionTrackerId", "EventTypeCode"),
		order:    first(x.form, "OrderId", "Oid"),
		campaign: first(x.form, "CampaignId"),
	}}
	if sub.key.order == impactapi.GeneratedOrderID {
		sub.key.order = id
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	sub.duplicate = o.seen[sub.key]
	o.seen[sub.key] = true
	o.submissions[id] = sub
	o.sequence = append(o.sequence, id)
}

func first(form impactapi.Params, names ...string) string {
	for _, name := range names {
		if value, _ := form.Get(name); value != "" {
			return value
		}
	}
	return ""
}

// submissionAnswer is a submission as impact.com words it.
type submissionAnswer struct {
	BatchID         string `json:"BatchId"`
	SubmissionDate  time.Time
	CampaignID      string `json:"CampaignId"`
	ActionTrackerID string `json:"ActionTrackerId"`
	EventCode       string
	OrderID         string `json:"OrderId"`
	Payload         string
	Type            string
	Status          string
	CompletionDate  string
	ErrorType       string `json:",omitempty"`
	ErrorReason     string `json:",omitempty"`
	URI             string `json:"Uri"`
}

// submission answers GET /Advertisers/{AccountSID}/APISubmissions[/{BatchId}].
//
// https://integrations.impact.com/brand-api-reference/reference/submissions/api-submissions
func (s *Sandbox) submission(x *exchange, sid, id string) {
	s.orders.mu.Lock()
	defer s.orders.mu.Unlock()
	if id != "" {
		if sub := s.orders.submissions[id]; sub != nil {
			x.reply(http.StatusOK, s.verdict(sub, sid, x.at))
		} else {
			x.refuse(http.StatusNotFound)
		}
		return
	}
	const most = 1000 // impact.com advises against asking for the list at all
	ids := s.orders.sequence
	list := []submissionAnswer{}
	for _, id := range ids[max(0, len(ids)-most):] {
		list = append(list, s.verdict(s.orders.submissions[id], sid, x.at))
	}
	x.reply(http.StatusOK, map[string]any{"APISubmission": list})
}

// verdict returns how a submission ended. The ErrorType of a duplicate is not
// documented.
func (s *Sandbox) verdict(sub *submission, sid string, now time.Time) submissionAnswer {
	a := submissionAnswer{
		BatchID: sub.id, SubmissionDate: sub.at.UTC().Truncate(time.Second), CampaignID: sub.key.campaign, OrderID: sub.key.order,
		ActionTrackerID: first(sub.form, "EventTypeId", "ActionTrackerId"), EventCode: first(sub.form, "EventTypeCode"),
		Payload: sub.form.Encode(), Type: "Conversion", Status: "Queued", URI: submissionURI(sid, sub.id),
	}
	done := sub.at.Add(s.config.SettleAfter)
	if now.Before(done) {
		return a
	}
	a.Status, a.CompletionDate = "Complete", done.UTC().Format(time.RFC3339)
	switch {
	case len(s.campaigns) > 0 && !s.campaigns[sub.key.campaign]:
		a.ErrorType, a.ErrorReason = "Validation", "CAMPAIGN_NOT_FOUND"
	case sub.duplicate:
		a.ErrorType, a.ErrorReason = "Validation", "CONV_DUPLICATE"
	}
	return a
}

func submissionURI(sid, id string) string { return "/Advertisers/" + sid + "/APISubmissions/" + id }

// companyInformation answers GET /Advertisers/{AccountSID}/CompanyInformation.
func (x *exchange) companyInformation() {
	x.reply(http.StatusOK, map[string]string{"CompanyName": "impact.com sandbox", "Website": "http://localhost/", "Currency": "USD", "Timezone": "UTC"})
}

// defaultCampaign is listed when Config names none.
const defaultCampaign = "23224"

// campaignAnswer is a program as impact.com words it.
type campaignAnswer struct {
	ID    json.Number `json:"Id"`
	Name  string
	State string
	URI   string `json:"Uri"`
}

// campaign answers GET /Advertisers/{AccountSID}/Campaigns[/{CampaignId}].
//
// https://integrations.impact.com/brand-api-reference/reference/programs/programs
func (s *Sandbox) campaign(x *exchange, sid, id string) {
	answer := func(id string) campaignAnswer {
		return campaignAnswer{json.Number(id), "Sandbox program " + id, "ACTIVE", "/Advertisers/" + sid + "/Campaigns/" + id}
	}
	if id != "" {
		if len(s.campaigns) > 0 && !s.campaigns[id] || len(id) > 10 || !isNumber(id) {
			x.refuse(http.StatusNotFound)
			return
		}
		x.reply(http.StatusOK, answer(id))
		return
	}
	ids := s.config.Campaigns
	if len(ids) == 0 {
		ids = []string{defaultCampaign}
	}
	list := make([]campaignAnswer, len(ids))
	for i, id := range ids {
		list[i] = answer(id)
	}
	x.reply(http.StatusOK, map[string]any{"Campaigns": list})
}

func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != "" && s[0] != '0'
}
