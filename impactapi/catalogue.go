package impactapi

import (
	"slices"
	"strings"
)

// role is what the conditional rules need to know about a parameter; a set of bits.
type role uint16

const (
	isCampaign role = 1 << iota
	isDate
	isPageURL
	isProperty     // System App ID
	isOrder        // OrderId
	isEvent        // says which event type
	isAttribution  // lets impact.com attribute a conversion
	isVisitor      // identifies the visitor of a page load
	isOrderTotal   // order-level total, not together with items
	isItemPrice    // unit price
	isItemSubTotal // line total
	isItemQuantity
	isMedia   // forces a partner
	isSubID   // allowed only with a forced partner
	isEmailID // CustomerEmail
)

// The documents that the catalogue was taken from.
const (
	srcPageLoad   = "https://integrations.impact.com/brand-api-reference/reference/page-load/page-load"
	srcPageObject = "https://integrations.impact.com/impact-brand/reference/the-pageload-object"
	srcPageCreate = "https://integrations.impact.com/impact-brand/reference/create-a-pageload"
	srcConversion = "https://integrations.impact.com/brand-api-reference/reference/conversions/conversions"
	srcConvObject = "https://integrations.impact.com/impact-brand/reference/the-conversion-object"
	srcData       = "https://integrations.impact.com/impact-brand/docs/impactcom-action-conversion-data-references"
	srcAttr       = "https://integrations.impact.com/impact-brand/docs/attribution-data"
	srcOrder      = "https://integrations.impact.com/impact-brand/docs/order-level-data"
	srcItem       = "https://integrations.impact.com/impact-brand/docs/item-level-data"
	srcSegment    = "https://github.com/segmentio/segment-docs/blob/747b35d8f5f1889b041f2101185d562d7c4c016e/src/connections/destinations/catalog/impact/index.md"
	srcStatus     = "https://help.impact.com/brand/what-would-you-like-to-learn-about/platform-features/tracking/set-up-tracking/configure-customer-status-mapping"
)

const both = PageLoads | Conversions

// maxText is the limit of any text whose own limit is not documented, and of custom
// parameters.
//
// https://integrations.impact.com/brand-api-reference/readme/requests
const maxText = 255

// catalogue is every documented parameter: those of both calls, then those of page
// loads, then those of conversions by subject.
var catalogue = slices.Concat(sharedParameters, pageLoadParameters, orderParameters, itemParameters, customParameters)

// byName indexes the catalogue; families are under their bare names.
var byName = func() map[string]*Parameter {
	index := make(map[string]*Parameter, len(catalogue))
	for i := range catalogue {
		index[catalogue[i].Name] = &catalogue[i]
	}
	return index
}()

// seenElsewhere are parameters that other clients and impact.com's own shop pixel
// send although no document lists them. They are reserved, not documented.
var seenElsewhere = []string{
	"ImpactAppId", "DeviceOs", "DeviceOsVer", "DeviceCarrier", "DeviceLocale", "Latitude", "Longitude",
	"IntegrationSource", "FirstPartyCookie", "IpAddressCarrier", "IpAddressWifi", "AppleAdTrack",
	"AppId", "Event", "DeviceVer", "_method", "IrVersion",
}

// reserved has the folded names, reservedFamilies the folded bare names of numbered
// parameters. An item's parameter was seen without its number, so the items' bare
// names are in both.
var reserved, reservedFamilies = func() (names, families map[string]bool) {
	names, families = make(map[string]bool), make(map[string]bool)
	for _, p := range catalogue {
		folded := foldName(p.Name)
		if p.Indexed() {
			families[folded] = true
		}
		if !p.Indexed() || strings.HasPrefix(folded, "item") {
			names[folded] = true
		}
	}
	for _, name := range seenElsewhere {
		names[foldName(name)] = true
	}
	return names, families
}()

