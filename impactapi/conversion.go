package impactapi

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// Conversion is an action to attribute: an order, a sign-up, an install.
// Fields that are blank, zero or nil are not sent. Catalogue tells the rules
// of each parameter; a documented one without a field goes into Extra.
//
// https://integrations.impact.com/brand-api-reference/reference/conversions/conversions
type Conversion struct {
	CampaignID string    // program id; required
	EventDate  time.Time // when it happened; required, not in the future
	OrderID    string    // required, at most 64 characters; unique per event type, so a repeat is safe

	// One of the two is required.
	EventTypeID   string
	EventTypeCode string

	// One attribution key is required: an id of the Visitor, a device id,
	// PromoCode, MediaID, UniqueURL, CustomClickID or CallerID.
	Visitor
	Device
	PromoCode     string
	MediaID       string // forces a partner
	UniqueURL     string
	CustomClickID string
	CallerID      string

	Customer Customer
	Order    Order
	Items    []Item

	AppInstallRef   string // Android Play install referrer
	TrackingConsent *bool
	Note            string

	// Custom parameters by their number from 1: Text[7] is Text7.
	Text    map[int]string    // 1..50, at most 64 characters
	Numeric map[int]Amount    // 1..10
	Money   map[int]Amount    // 1..3
	Dates   map[int]time.Time // 1..10

	Extra Params // any other parameter, sent last
}

// Customer describes the buyer.
type Customer struct {
	Status     string // New, Existing, or a value that the account maps
	City       string
	Region     string
	PostalCode string
	Country    string
}

// Order is the money of a conversion as a whole.
type Order struct {
	Currency     string // ISO 4217; required with money
	Amount       Amount // total after discounts, before tax and shipping; not with Items
	Discount     Amount // subtracted from the total; without discounts on shipping
	DiscountRate Amount // percent
	Shipping     Amount
	Tax          Amount
	Margin       Amount
	PaymentType  string
	Gift         *bool
}

// Item is one line of an order: Price with Quantity, or SubTotal, never both.
type Item struct {
	SKU           string
	Name          string
	Category      string
	SubCategory   string
	Brand         string
	MPN           string
	PromoCode     string
	DeliveryType  string
	Quantity      int
	Price         Amount // of one unit
	SubTotal      Amount // of the line, before discounts
	Discount      Amount // of one unit
	TotalDiscount Amount // of the line
}

// Params is the form that is sent, items numbered from 1. It does not validate.
func (v Conversion) Params() Params {
	f := make(form, 0, 40+8*len(v.Items)+len(v.Extra))
	f.text("CampaignId", v.CampaignID)
	f.text("EventTypeId", v.EventTypeID)
	f.text("EventTypeCode", v.EventTypeCode)
	f.date("EventDate", v.EventDate)
	f.text("OrderId", v.OrderID)
	f.visitor(v.Visitor)
	f.text("OrderPromoCode", v.PromoCode)
	f.text("MediaId", v.MediaID)
	f.text("UniqueUrl", v.UniqueURL)
	f.text("CustomClickId", v.CustomClickID)
	f.text("CallerId", v.CallerID)
	f.device(v.Device)
	f.text("AppInstallRef", v.AppInstallRef)
	f.flag("TrackingConsent", v.TrackingConsent)
	f.customer(v.Customer)
	f.order(v.Order)
	for i, item := range v.Items {
		f.item(strconv.Itoa(i+1), item)
	}
	f.text("Note", v.Note)
	f.custom(v)
	return append(Params(f), v.Extra...)
}

func (f *form) customer(c Customer) {
	f.text("CustomerStatus", c.Status)
	f.text("CustomerCity", c.City)
	f.text("CustomerRegion", c.Region)
	f.text("CustomerPostCode", c.PostalCode)
	f.text("CustomerCountry", c.Country)
}

func (f *form) order(o Order) {
	f.text("CurrencyCode", o.Currency)
	f.amount("Amount", o.Amount)
	f.amount("OrderDiscount", o.Discount)
	f.amount("OrderDiscountRate", o.DiscountRate)
	f.amount("OrderShipping", o.Shipping)
	f.amount("OrderTax", o.Tax)
	f.amount("OrderMargin", o.Margin)
	f.text("PaymentType", o.PaymentType)
	f.flag("GiftPurchase", o.Gift)
}

func (f *form) item(n string, i Item) {
	f.text("ItemSku"+n, i.SKU)
	f.text("ItemName"+n, i.Name)
	f.text("ItemCategory"+n, i.Category)
	f.text("ItemSubCategory"+n, i.SubCategory)
	f.text("ItemBrand"+n, i.Brand)
	f.text("ItemMpn"+n, i.MPN)
	f.text("ItemPromoCode"+n, i.PromoCode)
	f.text("ItemDeliveryType"+n, i.DeliveryType)
	if i.Quantity != 0 {
		f.text("ItemQuantity"+n, strconv.Itoa(i.Quantity))
	}
	f.amount("ItemPrice"+n, i.Price)
	f.amount("ItemSubTotal"+n, i.SubTotal)
	f.amount("ItemDiscount"+n, i.Discount)
	f.amount("ItemTotalDiscount"+n, i.TotalDiscount)
}

func (f *form) custom(v Conversion) {
	for _, n := range slices.Sorted(maps.Keys(v.Text)) {
		f.text("Text"+strconv.Itoa(n), v.Text[n])
	}
	for _, n := range slices.Sorted(maps.Keys(v.Numeric)) {
		f.amount("Numeric"+strconv.Itoa(n), v.Numeric[n])
	}
	for _, n := range slices.Sorted(maps.Keys(v.Money)) {
		f.amount("Money"+strconv.Itoa(n), v.Money[n])
	}
	for _, n := range slices.Sorted(maps.Keys(v.Dates)) {
		f.date("Date"+strconv.Itoa(n), v.Dates[n])
	}
}
