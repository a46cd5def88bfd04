package sandbox

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/impactsync/impactsync/impactapi"
)

// fieldError is what an answer says about a parameter.
type fieldError struct {
	Field   string `json:"field"`
	Level   string `json:"level"`
	Message string `json:"message"`
}

// pageLoad answers POST /PageLoad, keys in camelCase as documented, and POST
// /AppInstall likewise: no document has its answer, but impact.com's own
// Segment function reads clickId from it.
//
// https://integrations.impact.com/brand-api-reference/reference/page-load/page-load
func (s *Sandbox) pageLoad(x *exchange) {
	if fields := problems(impactapi.NewPageLoad(asDocumented(x, impactapi.PageLoads))); fields != nil {
		x.reply(http.StatusBadRequest, struct {
			Errors   []fieldError `json:"errors"`
			Warnings []fieldError `json:"warnings"`
		}{fields, []fieldError{}})
		return
	}
	click := first(x.form, "ClickId")
	if click == "" {
		click = x.newID()
	}
	x.reply(http.StatusOK, struct {
		ClickID      string       `json:"clickId"`
		SessionStart string       `json:"sessionStart"`
		Warnings     []fieldError `json:"warnings"`
	}{click, x.at.Format(time.RFC3339), s.warnings(x.form)})
}

func (s *Sandbox) warnings(form impactapi.Params) []fieldError {
	warnings := []fieldError{}
	if !s.config.WarnUnknown {
		return warnings
	}
	for _, p := range form {
		if _, known := impactapi.Lookup(impactapi.PageLoads, p.Name); !known {
			warnings = append(warnings, fieldError{Field: p.Name, Level: "WARNING", Message: "Unknown parameter"})
		}
	}
	return warnings
}

// conversion answers POST /Advertisers/{AccountSID}/Conversions.
//
// https://integrations.impact.com/brand-api-reference/reference/conversions/conversions
func (s *Sandbox) conversion(x *exchange, sid string) {
	if fields := problems(impactapi.NewConversion(asDocumented(x, impactapi.Conversions))); fields != nil {
		x.reply(http.StatusBadRequest, struct {
			Status string
			Errors []fieldError `json:"errors"`
		}{"ERROR", fields})
		return
	}
	sub := &submission{
		id: "A-" + x.newID(), kind: "Conversion", at: x.at, form: x.form,
		campaign: first(x.form, "CampaignId"), order: first(x.form, "OrderId", "Oid"),
	}
	sub.tracker, sub.event = trackerOf(x.form)
	if sub.order == impactapi.GeneratedOrderID {
		sub.order = sub.id
	}
	s.ledger.submit(sub, x.at, s.config.SettleAfter, s.process)
	x.queued(sid, sub.id)
}

// queued answers a request whose outcome will be known later.
func (x *exchange) queued(sid, id string) {
	x.reply(http.StatusOK, struct {
		Status    string
		QueuedURI string `json:"QueuedUri"`
	}{"QUEUED", submissionURI(sid, id)})
}

// newID returns an id in the shape of a UUID.
func (x *exchange) newID() string {
	high, low := x.random.Uint64(), x.random.Uint64()
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", high>>32, high>>16&0xffff, high&0xffff, low>>48, low&0xffff_ffff_ffff)
}

// asDocumented replaces what impact.com takes and impactapi refuses, so that
// impactapi can validate the rest.
func asDocumented(x *exchange, endpoint impactapi.Endpoint) impactapi.Params {
	form := slices.Clone(x.form)
	for i, p := range form {
		switch {
		case p.Name == "EventDate" && p.Value == "NOW":
			form[i].Value = x.at.Format(time.RFC3339)
		case p.Name == "CustomerEmail" && endpoint == impactapi.PageLoads && impactapi.ContainsEmail(p.Value):
			hash := sha1.Sum([]byte(p.Value))
			form[i].Value = hex.EncodeToString(hash[:])
		}
	}
	return form
}

func problems[T any](_ T, err error) (fields []fieldError) {
	var invalid *impactapi.ValidationError
	if errors.As(err, &invalid) {
		for _, f := range invalid.Fields {
			fields = append(fields, fieldError(f))
		}
	}
	return fields
}