var sharedParameters = []Parameter{
	{Name: "CampaignId", Endpoint: both, Type: Integer, MaxLen: 10, role: isCampaign, Source: srcConvObject,
		Doc: "Program id; required."},
	{Name: "EventDate", Endpoint: both, Type: Date, role: isDate, Source: srcData,
		Doc: "When it happened; required, not in the future. impact.com also takes NOW, which is wrong after any delay, so this package refuses it."},
	{Name: "ClickId", Endpoint: both, MaxLen: 64, role: isAttribution | isVisitor, Source: srcAttr,
		Doc: "Click id from the landing URL's im_ref, irclickid or clickid; case-sensitive."},
	{Name: "CustomerId", Endpoint: both, MaxLen: 255, role: isAttribution | isVisitor, Source: srcAttr,
		Doc: "Own customer id, not an e-mail address; also chains parent and child actions."},
	{Name: "CustomProfileId", Endpoint: both, MaxLen: 70, role: isAttribution | isVisitor, Source: srcConvObject,
		Doc: "Own anonymous visitor id, the same on page loads and conversions."},
	{Name: "CustomerEmail", Endpoint: both, Type: EmailHash, MaxLen: 64, role: isEmailID, Source: srcConversion,
		Doc: "SHA-1 hex of the trimmed, lower-cased address (40 digits); conversions take SHA-256 (64 digits) too. Page loads take plain addresses, which this package refuses."},
	{Name: "GoogAId", Endpoint: both, MaxLen: maxText, role: isAttribution | isVisitor, Source: srcPageLoad,
		Doc: "Google Advertising ID."},
	{Name: "GoogAid", Endpoint: both, MaxLen: maxText, AliasOf: "GoogAId", role: isAttribution | isVisitor, Source: srcPageCreate,
		Doc: "Older spelling of GoogAId."},
	{Name: "AndroidId", Endpoint: both, MaxLen: maxText, role: isAttribution | isVisitor, Source: srcConversion,
		Doc: "Android device id."},
	{Name: "AppleIfa", Endpoint: both, MaxLen: maxText, role: isAttribution | isVisitor, Source: srcConversion,
		Doc: "Apple IDFA."},
	{Name: "AppleIfv", Endpoint: both, MaxLen: maxText, role: isAttribution | isVisitor, Source: srcConversion,
		Doc: "Apple IDFV."},
	{Name: "PropertyId", Endpoint: both, Type: Integer, MaxLen: 16, role: isProperty, Source: srcPageLoad,
		Doc: "System App ID of a mobile app; needed for app opens and installs."},
	{Name: "IpAddress", Endpoint: both, Type: IP, MaxLen: 45, Source: srcConversion,
		Doc: "The customer's public IPv4 or IPv6 address, for fraud detection and install attribution."},
	{Name: "UserAgent", Endpoint: both, MaxLen: maxText, Source: srcConversion,
		Doc: "The customer's user agent, for device reports."},
	{Name: "TrackingConsent", Endpoint: both, Type: Boolean, Source: srcConversion,
		Doc: "Whether the customer had consented to tracking when it happened."},
	{Name: "AppPackage", Endpoint: both, MaxLen: maxText, Source: srcConversion,
		Doc: "The app's package name or bundle id."},
	{Name: "AppVer", Endpoint: both, MaxLen: maxText, Source: srcConversion,
		Doc: "The app's version."},
	{Name: "DeviceMfr", Endpoint: both, MaxLen: maxText, Source: srcConversion,
		Doc: "android.os.Build.MANUFACTURER, or Apple."},
	{Name: "DeviceModel", Endpoint: both, MaxLen: maxText, Source: srcPageLoad,
		Doc: "android.os.Build.MODEL, or iOS systemInfo.machine."},
}

var pageLoadParameters = []Parameter{
	{Name: "PageUrl", Endpoint: PageLoads, Type: URL, role: isPageURL, Source: srcPageLoad,
		Doc: "Landing URL, tracking link or app deep link, whole; absent only when an app was opened directly (PropertyId)."},
	{Name: "ReferringUrl", Endpoint: PageLoads, Type: URL, Source: srcPageLoad,
		Doc: "Page on which the click happened."},
	{Name: "AppName", Endpoint: PageLoads, MaxLen: maxText, Source: srcPageLoad,
		Doc: "The app's name."},
}
