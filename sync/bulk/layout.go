// Package bulk writes conversions as lines of the files that impact.com takes instead
// of requests. It is pure: the engine decides which orders go into a file, and a
// transport carries it.
//
// The files are CSV with a header, comma-separated, quoted by RFC 4180, in UTF-8
// without a byte order mark. impact.com documents the columns; its documents say
// nothing of quoting, line ends and encodings.
//
// https://integrations.impact.com/integration-guides/for-brands/tracking-integrations/ftp-online-sale/implementation
package bulk

import (
	"slices"
	"strings"

	"github.com/impactsync/impactsync/impactapi"
)

// MaxAge is the age in days beyond which impact.com does not process a line, unless a
// partner is named.
//
// https://help.impact.com/en/support/solutions/articles/48001232601-submit-conversion-data-via-ftp-or-email
const MaxAge = 88

// The documented headers. Any other parameter may be a further column.
var (
	itemHeader  = []string{"CampaignId", "ActionTrackerId", "EventDate", "OrderId", "ClickId", "CustomerId", "CurrencyCode", "Amount", "Category", "Sku", "Quantity"}
	orderHeader = []string{"CampaignId", "ActionTrackerId", "CustomerId", "OrderId", "EventDate", "Amount", "CurrencyCode", "ClickId"}
)

// columnOf has the columns whose names differ from the API's parameters. In a file,
// a line is one item, so its parameters have no numbers.
var columnOf = map[string]string{
	"EventTypeId": "ActionTrackerId", "ItemSku": "Sku", "ItemCategory": "Category", "ItemQuantity": "Quantity", "ItemName": "Name", "ItemSubTotal": "ItemSubtotal",
}

func column(parameter string) string {
	if name, other := columnOf[parameter]; other {
		return name
	}
	return parameter
}

// identifiers are columns by which impact.com finds something: their values are sent as
// they are or not at all.
var identifiers = []string{"ActionTrackerId", "EventTypeCode", "OrderId", "ClickId", "CustomerId", "CustomProfileId", "CustomerEmail", "Sku", "OrderPromoCode", "MediaId"}

// Columns are those of one kind of file.
type Columns struct {
	header []string
	at     map[string]int // by column
	items  bool
}

// NewColumns returns the columns of files of items and of files of orders that can hold
// these parameters of the API. Parameters of items have no numbers.
func NewColumns(parameters []string) (items, orders *Columns) {
	items, orders = &Columns{header: slices.Clone(itemHeader), items: true}, &Columns{header: slices.Clone(orderHeader)}
	for _, p := range parameters {
		items.add(p)
		if !isItem(p) {
			orders.add(p)
		}
	}
	items.index()
	orders.index()
	return items, orders
}

func (c *Columns) add(parameter string) {
	name := column(parameter)
	if name == "ItemPrice" { // Amount or ItemSubtotal has the sum of a line
		return
	}
	if !slices.Contains(c.header, name) {
		c.header = append(c.header, name)
	}
}

func (c *Columns) index() {
	c.at = make(map[string]int, len(c.header))
	for i, name := range c.header {
		c.at[name] = i
	}
}

// Header returns the names of the columns.
func (c *Columns) Header() []string { return slices.Clone(c.header) }

func isItem(parameter string) bool {
	p, known := impactapi.Lookup(impactapi.Conversions, firstOf(parameter))
	return known && p.Item
}

// firstOf returns the name of the first item's parameter: ItemSku1, ItemText1_2.
func firstOf(parameter string) string {
	base, slot, slotted := strings.Cut(parameter, "_")
	if slotted {
		return base + "1_" + slot
	}
	return base + "1"
}
