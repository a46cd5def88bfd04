package mapping

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
)

const documentPath = "../../docs/mapping.md"

func TestDocumentIsTheTable(t *testing.T) {
	t.Parallel()
	want := document()
	if *update {
		require.NoError(t, os.WriteFile(documentPath, []byte(want), 0o644))
	}
	got, err := os.ReadFile(documentPath)
	require.NoError(t, err)
	require.Equal(t, want, string(got), "docs/mapping.md is not what the table says: go test ./sync/mapping -update")
}

func document() string {
	var b strings.Builder
	b.WriteString(documentHead)
	b.WriteString(clickIDs)
	b.WriteString("## Parameters\n\n| impact.com parameter | sent on | Segment paths, in order | what is done | limit | source |\n|---|---|---|---|---|---|\n")
	sources := map[string]int{}
	var order []string
	row := func(name, on string, paths []string, rule string, p impactapi.Parameter, source string) {
		if sources[source] == 0 {
			order = append(order, source)
			sources[source] = len(order)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | [%d] |\n", name, on, code(paths), rule, limit(p), sources[source])
	}
	for _, l := range table {
		_, p, _, _ := resolve(l.name)
		row(l.name+documented(l), condition(l), l.paths, l.rule, p, l.source)
	}
	b.WriteString(requestHead)
	for _, l := range undocumented {
		_, p, _, _ := resolve(l.name)
		row(l.name, condition(l), l.paths, l.rule, p, l.source)
	}
	b.WriteString(differenceSection())
	b.WriteString("\n## Products\n\nEach element of `properties.products` becomes an item, numbered from 1. Paths are those in the product.\n" +
		"`products` may also be one product, an object of products under any keys, or any of these as JSON text; an order without products and sums that has a `price` or `line_total` of its own is one product (our choice).\n\n" +
		"| impact.com parameter | sent on | paths in the product | what is done | limit | source |\n|---|---|---|---|---|---|\n")
	for _, l := range productTable {
		_, p, _, _ := resolve(l.name)
		row(l.name+"[i]", "conversion", l.paths, l.rule, p, l.source)
	}
	b.WriteString(documentTail)
	for i, source := range order {
		fmt.Fprintf(&b, "%d. <%s>\n", i+1, source)
	}
	return b.String()
}

func code(paths []string) string {
	if len(paths) == 0 {
		return "-"
	}
	return "`" + strings.Join(paths, "`, `") + "`"
}

func limit(p impactapi.Parameter) string {
	switch p.Type {
	case impactapi.Text:
		return strconv.Itoa(p.MaxLen) + " characters"
	case impactapi.Integer:
		return strconv.Itoa(p.MaxLen) + " digits"
	}
	return p.Type.String()
}

// documented marks a line that impact.com does not document on its endpoint.
func documented(l line) string {
	for _, on := range []impactapi.Endpoint{impactapi.PageLoads, impactapi.Conversions} {
		if _, ok := impactapi.Lookup(on, l.name); !ok && l.on&on != 0 {
			return " (undocumented on " + on.String() + ")"
		}
	}
	return ""
}

func condition(l line) string {
	on := map[impactapi.Endpoint]string{impactapi.PageLoads: "page load", impactapi.Conversions: "conversion", both: "both"}[l.on]
	switch l.os {
	case apple:
		return on + ", Apple"
	case android:
		return on + ", Android"
	}
	return on
}

const documentHead = `# What is sent to impact.com

<!-- Made from sync/mapping/table.go by: go test ./sync/mapping -update -->

This page is generated from the program's own table. Change the table, then run
` + "`go test ./sync/mapping -update`" + `; the test fails while the two differ.

## Which message becomes what

| Segment message | becomes | when |
|---|---|---|
| page | page load | ` + "`enablePageEvents`" + ` |
| screen | page load | ` + "`enableScreenEvents`" + ` |
| identify | page load | ` + "`enableIdentifyEvents`" + ` |
| track, named in ` + "`actionEventNames`" + ` (default Order Completed, Order Complete) | conversion | always |
| track, named in ` + "`installEventNames`" + ` (default Application Installed) | conversion of an [app install](#app-installs) | always |
| track, named in ` + "`pageLoadEventNames`" + ` (default Application Opened, Page Load) | page load | always |
| any other track | nothing; counted by name (our choice; not documented) | |
| group, alias, delete | nothing; counted | |
| any message with ` + "`context.personas.computation_class`" + ` | nothing by itself: it moves a trait | |

Names are compared ignoring case and surrounding blanks, here and in ` + "`eventTypeIds`" + `. Your names add to the defaults: with ` + "`actionEventNames: [Paid]`" + `, conversions are made of Paid,
Order Completed and Order Complete. With ` + "`actionEventNames: {only: [Paid]}`" + ` they are made of Paid alone, with ` + "`{only: []}`" + ` of nothing.
A name that you put into a list follows that list, even if it is a default of another one. A name that you put into several lists follows the first of them, in the order above (` + "`config check`" + ` warns; impact.com's
[own Segment function](https://github.com/ImpactInc/third-party-integration) looks at installs first). ` + "`impactsync config check`" + ` and ` + "`doctor`" + ` list the names in effect.
A message that is not sent is counted under its own name. Two orders whose event names differ only in case have the same event type: the second with the same OrderId is not sent.

## App installs

An install is a conversion with ` + "`EventCode`" + ` INSTALL and the app's PropertyId. impact.com [has an event type for each app](https://integrations.impact.com/impact-brand/docs/impactcom-action-conversion-data-references), so
` + "`eventTypeId`" + ` never applies to it. Its EventTypeId is

1. what ` + "`eventTypeIds`" + ` has for the event's name, else
2. the app's id, ` + "`iOsAppId` or `androidAppId`" + `, by ` + "`context.os.name` or `context.device.type`" + ` (as in impact.com's own Segment function; not documented), else
3. none: if ` + "`eventTypeId`" + ` is blank, the event's name is sent as EventTypeCode, as with any conversion. If it is set, the install is refused, and the reason names the missing setting.

Before the conversion of an install that has no click id of its own, the tracking host is asked which click it came from (` + "`appInstall: false`" + ` does not ask): the install's page load goes to ` + "`/AppInstall`" + `, and
the answer's ` + "`clickId`" + `, or the ` + "`irclickid`" + ` of its ` + "`landingPage`" + `, is the conversion's ClickId and its person's click from then on. It takes precedence over a click that the person had earlier, since it belongs to this install.
This call is not documented; impact.com's own function makes it. Nothing is asked for an install of which no page load can be made (no identifier; neither an app id nor a PageUrl).
Without an answer, or with one that has no click id, the conversion goes out as it is. After a 404 (or 401, 403, 405, a redirect, or 20 failures in a row) nothing more is asked in that run, and the log says so.

## Trait updates

A changed audience or computed trait goes out as a page load with one parameter per trait: the trait key, and
` + "`true`, `false`" + ` or the value. **impact.com documents no such parameter on a page load.** It may use it, ignore it or warn about it; ask your
impact.com contact, and try it with ten people first. The conversion parameters ` + "`Text1..50`" + ` and ` + "`CustomerStatus`" + ` *are* documented: map
` + "`Text1: traits.vip`" + ` under ` + "`customParameterMapping`" + ` and each conversion carries the person's value.

A trait update contains CampaignId, EventDate (when the value became wanted), CustomerId, CustomProfileId, CustomerEmail, PageUrl (setting
` + "`pageUrl`" + `), the custom mappings that read ` + "`traits.<key>`" + `, and the traits. A person of whom only an e-mail address is known cannot be addressed and is refused.
A key that equals a parameter of impact.com (ignoring case and ` + "`_`" + `) is refused. Values are cut at 255 characters.

## Rules that always hold

These hold after custom mappings, too:

- No e-mail address leaves in clear. An address is sent as its SHA-1 or cut out of the text or URL it stands in.
- What is too long: identifiers are left out, and the message is refused if no other is left; descriptive text is cut and counted.
- Amounts are sent as plain decimals with two places, rounded half up, without exponent or thousands separator. How they are read: [Amounts](#amounts).
- Nothing is dated in the future.
- Texts longer than 8 KiB are cut there before anything else. Control characters become spaces, and so do halves of characters (from a text that was cut); ids that contain them are ignored.

## Custom mappings

` + "`customParameterMapping`" + ` (parameter: path) applies to page loads and conversions and wins over the paths below; an absent or unusable source leaves the default (but an amount that changes what a partner is paid refuses the conversion if it cannot be read). Parameters may be
written in any case; ` + "`\"\"`" + ` as the path leaves the parameter out. Parameters that impact.com
documents on conversions only (` + "`Text1`, `CustomerStatus`, ..." + `) are sent on page loads too; there they are undocumented. ` + "`traits.<key>`" + ` reads the message, else the state.
` + "`userId`, `anonymousId`" + ` and the e-mail paths yield the person's ids as in the table. ` + "`customMappingForProducts`" + ` (item parameter without its number: path in the product) takes precedence over the paths of the product table; case and ` + "`\"\"`" + ` as above.

## Amounts

JSON numbers are read exactly. A text is read if it is unambiguous: plain (` + "`50.00`" + `), with a currency's sign or ISO 4217 code before or after it (` + "`$50.00`, `12 €`, `EUR 12`, `Rs.500`" + `), with groups of thousands
separated by comma, point, apostrophe or any space (` + "`1,199.00`, `1.199,00`, `1 199,00`, `1'199.00`, `1,19,900.00`" + `), with a decimal comma (` + "`19,99`" + `), with a minus or brackets around it, or with ` + "`,-`" + ` for no cents.

` + "`1,199`, and as a text `1.199` too, may mean 1199 or 1.199: the conversion is refused until the setting `decimalSign`" + ` says which. In a currency of three places (` + "KWD, BHD, OMR, JOD, IQD, LYD, TND), `1.199`" + ` has just these, and is read so. ` + "`free`, `two`, `n/a`, `5%`, NaN, `true`" + `, objects and lists are not amounts. Absent, null and blank mean that there is no amount, which is no error.

An amount that changes what a partner is paid (prices, quantities, subtotals, sums, discounts; also where a custom mapping reads them) refuses the conversion if it is present and cannot be read, or is negative: without it, or with another one in its
place, the conversion would be worth less or more. The reason names the product and the value. Tax, shipping, margin, ` + "`Money1..3`, `Numeric1..10`" + ` are for reports only: they are left out and counted, except that a tax or shipping that Amount needs (total - tax - shipping) counts as part of it.

An amount in a currency other than the order's (` + "`€12`" + ` in an order in USD; ` + "`currency`" + ` of a product likewise) refuses the conversion. If the order names no currency, the only one that appears beside its amounts is used, else the setting ` + "`defaultCurrency`" + `.

These readings are our choice; no document of Segment or impact.com says what a text means.

## Discounts

impact.com documents [Amount](https://integrations.impact.com/impact-brand/docs/order-level-data) as post-discount, before tax and shipping; and OrderDiscount as automatically subtracted from the order total on processing, and from the items by their share.
[ItemPrice and ItemSubTotal](https://integrations.impact.com/impact-brand/docs/item-level-data) are amounts from which discounts are then subtracted. Segment documents subtotal and revenue as after discounts. It follows (our inference) that OrderDiscount beside an Amount, or
beside items at the prices that were paid, is subtracted twice, and the partner is paid too little. So with ` + "`orderDiscount: auto`" + `, the default:

- beside an Amount, or another order total, no OrderDiscount is sent;
- beside items, the sum of price times quantity is compared with what the order says was paid: total - tax - shipping, total - shipping (prices that hold the tax), subtotal, revenue, in this order. If the first match equals the sum minus the discount, the prices are from before the discount, and OrderDiscount
  is sent. If it equals the sum, the prices are those that were paid, and OrderDiscount is not sent. A cent per item may differ;
- if none of them matches, it is sent, as impact.com documents items.

A discount that is not sent is counted as ` + "`note_discount_left_out`" + `. A negative discount counts as an amount off if the sums say so and is refused otherwise; one that cannot be read refuses the order unless the items are worth what was paid. ` + "`send` and `omit`" + ` always send it or leave it out; ` + "`OrderDiscount: \"\"`" + `
under ` + "`customParameterMapping`" + ` is the same as ` + "`omit`" + `. A path there says where the discount is; the setting still decides whether it is sent.

`

const documentTail = `
All products of an order become items, or none does: an order is never sent with some of them. If one cannot be sent (a price, subtotal, quantity or item discount that cannot be read or is negative, a quantity of 0, more than 500 products), the conversion is refused, with exit 3 and the product
in ` + "`refused list`" + `; with ` + "`unusableItems: amount`" + ` the order's own sum is sent as Amount without items (` + "`note_items_left_out`" + `), and only an order without one is refused. What was refused is tried again when the settings change.

A product without any price (a gift, null) is left out if the other items are worth what the order says was paid, see [Discounts](#discounts), and counted as ` + "`note_product_dropped`" + `. If no product has a price, or all prices are 0 and the order's sum is not, Amount is sent without items (` + "`note_products_unpriced`" + `); an order without a sum is refused.
A product without a quantity counts once; if the products are then worth less than each sum of the order, it is refused, since the quantity may have another name (map it: ` + "`" + `customMappingForProducts: {ItemQuantity: qty}` + "`" + `). A sum of 0 beside another that is greater than 0 is refused, too.

impact.com requires [a whole Quantity with each item](https://integrations.impact.com/impact-brand/docs/item-level-data), and a price or a subtotal but not both. A quantity that is not whole (1.5 m of cloth) turns the line into one piece: ItemSubTotal = price times quantity, ItemQuantity 1 (our choice).

There is at most one order total: a mapped OrderSubTotalPostDiscount replaces Amount, and neither is sent beside items.

## Sources

Where a source is Segment's or RudderStack's page, the path is the choice of Segment's older destination or of another client, because impact.com's own default table for Segment is not public.

`
