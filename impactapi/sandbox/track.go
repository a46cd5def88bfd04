package sandbox

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/impactsync/impactsync/impactapi"
)

// pageLoad answers POST /PageLoad, keys in camelCase as documented, and POST
// /AppInstall likewise: no document has its answer, but that impact.com's own
// Segment function reads clickId of it.
//
// https://integrations.impact.com/brand-api-reference/reference/page-load/page-load
func (s *Sandbox) pageLoad(x *exchange) {
	if fields := problems(impactapi.NewPageLoad(s.asDocumented(x, impactapi.PageLoads))); fields != nil {
		x.status = http.StatusBadRequest
		x.body = appendFieldErrors(append(x.body, `{"errors":`...), fields)
		x.body = append(x.body, `,"warnings":[]}`...)
		return
	}
	x.status = http.StatusOK
	x.body = append(make([]byte, 0, 160), `{"clickId":`...)
	click, given := x.form.Get("ClickId")
	if !given || click == "" {
		click = s.identifier(x.number)
	}
	x.body = appendString(x.body, click)
	x.body = append(x.body, `,"sessionStart":"`...)
	x.body = x.at.AppendFormat(x.body, time.RFC3339)
	x.body = append(x.body, `","warnings":`...)
	x.body = appendFieldErrors(x.body, s.warnings(x.form))
	x.body = append(x.body, '}')
}

func (s *Sandbox) warnings(form impactapi.Params) []impactapi.FieldError {
	if !s.config.WarnUnknown {
		return nil
	}
	var warnings []impactapi.FieldError
	for _, p := range form {
		if _, known := impactapi.Lookup(impactapi.PageLoads, p.Name); !known {
			warnings = append(warnings, impactapi.FieldError{Field: p.Name, Level: "WARNING", Message: "Unknown parameter"})
		}
	}
	return warnings
}

// conversion answers POST /Advertisers/{AccountSID}/Conversions.
//
// https://integrations.impact.com/brand-api-reference/reference/conversions/conversions
func (s *Sandbox) conversion(x *exchange, sid string) {
	if fields := problems(impactapi.NewConversion(s.asDocumented(x, impactapi.Conversions))); fields != nil {
		x.status = http.StatusBadRequest
		x.body = appendFieldErrors(append(x.body, `{"Status":"ERROR","errors":`...), fields)
		x.body = append(x.body, '}')
		return
	}
	id := "A-" + s.identifier(x.number)
	s.orders.add(id, x)
	x.status = http.StatusOK
	x.body = append(x.body, `{"Status":"QUEUED","QueuedUri":`...)
	x.body = appendString(x.body, "/Advertisers/"+sid+"/APISubmissions/"+id)
	x.body = append(x.body, '}')
}

// identifier is unlike any other of this sandbox and the same for the same
// seed, in the shape of a UUID.
func (s *Sandbox) identifier(number uint64) string {
	var id [36]byte
	high, low := s.random(number, 4), s.random(number, 5)
	for i := range id {
		switch i {
		case 8, 13, 18, 23:
			id[i] = '-'
			continue
		}
		id[i] = hexDigits[high&15]
		high, low = high>>4|low<<60, low>>4
	}
	return string(id[:])
}

// asDocumented replaces what impact.com takes and impactapi refuses by its
// like, so that impactapi's validators can judge the rest.
func (s *Sandbox) asDocumented(x *exchange, endpoint impactapi.Endpoint) impactapi.Params {
	form, copied := x.form, false
	for i, p := range x.form {
		value := p.Value
		switch {
		case p.Name == "EventDate" && value == "NOW":
			value = x.at.Format(time.RFC3339)
		case p.Name == "CustomerEmail" && endpoint == impactapi.PageLoads && impactapi.ContainsEmail(value):
			hash := sha1.Sum([]byte(value))
			value = hex.EncodeToString(hash[:])
		default:
			continue
		}
		if !copied {
			form, copied = slices.Clone(x.form), true
		}
		form[i].Value = value
	}
	return form
}

func problems[T any](_ T, err error) []impactapi.FieldError {
	var invalid *impactapi.ValidationError
	if errors.As(err, &invalid) {
		return invalid.Fields
	}
	return nil
}
