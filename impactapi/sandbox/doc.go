// Package sandbox is a stand-in for impact.com, which has no test system of
// its own: the PageLoad, Conversions, APISubmissions, Actions, ActionUpdates,
// FTPFileSubmissions, CompanyInformation and Campaigns calls, as impact.com
// documents them, on one port; and AppInstall, which is not documented.
//
// # What it does
//
// Page loads need no credentials; everything under /Advertisers/ needs HTTP
// Basic with the account SID and the auth token: 401 without, 403 for another
// account. Bodies are forms or flat JSON objects; parameters in the query
// count, too. Required and conditional parameters, types and lengths are those
// of package impactapi; in addition it takes what impact.com documents and
// impactapi never sends: the date NOW, and a plain address as CustomerEmail of
// a page load. A conversion is answered 200 QUEUED with a QueuedUri; so is a
// repeated event type, OrderId and campaign, whose submission then says
// CONV_DUPLICATE. AppInstall is answered as a page load is, always with a click
// id; impact.com would return none for an install whose click it does not know.
// Calls under /Advertisers/ count towards a rate limit, carry its headers, and
// get 429 beyond it.
//
// # Actions
//
// A conversion that a partner gets becomes an action; Config.Attribute, or else
// Config.PartnerShare and the shares after it, says which. Lists of actions and of their updates have the
// documented filters, bounds and pages, newest first. PUT and DELETE, or a POST with
// _method, are queued; their submission says whether the action was changed. An action
// locks at Config.LockAfter from its event and is approved then, which is no update. A
// reversed action has an Amount of 0. The commission is 5 %.
//
// Files of conversions and of changes are picked up from Config.DropDir.
//
// # What it does not know
//
// impact.com documents neither the length of its OrderId window (here: as long as
// the sandbox runs), nor what an unknown parameter of a page load does (here:
// nothing, or a warning with Config.WarnUnknown), nor how long a submission takes
// (Config.SettleAfter). Of actions, it does not document:
//
//   - the reasons in the submission of a change that was not made: here ACTION_NOT_FOUND,
//     ACTION_LOCKED, ACTION_REVERSED, MAX_MODIFICATIONS_REACHED, SKU_NOT_FOUND and
//     QUANTITY_INCREASED, and none for the second reversal of an action;
//   - codes that are not set up: here refused with 400;
//   - the currency of a changed Amount: here the action's;
//   - a Quantity without an Amount: here the amount of the line in proportion;
//   - an Amount for an order of several items: here spread over them in proportion;
//   - items with one Sku: here the first of them is meant;
//   - all items at 0: here the action stays pending, with an Amount of 0;
//   - the code of a re-attribution: here SYSTEM_REATTRIBUTED_ORDER;
//   - which window the dates of events and of locking may have: here 45 days, too;
//   - the largest PageSize: here 20,000.
//
// # The call log
//
// Config.LogFile gets one JSON line per request, whole and written before the
// answer leaves:
//
//	{"at":"2026-11-01T12:00:00.000000001Z","method":"POST","path":"/PageLoad","form":{"CampaignId":"1000"},"status":200}
//
// Form values are strings; the values of a repeated name are an array of strings.
// Status 0 means that the request was taken and its connection dropped before the
// answer. Requests that were dropped before they were taken are not in the log.
// Neither are credentials; forms are.
//
// # Faults
//
// Config's rates cause faults by a seed and the number of the request: with the same
// seed, the same requests of a sequence fail. Config.Fault lets a test choose.
package sandbox
