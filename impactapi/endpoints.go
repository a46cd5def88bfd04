package impactapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// ErrNoCredentials is returned by calls of the API host if the client has no
// AccountSID and AuthToken.
var ErrNoCredentials = errors.New("no credentials: set AccountSID and AuthToken")

// GeneratedOrderID as OrderId makes impact.com generate one; it was seen in a brand's
// set-up guide, not in the documents. Each request is a new order then, so a
// repeated one counts twice.
const GeneratedOrderID = "IR_AN_64_TS"

// PageLoadResult is impact.com's answer to a page load that it took. All keys are
// optional, so every text may be blank.
type PageLoadResult struct {
	Status       int          // HTTP status
	ClickID      string       // click that impact.com created or found
	LandingPage  string       // where a tracking link in PageUrl leads
	SessionStart string       // start of the visitor's session
	Warnings     []FieldError // levels WARNING and ERROR; the page load was taken nevertheless
	Rate         Rate
	Attempts     int // HTTP requests that it took
}

// ConversionResult is impact.com's answer to a conversion that it took: a status
// and where it is queued. impact.com decides minutes later whether it is valid, see
// Submission. An answer that names the action itself has neither.
type ConversionResult struct {
	Status    int          // HTTP status
	State     string       // impact.com's word, QUEUED
	QueuedURI string       // path for Submission
	Warnings  []FieldError // levels WARNING and ERROR
	Rate      Rate
	Attempts  int // HTTP requests that it took
}

// SendPageLoad sends a page load to the tracking host, without credentials. The
// error is an *Error.
//
// An answer of 2xx that is not impact.com's answer to a page load is an error: it is
// unknown whether the page load was taken ([Unclear]).
//
// After 408, 429, 5xx, or a connection that never opened, the request is retried
// within the call. If it is unknown whether it arrived, it is retried only with
// Config.RetryUnknown.
//
// https://integrations.impact.com/brand-api-reference/reference/page-load/page-load
func (c *Client) SendPageLoad(ctx context.Context, p PageLoad) (*PageLoadResult, error) {
	a, err := c.track(ctx, "/PageLoad", c.pageLoads, p, opened)
	if err != nil {
		return nil, err
	}
	return &PageLoadResult{
		Status: a.status, ClickID: a.body.text("clickid"),
		LandingPage: a.body.text("landingpage"), SessionStart: a.body.text("sessionstart"),
		Warnings: a.warnings, Rate: a.rate, Attempts: a.attempts,
	}, nil
}

// AppInstallResult is the 2xx answer to an app install. Every text may be blank.
type AppInstallResult struct {
	ClickID     string // click that the install came from
	LandingPage string // where that click led, with the click id in the query
	Rate        Rate
	Attempts    int // HTTP requests that it took
}

// SendAppInstall asks the tracking host, without credentials, which click an app
// install came from. It takes the parameters of a page load. The error is an
// *Error; it is retried within the call as a page load is.
//
// No document of impact.com mentions this call today. Its own Segment function
// makes it before the conversion of an install:
// https://github.com/ImpactInc/third-party-integration (segment, version 1.8.0).
func (c *Client) SendAppInstall(ctx context.Context, p PageLoad) (*AppInstallResult, error) {
	a, err := c.track(ctx, "/AppInstall", c.installs, p, readable)
	if err != nil {
		return nil, err
	}
	return &AppInstallResult{ClickID: a.body.text("clickid"), LandingPage: a.body.text("landingpage"), Rate: a.rate, Attempts: a.attempts}, nil
}

// SendConversion sends a conversion to the API host. The error is
// ErrNoCredentials or an *Error.
//
// It is retried within the call on 408, 429, 5xx and network errors, also if it is
// unknown whether the request arrived: impact.com drops a second conversion with the
// same event type and OrderId within the event type's own window, whose length is
// not documented. With Config.NeverRetryUnknown or GeneratedOrderID, it is not
// retried then.
//
// https://integrations.impact.com/brand-api-reference/reference/conversions/conversions
func (c *Client) SendConversion(ctx context.Context, v Conversion) (*ConversionResult, error) {
	a, err := c.account(ctx, http.MethodPost, "Conversions", v.form)
	if err != nil {
		return nil, err
	}
	return &ConversionResult{
		Status: a.status, State: a.body.text("status"), QueuedURI: a.body.text("queueduri"),
		Warnings: a.warnings, Rate: a.rate, Attempts: a.attempts,
	}, nil
}

// track calls one resource of the tracking host, without credentials.
func (c *Client) track(ctx context.Context, path string, to *url.URL, p PageLoad, proof proof) (*answer, error) {
	return c.do(ctx, &call{
		method: http.MethodPost, path: path, url: to, headers: c.openForm,
		form: p.form, repeatable: c.config.RetryUnknown, limit: maxBody, proof: proof,
	})
}

// account calls one resource of the API host with the credentials.
func (c *Client) account(ctx context.Context, method, resource string, form Params) (*answer, error) {
	if c.config.AuthToken == "" {
		return nil, ErrNoCredentials
	}
	k := &call{
		method: method, path: "/Advertisers/{AccountSID}/" + resource,
		url: c.api.JoinPath("Advertisers", c.config.AccountSID, resource), headers: c.signed,
		form: form, repeatable: true, limit: maxList,
	}
	if method == http.MethodPost {
		order, _ := form.Get("OrderId")
		k.headers, k.limit, k.proof = c.signedForm, maxBody, queued
		k.repeatable = !c.config.NeverRetryUnknown && order != GeneratedOrderID
	}
	return c.do(ctx, k)
}
