package mapping

import "github.com/impactsync/impactsync/impactapi"

// tableVersion is raised when the code behind a line changes what is sent, so
// that refused deliveries are tried again. Changes of the table itself are noticed
// without it.
const tableVersion = 2

// Sources of the rules in the table.
const (
	fromPageLoad   = "https://integrations.impact.com/brand-api-reference/reference/page-load/page-load"
	fromConversion = "https://integrations.impact.com/brand-api-reference/reference/conversions/conversions"
	fromItems      = "https://integrations.impact.com/impact-brand/docs/item-level-data"
	fromOrders     = "https://integrations.impact.com/impact-brand/docs/order-level-data"
	fromClassic    = "https://github.com/segmentio/segment-docs/blob/747b35d8f5f1889b041f2101185d562d7c4c016e/src/connections/destinations/catalog/impact/index.md"
	fromFunction   = "https://github.com/ImpactInc/third-party-integration/blob/HEAD/segment/dist/impactSegmentFunction-latest.js"
	fromSettings   = "https://segment.com/docs/connections/destinations/catalog/impact-partnership-cloud/"
	fromRudder     = "https://github.com/rudderlabs/rudder-transformer/tree/c98d160cfaddc5fe5ddee7891c4f4a23014b9aa8/src/v0/destinations/impact"
	fromEcommerce  = "https://segment.com/docs/connections/spec/ecommerce/v2/"
	fromData       = "https://integrations.impact.com/impact-brand/docs/impactcom-action-conversion-data-references"
	fromClickIDs   = "https://integrations.impact.com/integration-guides/for-brands/tracking-integrations/api-online-sale/implementation"
)

const both = impactapi.PageLoads | impactapi.Conversions

// system is the operating system that a line is for.
type system uint8

const (
	anySystem system = iota
	apple
	android
)

// line feeds one parameter. Its type and length are those of impactapi's
// catalogue.
type line struct {
	name   string
	on     impactapi.Endpoint
	os     system
	paths  []string            // tried in order, the first usable one counts
	fill   func(*build, *step) // for more than paths
	rule   string              // what is done with the value, for the document
	source string              // of the rule
}

