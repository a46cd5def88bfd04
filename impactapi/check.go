package impactapi

import "strconv"

// check collects what a request has and what is wrong with it, in one walk over
// its parameters.
type check struct {
	endpoint Endpoint
	currency string
	seen     role // the roles of all parameters with a value
	totals   int  // the number of order totals
	items    []itemRoles
	fields   []FieldError
}

// itemRoles are the roles of one order item's parameters.
type itemRoles struct {
	item int
	seen role
}

func (c *check) fail(field, message string) {
	c.fields = append(c.fields, FieldError{Field: field, Level: "ERROR", Message: message})
}

func (c *check) err() error {
	if len(c.fields) == 0 {
		return nil
	}
	return &ValidationError{Endpoint: c.endpoint, Fields: c.fields, Unidentified: c.seen&c.identifying() == 0}
}

// identifying returns the roles of which the request needs one, to say whose it is.
func (c *check) identifying() role {
	if c.endpoint == Conversions {
		return isAttribution
	}
	return isVisitor
}

func (c *check) values(p Params) {
	c.currency, _ = p.Get("CurrencyCode")
	for i := range p {
		c.value(&p[i])
	}
}

func (c *check) value(p *Param) {
	if p.Name == "" || len(p.Name) > maxText {
		c.fail("", "a parameter's name must have 1 to 255 bytes")
		return
	}
	if p.Value == "" {
		return
	}
	known, item := find(c.endpoint, p.Name)
	if ContainsEmail(p.Value) || known == nil && ContainsEmail(p.Name) {
		c.fail(redactEmails(p.Name), "holds an e-mail address in clear; send its SHA-1 as CustomerEmail")
		return
	}
	if known == nil {
		known = &customParameter
	}
	if problem := known.problem(p.Value, c.endpoint, c.currency); problem != "" {
		c.fail(p.Name, problem)
	}
	c.note(known, item)
}

// customParameter stands for every name that is not in the catalogue.
var customParameter = Parameter{Type: Text, MaxLen: maxText}

func (c *check) note(p *Parameter, item int) {
	c.seen |= p.role
	if p.role&isOrderTotal != 0 {
		c.totals++
	}
	if item == 0 {
		return
	}
	// Items come in order, so it is nearly always the last one.
	for i := len(c.items) - 1; i >= 0; i-- {
		if c.items[i].item == item {
			c.items[i].seen |= p.role
			return
		}
	}
	c.items = append(c.items, itemRoles{item: item, seen: p.role})
}

func (c *check) need(r role, field, message string) {
	if c.seen&r == 0 {
		c.fail(field, message)
	}
}

func (c *check) pageLoadRules() {
	c.need(isCampaign, "CampaignId", "is required")
	c.need(isDate, "EventDate", "is required")
	c.need(isPageURL|isProperty, "PageUrl", "is required, unless an app was opened directly and PropertyId says which")
	c.need(c.identifying(), "CustomProfileId",
		"is required, or one of CustomerId, ClickId, GoogAId, AndroidId, AppleIfa, AppleIfv")
}

func (c *check) conversionRules() {
	c.need(isCampaign, "CampaignId", "is required")
	c.need(isDate, "EventDate", "is required")
	c.need(isOrder, "OrderId", "is required")
	c.need(isEvent, "EventTypeId", "is required, or EventTypeCode")
	c.need(c.identifying(), "ClickId",
		"is required, or another attribution key: CustomerId, CustomProfileId, a promo code, a device id")
	if c.seen&isSubID != 0 {
		c.need(isMedia, "MediaId", "is required with SubId and SharedId")
	}
	if len(c.items) > 0 && c.seen&isOrderTotal != 0 {
		c.fail("Amount", "or OrderSubTotalPostDiscount must not be sent with items, which would win")
	}
	if c.totals > 1 {
		c.fail("OrderSubTotalPostDiscount", "must not be sent with Amount, nor either of them twice: both are the order's total")
	}
	for _, it := range c.items {
		c.itemRules(it)
	}
}

func (c *check) itemRules(it itemRoles) {
	n := strconv.Itoa(it.item)
	switch {
	case it.seen&isItemPrice != 0 && it.seen&isItemSubTotal != 0:
		c.fail("ItemPrice"+n, "and ItemSubTotal"+n+" exclude each other")
	case it.seen&isItemPrice != 0 && it.seen&isItemQuantity == 0:
		c.fail("ItemQuantity"+n, "is required with ItemPrice"+n)
	}
}
