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
	plainDecimals   = "two places, half up, no exponent, as impact.com documents decimals; what is no number is left out where it is for reports only, and refuses the order where it changes what is paid"
	beyond          = "impact.com's documents do not name it there, and may change what they do with it: sent on request alone"
)

// differences has each parameter of the tables, and those that only impact.com's
// function sends.
var differences = []difference{
	{"CampaignId", "setting `campaignId`", ""},
	{"EventDate", "`timestamp`", "impact.com drops without a word what is dated in the future: it becomes now. Where there is no `timestamp`, the next best time"},
	{"ClickId", "`context.referrer.id` where `context.referrer.type` is `impactradius`, in any case", "Segment's libraries do not fill that: only sites that do so themselves have it. So landing URLs are read as well, a conversion carries the person's last click, and placeholders are none. See [click ids](#click-ids)"},
	{"CustomerId", "`userId`", "a placeholder would make one person of many, and impact.com wants no address there"},
	{"CustomProfileId", "`anonymousId`", "likewise"},
	{"CustomerEmail", "SHA-1 of `context.traits.email`, else `properties.email`, trimmed, in lower case", "more places; a SHA-1 that is there already passes as it is"},
	{"PageUrl", "`context.page.url`, `properties.url`, `context.page.referrer`, `context.referrer.url`; also on conversions", "a referrer is not the page that was loaded: the landing would be booked on another site. Not documented on conversions"},
	{"ReferringUrl", "`context.referrer.url`, `context.page.referrer`; also on conversions", "the page's own referrer first, which Segment fills. Not documented on conversions"},
	{"PropertyId", "setting `iOsAppId` or `androidAppId`", ""},
	{"AppleIfa", "`context.device.advertisingId` on iOS", "all zeros, which iOS gives where tracking is not allowed, would make one device of many"},
	{"AppleIfv", "`context.device.id` on iOS", "likewise"},
	{"GoogAId", "`context.device.advertisingId` on Android", "likewise"},
	{"AndroidId", notSent, documentedThere + "; RudderStack's path"},
	{"IpAddress", "`context.ip`", "a private address is no customer's, and impact.com looks for fraud by it"},
	{"UserAgent", "`context.userAgent`", textLimits},
	{"TrackingConsent", notSent, documentedThere + ": whether the customer allowed tracking; RudderStack's path"},
	{"AppName", "`context.app.name`, on both calls", textLimits + "; on conversions undocumented: on request (`undocumentedParameters`)"},
	{"AppPackage", "`context.app.namespace`", textLimits},
	{"AppVer", "`context.app.version`", textLimits},
	{"DeviceMfr", "`context.device.manufacturer`", textLimits},
	{"DeviceModel", "`context.device.model`", textLimits},
	{"EventTypeId", "setting `eventTypeId`; on installs `iOsAppId` or `androidAppId`", "also one per event name (`eventTypeIds`)"},
	{"EventTypeCode", "the event's name without its first comma (\"commas have a special meaning in Impact's API\"), beside EventTypeId", "the same text, so that event types match; but one event identifier is what impact.com asks for, so not beside EventTypeId. More commas stay, as there: the code that your event type has is made for that"},
	{"OrderId", "`properties.orderId`, `order_id`, `transactionID`, `properties.messageId`, `messageId`, else the constant `IR_AN_64_TS`, of which impact.com makes an id", "with that constant, and with a messageId for an order that is sent twice, the sale would be booked twice"},
	{"OrderPromoCode", "`properties.coupon`", "a placeholder is no code; spaces at its ends go"},
	{"OrderDiscount", "`properties.discount`", "impact.com subtracts it, and Amount is after discounts already: it goes only beside items that are priced before it"},
	{"OrderShipping", "`properties.shipping`", plainDecimals},
	{"OrderTax", "`properties.tax`", plainDecimals},
	{"CustomerStatus", "`context.traits.status`", textLimits},
	{"CustomerCity", notSent, documentedThere + "; the path of Segment's older destination"},
	{"CustomerRegion", notSent, documentedThere},
	{"CustomerPostCode", notSent, documentedThere + "; the path of Segment's older destination"},
	{"CustomerCountry", notSent, documentedThere + "; the path of Segment's older destination"},
	{"Amount", notSent + ", but OrderSubTotalPostDiscount", "the documents name Amount as the order's worth after discounts, before tax and shipping; `total` holds those two"},
	{"CurrencyCode", "`properties.currency`", "in capitals; with money never left open, unless `defaultCurrency` is empty: impact.com would take the account's"},
	{"ItemSku", "`sku`; items are numbered from 0", "items are numbered from 1, as the documents of version 14 have it; `product_id` where there is no `sku`"},
	{"ItemName", "`name`", textLimits},
	{"ItemCategory", "`category`", textLimits},
	{"ItemBrand", "`brand`", textLimits},
	{"ItemPromoCode", "`coupon`", textLimits},
	{"ItemPrice", "`price`, else the product's `subtotal`", "a subtotal is no unit price: with a quantity of 2 the sale would be booked twice"},
	{"ItemQuantity", "`quantity`", "whole numbers only, as documented; beside ItemSubTotal, too"},
	{"ItemSubTotal", notSent, "for lines that have only a sum, or whose quantity is not whole"},
	{"AppleAdTrack", "`context.device.adTrackingEnabled` on iOS", beyond + ". TrackingConsent, which is documented, says the same"},
	{"DeviceCarrier", "`context.network.carrier`", beyond},
	{"DeviceLocale", "`context.locale`", beyond},
	{"DeviceOs", "`context.device.type`, else `context.os.name`", beyond},
	{"DeviceOsVer", "`context.os.version`", beyond},
	{"IntegrationSource", "the constant `SegmentCustom`", beyond + ". It says who sends, so it is our own name"},
	{"IntegrationVersion", "the constant `1.8.0`", beyond + ". It says who sends, so it is our own version"},
	{"Latitude", "`context.location.latitude`", beyond + ", and only where your privacy rules allow it"},
	{"Longitude", "`context.location.longitude`", beyond + ", and only where your privacy rules allow it"},
	{"MobileApp", "`true` on iOS", beyond},
	{"OrderSubTotalPostDiscount", "`properties.revenue`, else `properties.total`, only where the first item has no price", "Amount says it, and both would count twice; map it if your account's reports want it"},
	{"EventCode", "`INSTALL` on installs", "impact.com documents it for mobile events; a later page calls it a legacy feature"},
}

