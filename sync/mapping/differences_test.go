package mapping

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// difference is what impact.com's own function for Segment does about a
// parameter, and why this program does otherwise; blank where it does the same.
type difference struct {
	parameter, theirs, why string
}

// notSent is what that function does about a parameter that it does not send.
const notSent = "does not send it"

const (
	documentedThere = "impact.com documents it there"
	textLimits      = "cut at impact.com's limit, without control characters"
	plainDecimals   = "two places, half up, no exponent, as impact.com documents decimals; anything else is left out where it is for reports only, and refuses the order where it changes what is paid"
	beyond          = "impact.com does not document it there and may change what it does with it, so it is sent only on request"
)

// differences has each parameter of the tables, and those that only impact.com's
// function sends.
var differences = []difference{
	{"CampaignId", "setting `campaignId`", ""},
	{"EventDate", "`timestamp`", "impact.com silently drops what is dated in the future, so that becomes now. Without a `timestamp`, the next best time is used"},
	{"ClickId", "`context.referrer.id` where `context.referrer.type` is `impactradius`, in any case", "Segment's libraries do not fill that; only sites that do so themselves have it. So landing URLs are read as well, a conversion carries the person's last click, and placeholders are ignored. See [click ids](#click-ids)"},
	{"CustomerId", "`userId`", "a placeholder would turn many people into one, and impact.com accepts no address there"},
	{"CustomProfileId", "`anonymousId`", "likewise"},
	{"CustomerEmail", "SHA-1 of `context.traits.email`, else `properties.email`, trimmed, in lower case", "more places are read; a value that is a SHA-1 already is sent as it is"},
	{"PageUrl", "`context.page.url`, `properties.url`, `context.page.referrer`, `context.referrer.url`; also on conversions", "a referrer is not the page that was loaded: the landing would be credited to another site. Not documented on conversions"},
	{"ReferringUrl", "`context.referrer.url`, `context.page.referrer`; also on conversions", "the page's own referrer first, which Segment fills. Not documented on conversions"},
	{"PropertyId", "setting `iOsAppId` or `androidAppId`", ""},
	{"AppleIfa", "`context.device.advertisingId` on iOS", "all zeros, which iOS returns where tracking is not allowed, would turn many devices into one"},
	{"AppleIfv", "`context.device.id` on iOS", "likewise"},
	{"GoogAId", "`context.device.advertisingId` on Android", "likewise"},
	{"AndroidId", notSent, documentedThere + "; RudderStack's path"},
	{"IpAddress", "`context.ip`", "a private address is not the customer's, and impact.com uses the address to look for fraud"},
	{"UserAgent", "`context.userAgent`", textLimits},
	{"TrackingConsent", notSent, documentedThere + ": whether the customer allowed tracking; RudderStack's path"},
	{"AppName", "`context.app.name`, on both calls", textLimits + "; undocumented on conversions, so there only on request (`undocumentedParameters`)"},
	{"AppPackage", "`context.app.namespace`", textLimits},
	{"AppVer", "`context.app.version`", textLimits},
	{"DeviceMfr", "`context.device.manufacturer`", textLimits},
	{"DeviceModel", "`context.device.model`", textLimits},
	{"EventTypeId", "setting `eventTypeId`; on installs `iOsAppId` or `androidAppId`", "also one per event name (`eventTypeIds`)"},
	{"EventTypeCode", "the event's name without its first comma (\"commas have a special meaning in Impact's API\"), beside EventTypeId", "the same text, so that event types match; but impact.com asks for one event identifier, so not beside EventTypeId. Further commas stay, as in the function: your event type's code was made for that"},
	{"OrderId", "`properties.orderId`, `order_id`, `transactionID`, `properties.messageId`, `messageId`, else the constant `IR_AN_64_TS`, from which impact.com makes an id", "with that constant, and with a messageId for an order that is sent twice, the sale would be counted twice"},
	{"OrderPromoCode", "`properties.coupon`", "a placeholder is not a code; surrounding spaces are removed"},
	{"OrderDiscount", "`properties.discount`", "impact.com subtracts it, and Amount is already after discounts, so it is sent only beside items that are priced before it"},
	{"OrderShipping", "`properties.shipping`", plainDecimals},
	{"OrderTax", "`properties.tax`", plainDecimals},
	{"CustomerStatus", "`context.traits.status`", textLimits},
	{"CustomerCity", notSent, documentedThere + "; the path of Segment's older destination"},
	{"CustomerRegion", notSent, documentedThere},
	{"CustomerPostCode", notSent, documentedThere + "; the path of Segment's older destination"},
	{"CustomerCountry", notSent, documentedThere + "; the path of Segment's older destination"},
	{"Amount", notSent + ", but OrderSubTotalPostDiscount", "the documents define Amount as the order's value after discounts, before tax and shipping; `total` includes those two"},
	{"CurrencyCode", "`properties.currency`", "upper-cased; always sent with money, unless `defaultCurrency` is empty: impact.com would use the account's"},
	{"ItemSku", "`sku`; items are numbered from 0", "items are numbered from 1, as in the documents of version 14; `product_id` if there is no `sku`"},
	{"ItemName", "`name`", textLimits},
	{"ItemCategory", "`category`", textLimits},
	{"ItemBrand", "`brand`", textLimits},
	{"ItemPromoCode", "`coupon`", textLimits},
	{"ItemPrice", "`price`, else the product's `subtotal`", "a subtotal is not a unit price: with a quantity of 2 the sale would be counted twice"},
	{"ItemQuantity", "`quantity`", "whole numbers only, as documented; also beside ItemSubTotal"},
	{"ItemSubTotal", notSent, "for lines that have only a sum, or whose quantity is not whole"},
	{"AppleAdTrack", "`context.device.adTrackingEnabled` on iOS", beyond + ". TrackingConsent, which is documented, says the same"},
	{"DeviceCarrier", "`context.network.carrier`", beyond},
	{"DeviceLocale", "`context.locale`", beyond},
	{"DeviceOs", "`context.device.type`, else `context.os.name`", beyond},
	{"DeviceOsVer", "`context.os.version`", beyond},
	{"IntegrationSource", "the constant `SegmentCustom`", beyond + ". It names the sender, so it is our own name"},
	{"IntegrationVersion", "the constant `1.8.0`", beyond + ". It names the sender, so it is our own version"},
	{"Latitude", "`context.location.latitude`", beyond + ", and only where your privacy rules allow it"},
	{"Longitude", "`context.location.longitude`", beyond + ", and only where your privacy rules allow it"},
	{"MobileApp", "`true` on iOS", beyond},
	{"OrderSubTotalPostDiscount", "`properties.revenue`, else `properties.total`, only where the first item has no price", "Amount already says it, and both would count twice; map it if your account's reports need it"},
	{"EventCode", "`INSTALL` on installs", "impact.com documents it for mobile events; a later page calls it a legacy feature"},
}

