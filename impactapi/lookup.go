package impactapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Company is the account that the credentials belong to.
//
// https://integrations.impact.com/brand-api-reference/reference/accounts/company-information
type Company struct {
	Name     string // display name of the brand
	Currency string // the account's ISO 4217 currency
	Timezone string // as impact.com words it
	Rate     Rate
}

// CompanyInformation returns the account of the credentials; it is the cheapest
// check of them. 401 means that they are wrong. 403 means only that the token's
// scopes lack this call, as those of a token for conversions do.
func (c *Client) CompanyInformation(ctx context.Context) (*Company, error) {
	a, err := c.lookUp(ctx, "CompanyInformation", "companyname")
	if err != nil {
		return nil, err
	}
	return &Company{Name: a.body.text("companyname"), Currency: a.body.text("currency"), Timezone: a.body.text("timezone"), Rate: a.rate}, nil
}

// Campaign is one program of the account.
//
// https://integrations.impact.com/brand-api-reference/reference/programs/programs
type Campaign struct {
	ID    string // what CampaignId takes
	Name  string
	State string // ACTIVE, SETUP, CLOSED, ...
}

// Campaigns returns the account's programs, to check a CampaignId against. A
// token for conversions gets 403.
func (c *Client) Campaigns(ctx context.Context) ([]Campaign, error) {
	a, err := c.lookUp(ctx, "Campaigns", "campaigns")
	if err != nil {
		return nil, err
	}
	campaigns := []Campaign{}
	for _, one := range a.body.list("campaigns") {
		campaigns = append(campaigns, Campaign{ID: one.text("id"), Name: one.text("name"), State: one.text("state")})
	}
	return campaigns, nil
}

// Submission is impact.com's verdict on one queued conversion. It is kept for
// at most 90 days.
//
// https://integrations.impact.com/brand-api-reference/reference/submissions/api-submissions
type Submission struct {
	BatchID     string
	OrderID     string
	Type        string    // Conversion, Modification, Reversal
	Status      string    // Queued, In Progress, Complete
	CompletedAt time.Time // zero until Complete
	ErrorType   string    // Validation, Contract Error; blank for none
	Reasons     []string  // such as CONV_DUPLICATE, CONTRACT_NOT_FOUND
	Rate        Rate
	Attempts    int // HTTP requests that it took
}

// Complete reports whether the verdict is final. A complete submission may have
// Reasons, many of which only say that no partner drove the sale.
func (s *Submission) Complete() bool { return strings.EqualFold(s.Status, "Complete") }

// Submission looks up what became of a conversion, by the QueuedURI of its result.
// It counts towards the hourly quota like any call of the API host. A URI that does
// not belong to the client's account is an error without a call, so that the
// credentials go nowhere else.
func (c *Client) Submission(ctx context.Context, queuedURI string) (*Submission, error) {
	id, err := c.submissionID(queuedURI)
	if err != nil {
		return nil, err
	}
	a, err := c.lookUp(ctx, "APISubmissions/"+id, "status")
	if err != nil {
		return nil, err
	}
	b := a.body
	// A date that cannot be read is ignored: Status says the same.
	completed, _ := time.Parse(time.RFC3339, b.text("completiondate"))
	return &Submission{
		BatchID: b.text("batchid"), OrderID: b.text("orderid"), Type: b.text("type"), Status: b.text("status"), CompletedAt: completed,
		ErrorType: c.name(b.text("errortype")), Reasons: strings.Fields(c.name(b.text("errorreason"))), Rate: a.rate, Attempts: a.attempts,
	}, nil
}

func (c *Client) submissionID(queuedURI string) (string, error) {
	u, err := url.Parse(queuedURI)
	if err != nil || u.Host != "" && u.Host != c.api.Host {
		return "", errors.New("look up submission: the queued URI is not one of this API host")
	}
	prefix := "/Advertisers/" + c.config.AccountSID + "/APISubmissions/"
	_, id, found := strings.Cut(u.Path, prefix)
	if !found || id == "" || strings.ContainsAny(id, "/.%?#") {
		return "", errors.New("look up submission: the queued URI is not one of this account's APISubmissions")
	}
	return id, nil
}

// lookUp gets a resource of the account, whose answer must have a key.
func (c *Client) lookUp(ctx context.Context, resource, key string) (*answer, error) {
	a, err := c.account(ctx, http.MethodGet, resource, nil)
	if err != nil {
		return nil, err
	}
	if _, cut := a.body[key].(brokenOff); cut || !a.body.has(key) {
		return nil, &Error{
			Method: http.MethodGet, Path: a.path, Status: a.status, Message: "the answer cannot be read: it has no " + key, Rate: a.rate,
			Sent: SentAnswered, Attempts: a.attempts,
		}
	}
	return a, nil
}