// named gives the names of lines.
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

impact.com publishes [the function](https://github.com/ImpactInc/third-party-integration) that it gives to Segment's customers (version 1.8.0 of October 2023 was read; what runs today may be newer).
What it does about each parameter, what this program does, and why. A line of ` + "`customParameterMapping`" + ` wins there as here.

| impact.com parameter | impact.com's function | here | why |
|---|---|---|---|
`

const clickIDs = `## Click ids

A ClickId is what a partner is paid by. It is the first of these that is an id:

1. what ` + "`customParameterMapping`" + ` names for ` + "`ClickId`" + `;
2. ` + "`context.referrer.id`" + ` where ` + "`context.referrer.type`" + ` is ` + "`impactRadius`" + `, in any case;
3. ` + "`im_ref`" + `, anywhere;
4. ` + "`irclickid`" + `, anywhere;
5. a name of ` + "`clickIdNames`" + `, in their order, anywhere;
6. ` + "`clickid`" + `, anywhere but in a referrer of another site than the page's.

The case of these names does not matter. Anywhere means: the query or the fragment (` + "`#im_ref=..`, `#/path?im_ref=..`" + `) of ` + "`context.page.url`, `properties.url`" + ` (which is also where Segment's
[mobile spec](https://segment.com/docs/connections/spec/mobile/) puts a deep link), ` + "`context.page.search`, `properties.search`" + `, and of the landing URL where it stands as a referrer: ` + "`context.referrer.url`" + `,
` + "`context.referrer.link`, `context.page.referrer`, `properties.referrer`" + `. What is encoded twice is decoded twice.

- **Placeholders are none**: nothing, ` + "`undefined`, `null`, `{clickid}`, `%clickid%`, `$CLICK_ID`, `{{...}}`" + `, a pair of quotes, and their like. They take the place of no true id: the next place is looked at, and the person keeps the click there was. The same goes for ids over 64 characters.
- **The last click is remembered** for the person, from whichever of these it came, and goes with each later conversion that has none of its own. Page loads with a click id are sent first.
- **` + "`clickid`" + ` is a name that other networks use, too.** An id that came by it does not displace one that came by 1 to 5, neither what is remembered nor on a conversion of its own, however new it is; else an advertisement of another network would cost impact.com's partner the sale. Where ` + "`clickid`" + ` is the name that your program's gateway settings chose, and no other network uses it, name it in ` + "`clickIdNames`" + `.
- **A guest's order**, one without any usable id of a person, is sent if it has a click id or a promo code, and so is a guest's page load with a click id. It waits for nobody's page load, and no two guests share a click. Without either it is rejected: impact.com could attribute it to nobody. ` + "`impactsync explain`" + ` and ` + "`forget`" + ` know it by its order's or message's id.

`

const requestHead = `
### Only on request

impact.com's own function sends these, and no document of version 14 names them on that call. Those that ` + "`destination.undocumentedParameters`" + ` names are sent.

| impact.com parameter | sent on | Segment paths, in order | what is done | limit | source |
|---|---|---|---|---|---|
`