// named returns the names of lines.
func named(tables ...[]line) (names []string) {
	for _, lines := range tables {
		for _, l := range lines {
			names = append(names, l.name)
		}
	}
	return names
}

func TestEachLineSaysWhatImpactsFunctionDoes(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, d := range differences {
		require.False(t, seen[d.parameter], d.parameter)
		seen[d.parameter] = true
		require.NotEmpty(t, d.theirs, d.parameter)
		if d.theirs == notSent {
			require.NotEmpty(t, d.why, "%s: say why it is sent", d.parameter)
		}
	}
	for _, name := range named(table, productTable, undocumented) {
		require.True(t, seen[name], "%s: say what impact.com's own function does about it", name)
	}
}

// differenceSection is the part of the document that compares.
func differenceSection() string {
	var b strings.Builder
	b.WriteString(differenceHead)
	for _, d := range differences {
		ours := "as in the table"
		switch {
		case !slices.Contains(named(table, productTable, undocumented), d.parameter):
			ours = "not sent"
		case !slices.Contains(named(table, productTable), d.parameter):
			ours = "on request"
		case d.why == "":
			ours = "the same"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", d.parameter, d.theirs, ours, d.why)
	}
	return b.String()
}

const differenceHead = `
## Beside impact.com's own function

impact.com publishes [the function](https://github.com/ImpactInc/third-party-integration) that it offers to Segment's customers (we read version 1.8.0 of October 2023; what runs today may be newer).
This table shows what it does about each parameter, what this program does, and why. In both, a line of ` + "`customParameterMapping`" + ` wins.

| impact.com parameter | impact.com's function | here | why |
|---|---|---|---|
`

const clickIDs = `## Click ids

The ClickId decides which partner is paid. It is the first of these that is an id:

1. what ` + "`customParameterMapping`" + ` names for ` + "`ClickId`" + `;
2. ` + "`context.referrer.id`" + ` where ` + "`context.referrer.type`" + ` is ` + "`impactRadius`" + `, in any case;
3. ` + "`im_ref`" + `, anywhere;
4. ` + "`irclickid`" + `, anywhere;
5. a name of ` + "`clickIdNames`" + `, in their order, anywhere;
6. ` + "`clickid`" + `, anywhere but in a referrer of another site than the page's.

The case of these names does not matter. "Anywhere" means the query or the fragment (` + "`#im_ref=..`, `#/path?im_ref=..`" + `) of ` + "`context.page.url`, `properties.url`" + ` (which is also where Segment's
[mobile spec](https://segment.com/docs/connections/spec/mobile/) puts a deep link), ` + "`context.page.search`, `properties.search`" + `, and of the landing URL where it appears as a referrer: ` + "`context.referrer.url`" + `,
` + "`context.referrer.link`, `context.page.referrer`, `properties.referrer`" + `. Values that are encoded twice are decoded twice.

- **Placeholders are ignored**: an empty value, ` + "`undefined`, `null`, `{clickid}`, `%clickid%`, `$CLICK_ID`, `{{...}}`" + `, a pair of quotes, and the like. They never replace a real id: the next place is tried, and the person keeps their earlier click. The same applies to ids over 64 characters.
- **The last click is remembered** for the person, wherever it came from, and is sent with each later conversion that has none of its own. Page loads with a click id are sent first.
- **` + "`clickid`" + ` is a name that other networks use, too.** An id from it does not displace one from 1 to 5, neither the remembered one nor on a conversion of its own, however new it is; otherwise another network's advertisement would cost impact.com's partner the sale. If your program's gateway settings chose ` + "`clickid`" + `, and no other network uses it, name it in ` + "`clickIdNames`" + `.
- **A guest's order**, one without any usable personal id, is sent if it has a click id or a promo code, and so is a guest's page load with a click id. It does not wait for page loads, and no two guests share a click. Without either it is rejected, because impact.com could attribute it to nobody. ` + "`impactsync explain`" + ` and ` + "`forget`" + ` find it by its order's or message's id.

`

const requestHead = `
### Only on request

impact.com's own function sends these, although no document of version 14 names them on that call. Only those that ` + "`destination.undocumentedParameters`" + ` names are sent.

| impact.com parameter | sent on | Segment paths, in order | what is done | limit | source |
|---|---|---|---|---|---|
`
