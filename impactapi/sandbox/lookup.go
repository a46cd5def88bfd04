package sandbox

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/impactsync/impactsync/impactapi"
)

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
	MediaPartnerID  string `json:"MediaPartnerId,omitempty"`
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
	defer s.ledger.open(x.at)()
	if id != "" {
		if sub := s.ledger.submissions[id]; sub != nil {
			x.reply(http.StatusOK, sub.answer(sid))
		} else {
			x.refuse(http.StatusNotFound)
		}
		return
	}
	const most = 1000 // impact.com advises against asking for the list at all
	ids := s.ledger.sequence
	list := []submissionAnswer{}
	for _, id := range ids[max(0, len(ids)-most):] {
		list = append(list, s.ledger.submissions[id].answer(sid))
	}
	x.reply(http.StatusOK, map[string]any{"APISubmission": list})
}

func (sub *submission) answer(sid string) submissionAnswer {
	a := submissionAnswer{
		BatchID: sub.id, SubmissionDate: sub.at.UTC().Truncate(time.Second), CampaignID: sub.campaign, OrderID: sub.order,
		ActionTrackerID: sub.tracker, MediaPartnerID: sub.partner, EventCode: sub.event,
		Payload: sub.form.Encode(), Type: sub.kind, Status: "Queued", URI: submissionURI(sid, sub.id),
	}
	if !sub.done.IsZero() {
		a.Status, a.CompletionDate = "Complete", date(sub.done)
		a.ErrorType, a.ErrorReason = sub.errorType, sub.reason
	}
	return a
}

func submissionURI(sid, id string) string { return "/Advertisers/" + sid + "/APISubmissions/" + id }

// companyInformation answers GET /Advertisers/{AccountSID}/CompanyInformation.
func (s *Sandbox) companyInformation(x *exchange) {
	x.reply(http.StatusOK, map[string]string{"CompanyName": "impact.com sandbox", "Website": "http://localhost/", "Currency": s.currency(), "Timezone": "UTC"})
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

func campaignName(id string) string { return "Sandbox program " + id }

// campaign answers GET /Advertisers/{AccountSID}/Campaigns[/{CampaignId}].
//
// https://integrations.impact.com/brand-api-reference/reference/programs/programs
func (s *Sandbox) campaign(x *exchange, sid, id string) {
	answer := func(id string) campaignAnswer {
		return campaignAnswer{json.Number(id), campaignName(id), "ACTIVE", "/Advertisers/" + sid + "/Campaigns/" + id}
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
