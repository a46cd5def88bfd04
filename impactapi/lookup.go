package impactapi

import (
	"context"
	"encoding/json"
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

// CompanyInformation returns the account of the credentials: the cheapest
// check of them. 401 means that they are wrong. 403 means only that the
// token's scopes lack this call; a token made for conversions gets it too.
func (c *Client) CompanyInformation(ctx context.Context) (*Company, error) {
	a, err := c.account(ctx, http.MethodGet, "CompanyInformation", nil)
	if err != nil {
		return nil, err
	}
	var wire struct{ CompanyName, Currency, Timezone loose }
	if err := a.decode(&wire); err != nil {
		return nil, err
	}
	return &Company{
		Name: string(wire.CompanyName), Currency: string(wire.Currency), Timezone: string(wire.Timezone), Rate: a.rate,
	}, nil
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
// token scoped to conversions gets 403.
func (c *Client) Campaigns(ctx context.Context) ([]Campaign, error) {
	a, err := c.account(ctx, http.MethodGet, "Campaigns", nil)
	if err != nil {
		return nil, err
	}
	var wire struct {
		Campaigns []struct{ ID, Name, State loose }
	}
	if err := a.decode(&wire); err != nil {
		return nil, err
	}
	campaigns := make([]Campaign, len(wire.Campaigns))
	for i, w := range wire.Campaigns {
		campaigns[i] = Campaign{ID: string(w.ID), Name: string(w.Name), State: string(w.State)}
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

// Complete reports whether the verdict is final. A complete submission may
// still carry Reasons, and many of them only say that no partner drove the
// sale.
func (s *Submission) Complete() bool { return strings.EqualFold(s.Status, "Complete") }

// Submission looks up what became of a conversion by the QueuedURI of its
// result. It counts towards the hourly quota like any call of the API host. A
// URI that does not belong to the client's account is refused without a call,
// so that the credentials go nowhere else.
func (c *Client) Submission(ctx context.Context, queuedURI string) (*Submission, error) {
	id, err := c.submissionID(queuedURI)
	if err != nil {
		return nil, err
	}
	a, err := c.account(ctx, http.MethodGet, "APISubmissions/"+id, nil)
	if err != nil {
		return nil, err
	}
	var wire struct{ BatchID, OrderID, Type, Status, CompletionDate, ErrorType, ErrorReason loose }
	if err := a.decode(&wire); err != nil {
		return nil, err
	}
	// A date that cannot be read is as good as none: Status says the same.
	completed, _ := time.Parse(time.RFC3339, string(wire.CompletionDate))
	return &Submission{
		BatchID: string(wire.BatchID), OrderID: string(wire.OrderID), Type: string(wire.Type),
		Status: string(wire.Status), CompletedAt: completed, ErrorType: string(wire.ErrorType),
		Reasons: strings.Fields(string(wire.ErrorReason)), Rate: a.rate, Attempts: a.attempts,
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

// decode reads the whole JSON answer of a look-up.
func (a *answer) decode(into any) error {
	if err := json.Unmarshal(a.text, into); err != nil && !isTypeError(err) {
		return &Error{
			Method: http.MethodGet, Path: a.path, Status: a.status, Message: "the answer cannot be read", Rate: a.rate,
			Sent: SentAnswered, Attempts: a.attempts, Err: err,
		}
	}
	return nil
}
