package impactapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// ReversalCodes are the documented reasons for reversing an action. An account may have
// codes of its own, which may do something else, such as approve an action; they are
// not sent.
//
// https://help.impact.com/en/support/solutions/articles/48001236008-batch-modifications-reversals-file-parameters-reason-codes
var ReversalCodes = []string{
	"ADV_ACT_DISPUTE", "CONS_ERROR", "CONS_FRAUD", "ITEM_OUT_OF_STOCK", "ITEM_RETURNED", "NOT_COMPLIANCE_TERMS", "ORDER_ERROR", "PUB_ACT_DISPUTE", "REJECTED", "TEST_ACTION",
}

// modificationReason is the only reason that impact.com's pages on items allow.
const modificationReason = "ORDER_UPDATE"

// maxActionID is longer than any ActionId.
const maxActionID = 100

// ItemLeft is what is left of an item of an action.
type ItemLeft struct {
	Sku      string
	Category string
	Quantity int64 // 0: the item is taken back
}

// ChangeResult is impact.com's answer to a change of an action: it is queued. Whether it
// was made shows in the action, and why not in the Submission.
type ChangeResult struct {
	QueuedURI string
	Rate      Rate
	Attempts  int // HTTP requests that it took
}

// ReverseAction takes an action back. The code is one of ReversalCodes. The request is
// not repeated within the call if it may have arrived.
//
// https://integrations.impact.com/impact-brand/reference/reverse-an-action
func (c *Client) ReverseAction(ctx context.Context, actionID, code string) (*ChangeResult, error) {
	if !slices.Contains(ReversalCodes, code) {
		return nil, fmt.Errorf("reverse action: %q is not a documented reason, such as ITEM_RETURNED", code)
	}
	return c.change(ctx, http.MethodDelete, actionID, Params{{"ActionId", actionID}, {"DispositionCode", code}})
}

// ModifyItems tells impact.com how many units of some of an action's items are left.
// The request is not repeated within the call if it may have arrived.
//
// https://integrations.impact.com/impact-brand/reference/update-an-action-item
func (c *Client) ModifyItems(ctx context.Context, actionID string, items []ItemLeft) (*ChangeResult, error) {
	form := Params{{"ActionId", actionID}, {"Reason", modificationReason}}
	if len(items) == 0 {
		return nil, errors.New("modify action: no items")
	}
	for i, it := range items {
		if it.Sku == "" || it.Quantity < 0 {
			return nil, fmt.Errorf("modify action: item %q needs a Sku and a quantity that is not negative", it.Sku)
		}
		number := ""
		if i > 0 { // the first has none
			number = strconv.Itoa(i + 1)
		}
		form.Add("Sku"+number, it.Sku)
		form.Add("Quantity"+number, strconv.FormatInt(it.Quantity, 10))
		if it.Category != "" {
			form.Add("Category"+number, it.Category)
		}
	}
	return c.change(ctx, http.MethodPut, actionID, form)
}

func (c *Client) change(ctx context.Context, method, actionID string, form Params) (*ChangeResult, error) {
	if err := checkActionID(actionID); err != nil {
		return nil, err
	}
	if c.config.AuthToken == "" {
		return nil, ErrNoCredentials
	}
	a, err := c.do(ctx, &call{
		method: method, path: "/Advertisers/{AccountSID}/Actions", url: c.api.JoinPath("Advertisers", c.config.AccountSID, "Actions"), headers: c.signedForm,
		form: form, once: true, limit: maxBody, proof: queued,
	})
	if err != nil {
		return nil, err
	}
	return &ChangeResult{QueuedURI: a.body.text("queueduri"), Rate: a.rate, Attempts: a.attempts}, nil
}

func checkActionID(id string) error {
	if id == "" || len(id) > maxActionID || strings.ContainsAny(id, "/%?#& ") || strings.Trim(id, ".") == "" {
		return fmt.Errorf("%.40q is not an ActionId, such as 77.310.9001", id)
	}
	return nil
}

// Action returns one action, and how the request counts towards the quota.
//
// https://integrations.impact.com/brand-api-reference/reference/actions/actions
func (c *Client) Action(ctx context.Context, id string) (*Action, Rate, int, error) {
	if err := checkActionID(id); err != nil {
		return nil, Rate{}, 0, err
	}
	a, err := c.lookUp(ctx, "Actions/"+id, "id")
	if err != nil {
		return nil, Rate{}, 0, err
	}
	var row actionRow
	if err := json.Unmarshal(a.text, &row); err != nil {
		return nil, a.rate, a.attempts, &Error{Method: http.MethodGet, Path: a.path, Status: a.status, Message: "the action cannot be read: " + err.Error(), Rate: a.rate, Sent: SentAnswered, Attempts: a.attempts}
	}
	return row.action(), a.rate, a.attempts, nil
}