// table is the mapping, in the order in which parameters are sent. A custom
// mapping is tried before a line's own paths.
var table = []line{
	{name: "CampaignId", on: both, fill: (*build).campaign, source: fromSettings,
		rule: "setting `campaignId`"},
	{name: "EventDate", on: both, paths: []string{"timestamp", "originalTimestamp", "receivedAt", "sentAt"}, fill: (*build).eventDate, source: fromPageLoad,
		rule: "RFC 3339 in UTC, to the millisecond; never later than `receivedAt` or now; a time before 2010 or more than 5 minutes after `receivedAt` is ignored; for an uncorrected clock that is ahead: `receivedAt` - (`sentAt` - `originalTimestamp`); without any, when the file was written"},
	{name: "ClickId", on: both, paths: []string{"context.referrer.id", "context.page.url", "properties.url", "context.page.search", "properties.search",
		"context.referrer.url", "context.referrer.link", "context.page.referrer", "properties.referrer"}, fill: (*build).clickID, source: fromClickIDs,
		rule: "see [Click ids](#click-ids)"},
	{name: "CustomerId", on: both, paths: []string{"userId"}, source: fromClassic,
		rule: "byte-exact; not when it is an e-mail address; left out when too long"},
	{name: "CustomProfileId", on: both, paths: []string{"anonymousId"}, source: fromRudder,
		rule: "byte-exact; not Segment's derived `eml_...`; left out when too long"},
	{name: "CustomerEmail", on: both, paths: []string{"userId", "traits.email", "context.traits.email", "properties.email"}, fill: (*build).customerEmail, source: fromPageLoad,
		rule: "SHA-1 hex of the trimmed, lower-cased address; 40 hex digits are sent as they are, 64 (SHA-256) on conversions only; `userId` only if it is an address"},
	{name: "PageUrl", on: impactapi.PageLoads, paths: []string{"context.page.url", "properties.url"}, fill: (*build).pageURL, source: fromPageLoad,
		rule: "absolute, without e-mail addresses; never the referrer; for an identify call without a page and for trait updates, setting `pageUrl`; none for a direct app open"},
	{name: "ReferringUrl", on: impactapi.PageLoads, paths: []string{"context.page.referrer", "properties.referrer", "context.referrer.url"}, source: fromPageLoad,
		rule: "absolute, without e-mail addresses; left out otherwise"},
	{name: "PropertyId", on: both, paths: []string{"context.os.name", "context.device.type"}, fill: (*build).property, source: fromSettings,
		rule: "setting `iOsAppId` or `androidAppId`, chosen by the system"},
	{name: "AppleIfa", on: both, os: apple, paths: []string{"context.device.advertisingId"}, source: fromRudder,
		rule: "Apple systems only; not when all zeros"},
	{name: "AppleIfv", on: both, os: apple, paths: []string{"context.device.id"}, source: fromRudder,
		rule: "Apple systems only; not when all zeros"},
	{name: "GoogAId", on: both, os: android, paths: []string{"context.device.advertisingId"}, source: fromRudder,
		rule: "Android only; not when all zeros"},
	{name: "AndroidId", on: both, os: android, paths: []string{"context.device.id"}, source: fromRudder,
		rule: "Android only; not when all zeros"},
	{name: "IpAddress", on: both, paths: []string{"context.ip"}, source: fromClassic,
		rule: "public addresses only"},
	{name: "UserAgent", on: both, paths: []string{"context.userAgent"}, source: fromClassic, rule: "cut to the limit"},
	{name: "TrackingConsent", on: both, paths: []string{"context.device.adTrackingEnabled"}, source: fromRudder, rule: "true or false"},
	{name: "AppName", on: impactapi.PageLoads, paths: []string{"context.app.name"}, source: fromClassic, rule: "cut to the limit"},
	{name: "AppPackage", on: both, paths: []string{"context.app.namespace"}, source: fromClassic, rule: "cut to the limit"},
	{name: "AppVer", on: both, paths: []string{"context.app.version"}, source: fromClassic, rule: "cut to the limit"},
	{name: "DeviceMfr", on: both, paths: []string{"context.device.manufacturer"}, source: fromClassic, rule: "cut to the limit"},
	{name: "DeviceModel", on: both, paths: []string{"context.device.model"}, source: fromClassic, rule: "cut to the limit"},

	{name: "EventTypeId", on: impactapi.Conversions, fill: (*build).eventTypeID, source: fromSettings,
		rule: "setting `eventTypeIds` for the event's name; else, for installs, the app's id (`iOsAppId` or `androidAppId`), and for others `eventTypeId`"},
	{name: "EventTypeCode", on: impactapi.Conversions, paths: []string{"event"}, fill: (*build).eventTypeCode, source: fromSettings,
		rule: "the event's name without its first comma, if there is no EventTypeId; refused when too long"},
	{name: "EventCode", on: impactapi.Conversions, fill: (*build).eventCode, source: fromData,
		rule: "`INSTALL` on installs"},
	{name: "OrderId", on: impactapi.Conversions, paths: []string{"properties.orderId", "properties.order_id", "properties.transactionID", "properties.transaction_id", "properties.messageId", "messageId"}, fill: (*build).orderID, source: fromFunction,
		rule: "the first that is an id (not a word for nothing, and not `IR_AN_64_TS`); the message's own `messageId` if there is no other: counted if there is money (`note_order_without_id`), or refused (setting `missingOrderId`); over 64 characters, the first 32 hex digits of its SHA-256"},
	{name: "OrderPromoCode", on: impactapi.Conversions, paths: []string{"properties.coupon"}, source: fromClassic, rule: "left out when too long"},
	{name: "OrderDiscount", on: impactapi.Conversions, paths: []string{"properties.discount"}, fill: (*build).discount, source: fromOrders,
		rule: "setting `orderDiscount`; by default only beside items that are priced before it, see [Discounts](#discounts)"},
	{name: "OrderShipping", on: impactapi.Conversions, paths: []string{"properties.shipping"}, source: fromClassic, rule: "the places of the currency, half up; for reports only, so left out if it cannot be read"},
	{name: "OrderTax", on: impactapi.Conversions, paths: []string{"properties.tax"}, source: fromClassic, rule: "the places of the currency, half up; for reports only, so left out if it cannot be read"},
	{name: "CustomerStatus", on: impactapi.Conversions, paths: []string{"context.traits.status"}, source: fromClassic, rule: "cut to the limit"},
	{name: "CustomerCity", on: impactapi.Conversions, paths: []string{"context.traits.address.city"}, source: fromClassic, rule: "cut to the limit"},
	{name: "CustomerRegion", on: impactapi.Conversions, paths: []string{"context.traits.address.state"}, source: fromConversion, rule: "cut to the limit"},
	{name: "CustomerPostCode", on: impactapi.Conversions, paths: []string{"context.traits.address.postalCode", "context.traits.address.postal_code", "context.traits.postalCode"}, source: fromClassic, rule: "cut to the limit"},
	{name: "CustomerCountry", on: impactapi.Conversions, paths: []string{"context.traits.address.country"}, source: fromClassic, rule: "cut to the limit"},
	{name: "Amount", on: impactapi.Conversions, paths: []string{"properties.subtotal", "properties.revenue", "properties.total", "properties.tax", "properties.shipping", "properties.value"}, fill: (*build).amount, source: fromOrders,
		rule: "only without items and without another order total: subtotal, else revenue, else total - tax - shipping, else value; the places of the currency, half up; refused when negative or unreadable"},
	{name: "CurrencyCode", on: impactapi.Conversions, paths: []string{"properties.currency"}, fill: (*build).currency, source: fromEcommerce,
		rule: "only with money: upper-cased, else the currency beside the amounts, else setting `defaultCurrency`, none if that is empty; refused if it is not a code of three letters, or if an amount is in another currency"},
}

// productTable is the mapping of one product; paths are those in the product.
var productTable = []line{
	{name: "ItemSku", paths: []string{"sku", "product_id"}, source: fromClassic, rule: "cut to the limit"},
	{name: "ItemName", paths: []string{"name"}, source: fromClassic, rule: "cut to the limit"},
	{name: "ItemCategory", paths: []string{"category"}, source: fromClassic, rule: "cut to the limit"},
	{name: "ItemBrand", paths: []string{"brand"}, source: fromClassic, rule: "cut to the limit"},
	{name: "ItemPromoCode", paths: []string{"coupon"}, source: fromRudder, rule: "cut to the limit"},
	{name: "ItemPrice", paths: []string{"price"}, source: fromRudder,
		rule: "the places of the currency, half up; with ItemQuantity"},
	{name: "ItemQuantity", paths: []string{"quantity"}, source: fromItems,
		rule: "whole, beside a price as well as a subtotal; 1 if absent or not whole"},
	{name: "ItemSubTotal", paths: []string{"subtotal", "line_total", "total"}, source: fromItems,
		rule: "from the custom mapping; or, for a product without a price, from these paths; or price times quantity if the quantity is not whole or the rounded price would be worth less. Replaces the price"},
}
