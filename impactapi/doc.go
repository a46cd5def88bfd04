// Package impactapi is a client of impact.com's brand API. It sends what a brand
// sends, page loads and conversions, and looks up whether credentials work and
// what became of a conversion.
//
// impact.com was Impact Radius and calls this product Impact Partnership
// Cloud. The package follows version 14 of the API; every rule names the
// document that it comes from. These documents leave much open: whether a
// repeated page load counts twice, what an unknown parameter does, how long an
// OrderId is remembered. The package does not treat guesses as facts, and says so
// where it had to choose.
//
// # Two hosts
//
// Page loads go to the tracking host without credentials; the CampaignId says
// whose they are. Everything else goes to the API host with HTTP Basic, the
// account SID and an auth token, and counts towards a quota, by default 1,000
// requests an hour.
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
// impact.com's: no parameter may hold an e-mail address in clear, and no date may
// be NOW. The client sends nothing that was not checked. The [Catalogue] has what is
// documented of each parameter; [Lookup] finds one, and [Reserved] reports whether
// a name of your own would collide with one.
//
// Then it is sent, form-encoded. 408, 429, 5xx and network errors are retried,
// after growing, jittered waits or the wait that impact.com asked for in
// Retry-After, RateLimit-Reset or X-RateLimit-Reset. A wait longer than
// Config.MaxWait ends the call instead; [Error] has it in RetryAfter. Other answers
// end the call at once. Redirects are not followed.
//
// # What counts as taken
//
// A conversion is taken if the answer is 2xx, JSON or XML, and has a QueuedUri and a
// Status that is not a failure; or ActionId and ActionUri, which is not documented.
// A page load is taken if the answer is 2xx and an object with one of the documented
// keys, or without any key, because all are optional. An answer that reports errors
// is no success. Everything else, such as a page of another server, an empty body or
// a maintenance notice, is an [*Error] that leaves the fate of the request unknown:
// see [Unclear]. Reading an answer ends with the context.
//
// # What a failure means
//
// Every failure of a sent request is an [*Error]. Two questions matter:
//
//   - May the same request succeed later? [Retryable].
//   - May impact.com hold it already? [Doubtful]. It may if an attempt had a
//     connection and ended without an answer, with an unclear answer, or with 5xx.
//     It does not if no connection was opened or the answer was 4xx, unless an
//     earlier attempt of the same call left doubt.
//
// A conversion is safe to repeat, because impact.com drops a second one with the
// same event type and OrderId, within a window that each event type sets. Page loads
// are not known to be safe; so a page load whose fate is unknown is not repeated
// within the call, unless Config.RetryUnknown is set.
//
// A 2xx answer to a conversion says that it was received, not that it is
// valid. The verdict is available minutes later under the result's QueuedURI; see
// [Client.Submission]. A 2xx may have warnings of level ERROR.
//
// # What is kept out
//
// Errors and log values of this package contain neither the auth token nor e-mail
// addresses; foreign text is cut to 200 printable characters, without addresses
// and token-like runs. Answers are read to 64 KiB (lists to 8 MiB).
//
// Package sandbox, below this one, is a stand-in for impact.com to test with.
package impactapi
