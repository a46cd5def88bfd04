package sync

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/mapping"
)

// credentialsWait is how long the answer about the credentials may hold up a run.
const credentialsWait = 10 * time.Second

// checkCredentials asks impact.com whether it knows the credentials, before anything
// is sent, where only page loads are due and the API host was never heard. Page loads
// need no credentials: without this, a first run would end well with a wrong token.
// Elsewhere the first conversion shows it. Only a clear no ends the run.
func (p *pass) checkCredentials(ctx context.Context) error {
	if !p.CheckCredentials || !p.sendsConversions() {
		return nil
	}
	_, _, conversions, err := p.State.Due(ctx)
	if err != nil || conversions.Open() > 0 {
		return err
	}
	if heard, err := p.State.Heard(ctx, state.HostAPI); err != nil || heard {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, credentialsWait)
	defer cancel()
	p.limits.api.Claim(1)
	company, err := p.Client.CompanyInformation(ctx)
	requests := 1
	var api *impactapi.Error
	if errors.As(err, &api) {
		requests = api.Attempts
	}
	p.limits.api.Settle(requests)
	noted := p.State.NoteRequests(ctx, state.HostAPI, requests)
	if err == nil {
		return errors.Join(noted, p.proven(ctx, company.Rate))
	}
	return errors.Join(noted, p.unproven(ctx, err, api))
}

func (p *pass) proven(ctx context.Context, r impactapi.Rate) error {
	p.limits.api.Answered(r)
	return p.State.NoteHost(ctx, state.HostStatus{Host: state.HostAPI}) // more follows with the deliveries
}

// unproven says what an answer other than 2xx to the question about the credentials
// means.
func (p *pass) unproven(ctx context.Context, err error, api *impactapi.Error) error {
	switch {
	case api != nil && api.Status == http.StatusUnauthorized:
		return credentialsError(api)
	case api != nil && api.Status == http.StatusForbidden: // the token may only create conversions
		return p.proven(ctx, api.Rate)
	case api != nil && api.Status == http.StatusTooManyRequests:
		p.limits.api.Failed(api)
	}
	p.Log.Warn("impact.com could not be asked whether it accepts the credentials; the first conversion shows it", "error", err)
	return nil
}

// sendsConversions reports whether the configuration makes conversions of messages.
func (e *Engine) sendsConversions() bool {
	return slices.ContainsFunc(e.Feeds, func(f Feed) bool { return !f.Lists }) &&
		slices.ContainsFunc(e.Mapper.Routed(), func(r mapping.Routed) bool { return r.Kind != mapping.PageLoad })
}
