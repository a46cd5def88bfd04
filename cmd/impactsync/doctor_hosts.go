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

// checkHosts sends impact.com the requests that change nothing.
func (d *doctor) checkHosts(ctx context.Context) {
	dest := d.config.Destination
	d.checkHost(ctx, "tracking host", dest.TrackingURL)
	d.checkClock(d.checkHost(ctx, "API host", dest.APIURL), dest.APIURL)
	client, err := newClient(d.config)
	if err != nil {
		d.failed("destination", "impactsync config check", usage("", "%w", err))
		return
	}
	defer client.Close()
	d.checkCredentials(ctx, client)
	d.checkCampaign(ctx, client)
	d.checkActions(ctx, client)
	d.checkFileList(ctx, client)
}

// mostSkew is how wrong a clock may be before it matters for events and dates.
const mostSkew = 30 * time.Second

// checkHost accepts any answer as a sign of life, and returns its Date.
func (d *doctor) checkHost(ctx context.Context, check, base string) (date string) {
	ctx, cancel := context.WithTimeout(ctx, d.config.Delivery.RequestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, base, http.NoBody)
	if err != nil {
		d.failed(check, "correct its base URL in the configuration", usage("", "%w", err))
		return ""
	}
	noRedirects := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := noRedirects.Do(req)
	if err != nil {
		d.failed(check, "check name resolution, firewall, proxy (HTTPS_PROXY) and certificates", err)
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
	if skew := time.Since(at).Round(time.Second).Abs(); skew > mostSkew {
		d.warn("clock", "set this machine's clock: changes and events are ordered by time", "%s off from %s", skew, base)
		return
	}
	d.ok("clock", "within %s of %s", mostSkew, base)
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
		d.failed("credentials", "accountSid and apiKey: impact.com, Settings, Technical, API", &failure{code: impactsync.ExitCredentials, err: err})
	case errors.As(err, &api) && api.Status == http.StatusForbidden:
		d.warn("credentials", "this is normal for a token with the scope Conversions only; the first conversion shows whether it works", "accepted, but their scopes do not allow reading the account (403)")
	default:
		d.failed("credentials", "check apiURL, and whether impact.com can be reached", err)
	}
}

func (d *doctor) checkCampaign(ctx context.Context, client *impactapi.Client) {
	id := d.config.Destination.CampaignID
	all, err := client.Campaigns(ctx)
	i := slices.IndexFunc(all, func(c impactapi.Campaign) bool { return c.ID == id })
	if i >= 0 {
		d.ok("program", "%s %s (%s)", id, all[i].Name, cmp.Or(all[i].State, "state unknown"))
		return
	}
	found := fmt.Sprintf("%s is not on the account's list of %d", id, len(all))
	if err != nil {
		found = fmt.Sprintf("cannot be looked up: %v", err)
	}
	d.warn("program", "compare campaignId with impact.com's list of programs", "%s", found)
}

// checkFiles tries the place where files of conversions go.
func (d *doctor) checkFiles(ctx context.Context) {
	const check = "files of conversions"
	files, err := conversionFiles(d.config)
	switch {
	case err != nil:
		d.failed(check, "correct the configuration as the error says", err)
		return
	case files.Place == nil || files.Route == impactsync.ByAPI:
		return
	}
	found, err := files.Place.Try(ctx)
	if err != nil {
		d.failed(check, "", fmt.Errorf("%s: %w", files.Place, err))
		return
	}
	d.ok(check, "%s can be listed (%s) and written", files.Place, count(int64(found), "file"))
}
