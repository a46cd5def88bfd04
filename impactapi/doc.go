// Package impactapi is a client of impact.com's brand API, for what a brand
// sends: page loads and conversions, and the look-ups that tell whether
// credentials work and what became of a conversion.
//
// impact.com was Impact Radius and calls this product Impact Partnership
// Cloud. The package follows version 14 of the API; every rule names the
// document that it comes from. The same documents leave much open: whether a
// repeated page load counts twice, what an unknown parameter does, how long an
// OrderId is remembered. The package takes no guess for a fact and says so
// where it had to choose.
//
// # Two hosts
//
// Page loads go to the tracking host without credentials; the CampaignId says
// whose they are. Everything else goes to the API host with HTTP Basic, the
// account SID and an auth token, and counts towards a quota that is 1,000
// requests an hour by default.
//
//	client, err := impactapi.New(impactapi.Config{AccountSID: sid, AuthToken: token})
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	sale, err := impactapi.NewConversion(impactapi.Params{
//		{Name: "CampaignId", Value: "1000"},
//		{Name: "EventTypeCode", Value: "sale"},
//		{Name: "EventDate", Value: order.PaidAt.Format(time.RFC3339)},
//		{Name: "OrderId", Value: order.ID},
//		{Name: "ClickId", Value: order.ClickID},
//		{Name: "CurrencyCode", Value: "EUR"},
//		{Name: "ItemSku1", Value: "AN-1"},
//		{Name: "ItemQuantity1", Value: "2"},
//		{Name: "ItemPrice1", Value: "19.99"},
//	})
//	if err != nil {
//		return err // a ValidationError, with every problem
//	}
//	result, err := client.SendConversion(ctx, sale)
//
// # The life of a request
//
// A request is a list of form parameters, [Params]. [NewPageLoad] and
// [NewConversion] check it: required and conditional parameters, types,
// lengths; a [ValidationError] lists every problem. Two rules are stricter than
// impact.com's: no e-mail address goes out in clear, in no parameter, and no
// date is NOW. The client sends nothing that was not checked. The [Catalogue]
// holds what is documented of each parameter; [Lookup] finds one, [Reserved]
// tells whether a name of one's own would collide.
//
// Then it is sent, form-encoded. 408, 429, 5xx and network errors are tried
// again, with growing and jittered waits, or after the wait that impact.com
// asked for in Retry-After, RateLimit-Reset or X-RateLimit-Reset. A wait
// longer than Config.MaxWait ends the call instead; [Error] carries it in
// RetryAfter. Other answers end the call at once. Redirects are not followed.
//
// # What counts as taken
//
// Of a conversion: 2xx, a Status that is no failure's, and a QueuedUri; JSON or
// XML. Or ActionId and ActionUri, an answer that is not documented. Of a page
// load: 2xx and an object with one of the documented keys, or with none at all,
// because all are optional. Errors beside them make it no success. Everything
// else, a page of another server, an empty body, a maintenance notice, is an
// [*Error] of unknown fate: see [Unclear]. Reading an answer ends with the context.
//
// # What a failure means
//
// Every failure of a sent request is an [*Error]. Two questions matter:
//
//   - May the same request succeed later? [Retryable].
//   - May impact.com hold it already? [Doubtful]. It may, when an attempt ended
//     without an answer after a connection was there, in an unclear one, or in a
//     5xx. It may not
//     when no connection was opened or the answer was 4xx, unless an earlier
//     attempt of the same call left doubt.
//
// A conversion is safe to repeat, because impact.com drops a second one of the
// same event type and OrderId, within a window that each event type sets. A
// page load is not known to be; so a page load whose fate is unknown is not
// repeated within the call, unless Config.RetryUnknown says so.
//
// A 2xx answer to a conversion says that it was received, not that it is
// valid. The verdict comes minutes later under the result's QueuedURI; see
// [Client.Submission]. Warnings of level ERROR may stand beside a 2xx.
//
// # What is kept out
//
// Neither the auth token nor an e-mail address is in any error or log value of
// this package; foreign text is cut to 200 printable characters with addresses
// and token-like runs removed. Answers are read to 64 KiB (lists to 8 MiB).
//
// Package sandbox, below this one, is a stand-in for impact.com to test with.
package impactapi
