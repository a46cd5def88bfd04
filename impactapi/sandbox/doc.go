// Package sandbox is a stand-in for impact.com, which has no test system of
// its own: the PageLoad, Conversions, APISubmissions, CompanyInformation and
// Campaigns calls, held to impact.com's documents, on one port; and AppInstall,
// which is not documented.
//
// # What it does
//
// Page loads need no credentials; everything under /Advertisers/ needs HTTP
// Basic with the account SID and the auth token: 401 without, 403 for another
// account. Bodies are forms or flat JSON objects, parameters in the query
// count too. Required and conditional parameters, types and lengths are those
// of package impactapi; beyond them it takes what impact.com documents and
// impactapi never sends: the date NOW, and a plain address as CustomerEmail of
// a page load. A conversion is answered 200 QUEUED with a QueuedUri; a repeat
// of event type, OrderId and campaign is too, and its submission then says
// CONV_DUPLICATE. AppInstall is answered as a page load is, always with a click
// id; impact.com would return none for an install whose click it does not know.
// Calls under /Advertisers/ count towards a rate limit, carry its headers, and
// get 429 beyond it.
//
// # What it does not know
//
// impact.com documents neither the length of its OrderId window (here: for as
// long as the sandbox runs), nor what an unknown parameter of a page load does (here: nothing,
// or a warning with Config.WarnUnknown), nor how long a submission takes
// (Config.SettleAfter). It attributes nothing and pays nobody.
//
// # The call log
//
// Config.LogFile gets one JSON line per request, whole and written before the
// answer leaves:
//
//	{"at":"2026-11-01T12:00:00.000000001Z","method":"POST","path":"/PageLoad","form":{"CampaignId":"1000"},"status":200}
//
// Form values are strings, and arrays of strings where a name is repeated.
// Status 0 stands for a request that was taken and whose connection was
// dropped before the answer. Requests that were dropped before they were taken
// are not in it. Credentials are not in it; forms are.
//
// # Faults
//
// Config's rates make faults from a seed, by the number of the request: the
// same seed spoils the same requests of a sequence. Config.Fault lets a test
// choose for itself.
package sandbox
