package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	impactsync "github.com/impactsync/impactsync/sync"
)

const exitCredentialsLine = "11  impact.com refused the credentials"

// checkHosts asks impact.com for what costs nothing.
func (d *doctor) checkHosts(ctx context.Context) {
	dest := d.config.Destination
	d.checkHost(ctx, "tracking host", dest.TrackingURL)
	d.checkClock(d.checkHost(ctx, "API host", dest.APIURL), dest.APIURL)
	client, err := newClient(d.config)
	if err != nil {
		d.bad("destination", "impactsync config check", err, usageExit)
		return
	}
	defer client.Close()
	d.checkCredentials(ctx, client)
	d.checkCampaign(ctx, client)
}

// mostSkew is how wrong a clock may be before events and dates suffer.
const mostSkew = 30 * time.Second

// checkHost takes any answer for a sign of life, and gives its Date.
func (d *doctor) checkHost(ctx context.Context, check, base string) (date string) {
	ctx, cancel := context.WithTimeout(ctx, d.config.Delivery.RequestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, base, http.NoBody)
	if err != nil {
		d.bad(check, "correct its base URL in the configuration", err, usageExit)
		return ""
	}
	noRedirects := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := noRedirects.Do(req)
	if err != nil {
		d.bad(check, "name resolution, firewall, proxy (HTTPS_PROXY) and certificates", err, impactsync.ExitFailed)
		return ""
	}
	_ = res.Body.Close() // a HEAD has none
	d.ok(check, "%s answers", base)
	return res.Header.Get("Date")
}

func (d *doctor) checkClock(date, base string) {
	at, err := http.ParseTime(date)
	if err != nil {
		return // no answer, or a proxy's
	}
	if skew := time.Since(at).Round(time.Second); skew.Abs() > mostSkew {
		d.warn("clock", "set this machine's clock; changes and events are ordered by time", "%s off from %s", skew.Abs(), base)
	} else {
		d.ok("clock", "as %s has it, within %s", base, mostSkew)
	}
}

func (d *doctor) checkCredentials(ctx context.Context, client *impactapi.Client) {
	company, err := client.CompanyInformation(ctx)
	var api *impactapi.Error
	switch {
	case err == nil:
		d.ok("credentials", "account %s", cmp.Or(company.Name, d.config.Destination.AccountSID))
		if company.Rate.Known && company.Rate.Remaining >= 0 {
			d.ok("quota", "impact.com says: %d of %d requests left", company.Rate.Remaining, company.Rate.Limit)
		}
	case errors.As(err, &api) && api.Status == http.StatusUnauthorized:
		d.bad("credentials", "accountSid and apiKey: impact.com, Settings, Technical, API", err, impactsync.ExitCredentials)
	case errors.As(err, &api) && api.Status == http.StatusForbidden:
		d.warn("credentials", "a token for Conversions alone answers so; only a conversion proves it", "taken, but their scopes do not allow to read the account (403)")
	default:
		d.bad("credentials", "apiURL, and whether impact.com is reached", err, impactsync.ExitFailed)
	}
}

func (d *doctor) checkCampaign(ctx context.Context, client *impactapi.Client) {
	id := d.config.Destination.CampaignID
	all, err := client.Campaigns(ctx)
	if err != nil {
		d.warn("program", "compare campaignId with impact.com's list of programs", "cannot be looked up: %v", err)
		return
	}
	i := slices.IndexFunc(all, func(c impactapi.Campaign) bool { return c.ID == id })
	switch {
	case i >= 0:
		d.ok("program", "%s %s", id, fmt.Sprintf("%s (%s)", all[i].Name, cmp.Or(all[i].State, "state unknown")))
	case len(all) == 0:
		d.warn("program", "compare campaignId with impact.com's list of programs", "the account lists none")
	default:
		d.warn("program", "compare campaignId with impact.com's list of programs", "%s is not on the account's list of %d", id, len(all))
	}
}
