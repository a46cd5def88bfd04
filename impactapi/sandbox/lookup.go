package sandbox

import (
	"net/http"
	"slices"
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

// orderKey is what impact.com tells orders apart by.
//
// https://integrations.impact.com/impact-brand/docs/order-level-data
type orderKey struct{ event, order, campaign string }

type submission struct {
	at        time.Time
	key       orderKey
	form      impactapi.Params
	duplicate bool
}

func (o *orders) add(id string, x *exchange) {
	sub := &submission{at: x.at, form: x.form, key: orderKey{
		event:    first(x.form, "EventTypeId", "ActionTrackerId", "EventTypeCode"),
		order:    first(x.form, "OrderId", "Oid"),
		campaign: first(x.form, "CampaignId"),
	}}
	if sub.key.order == impactapi.GeneratedOrderID {
		sub.key.order = id
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.seen == nil {
		o.seen, o.submissions = make(map[orderKey]bool), make(map[string]*submission)
	}
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

// submission answers GET /Advertisers/{AccountSID}/APISubmissions[/{BatchId}].
//
// https://integrations.impact.com/brand-api-reference/reference/submissions/api-submissions
func (s *Sandbox) submission(x *exchange, id string) {
	s.orders.mu.Lock()
	defer s.orders.mu.Unlock()
	if id == "" {
		s.listSubmissions(x)
		return
	}
	sub := s.orders.submissions[id]
	if sub == nil {
		x.gateway(http.StatusNotFound, "Not Found")
		return
	}
	x.status, x.body = http.StatusOK, s.appendSubmission(x.body, id, sub, x)
}

// maxListed bounds the list; impact.com advises against asking for it at all.
const maxListed = 1000

func (s *Sandbox) listSubmissions(x *exchange) {
	x.status, x.body = http.StatusOK, append(x.body, `{"APISubmission":[`...)
	ids := s.orders.sequence
	for i, id := range ids[max(0, len(ids)-maxListed):] {
		if i > 0 {
			x.body = append(x.body, ',')
		}
		x.body = s.appendSubmission(x.body, id, s.orders.submissions[id], x)
	}
	x.body = append(x.body, ']', '}')
}

func (s *Sandbox) appendSubmission(dst []byte, id string, sub *submission, x *exchange) []byte {
	o := object{dst: append(dst, '{')}
	o.text("BatchId", id)
	o.text("SubmissionDate", sub.at.UTC().Format(time.RFC3339))
	o.text("CampaignId", sub.key.campaign)
	o.text("ActionTrackerId", first(sub.form, "EventTypeId", "ActionTrackerId"))
	o.text("EventCode", first(sub.form, "EventTypeCode"))
	o.text("OrderId", sub.key.order)
	o.text("Payload", sub.form.Encode())
	o.text("Type", "Conversion")
	s.verdict(&o, sub, x.at)
	o.text("Uri", "/Advertisers/"+accountOf(x)+"/APISubmissions/"+id)
	return append(o.dst, '}')
}

// verdict says how the submission ended. Which ErrorType goes with a duplicate
// is not documented.
func (s *Sandbox) verdict(o *object, sub *submission, now time.Time) {
	done := sub.at.Add(s.config.SettleAfter)
	if now.Before(done) {
		o.text("Status", "Queued")
		o.text("CompletionDate", "")
		return
	}
	o.text("Status", "Complete")
	o.text("CompletionDate", done.UTC().Format(time.RFC3339))
	switch {
	case len(s.campaigns) > 0 && !s.campaigns[sub.key.campaign]:
		o.text("ErrorType", "Validation")
		o.text("ErrorReason", "CAMPAIGN_NOT_FOUND")
	case sub.duplicate:
		o.text("ErrorType", "Validation")
		o.text("ErrorReason", "CONV_DUPLICATE")
	}
}

func accountOf(x *exchange) string {
	sid, _, _ := x.r.BasicAuth()
	return sid
}

// companyInformation answers GET /Advertisers/{AccountSID}/CompanyInformation.
func (x *exchange) companyInformation() {
	x.status = http.StatusOK
	x.body = []byte(`{"CompanyName":"impact.com sandbox","Website":"http://localhost/","Currency":"USD","Timezone":"UTC"}`)
}

// defaultCampaign is listed when Config names none.
const defaultCampaign = "23224"

// campaign answers GET /Advertisers/{AccountSID}/Campaigns[/{CampaignId}].
//
// https://integrations.impact.com/brand-api-reference/reference/programs/programs
func (s *Sandbox) campaign(x *exchange, sid, id string) {
	if id != "" {
		if len(s.campaigns) > 0 && !s.campaigns[id] || len(id) > 10 || !isNumber(id) {
			x.gateway(http.StatusNotFound, "Not Found")
			return
		}
		x.status, x.body = http.StatusOK, appendCampaign(x.body, sid, id)
		return
	}
	ids := slices.Clone(s.config.Campaigns)
	if len(ids) == 0 {
		ids = []string{defaultCampaign}
	}
	x.status, x.body = http.StatusOK, append(x.body, `{"Campaigns":[`...)
	for i, id := range ids {
		if i > 0 {
			x.body = append(x.body, ',')
		}
		x.body = appendCampaign(x.body, sid, id)
	}
	x.body = append(x.body, ']', '}')
}

func appendCampaign(dst []byte, sid, id string) []byte {
	o := object{dst: append(append(append(dst, `{"Id":`...), id...), ',')}
	o.text("Name", "Sandbox program "+id)
	o.text("State", "ACTIVE")
	o.text("Uri", "/Advertisers/"+sid+"/Campaigns/"+id)
	return append(o.dst, '}')
}

func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != "" && s[0] != '0'
}

// object writes a JSON object of texts.
type object struct{ dst []byte }

func (o *object) text(name, value string) {
	if last := o.dst[len(o.dst)-1]; last != '{' && last != ',' {
		o.dst = append(o.dst, ',')
	}
	o.dst = append(appendString(o.dst, name), ':')
	o.dst = appendString(o.dst, value)
}
