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

	// EventTypeID or EventTypeCode is required.
	EventTypeID   string // whole number
	EventTypeCode string // the event type's own code, at most 64 characters
	EventCode     string // mobile events: INSTALL, SIGN-UP, SALE; legacy

	// One attribution key is required: an id of the Visitor, a device id,
	// CustomClickID, PromoCode, a MediaID or UniqueURL, or a CallerID.
	Visitor
	Device
	CustomClickID string
	PromoCode     string // attributes when it is assigned to one partner
	Partner       Partner
	Call          Call

	Customer Customer
	Order    Order
	Items    []Item

	Location Location

	AppInstallRef   string // Android Play install referrer
	TrackingConsent *bool  // consent at the time of the event
	DispositionCode string // own default disposition of the resulting action
	Note            string // at most 255 characters

	Custom Custom
	Extra  Params // any other parameter, sent last
}

// Custom holds the custom parameters by their number from 1: Text[7] is Text7.
type Custom struct {
	Text    map[int]string    // 1..50, at most 64 characters
	Numeric map[int]Amount    // 1..10
	Money   map[int]Amount    // 1..3, in the order's currency
	Dates   map[int]time.Time // 1..10
}

// Partner forces the partner that a conversion is credited to.
type Partner struct {
	MediaID   string   // the partner's id
	SubIDs    []string // at most three, only with MediaID
	SharedID  string   // only with MediaID
	UniqueURL string   // or the partner's unique URL
}

// Call describes a phone call.
type Call struct {
	CallerID    string // the caller's number
	PhoneNumber string // the number called
	CountryCode string // ISO 3166 alpha-2
}

// Location is where a trip goes to.
type Location struct{ ID, Name, Type string }

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
	Currency     string // ISO 4217; blank: impact.com takes the account's
	Amount       Amount // total after discounts, before tax and shipping; not with Items
	SubTotal     Amount // after discounts, for order-level reports; not with Items
	Discount     Amount // subtracted from the total; without discounts on shipping
	DiscountRate Amount // percent
	Shipping     Amount // not part of the payout
	Tax          Amount // not part of the payout
	Margin       Amount
	PaymentType  string // at most 32 characters
	Gift         *bool
}

// Item is one line of an order: Price with Quantity, or SubTotal, never both.
type Item struct {
	SKU           string
	Name          string
	Category      string
	SubCategory   string
	Brand         string
	MPN           string // manufacturer's part number, at most 64 characters
	PromoCode     string // does not work with unique tracking codes
	DeliveryType  string
	Quantity      int
	Price         Amount // of one unit
	SubTotal      Amount // of the line, before discounts
	Discount      Amount // of one unit
	DiscountRate  Amount // percent
	TotalDiscount Amount // of the line
	Custom        Custom // Text[2] of the first item is ItemText1_2
}

// Params is the form that is sent, items numbered from 1. It does not validate.
func (v Conversion) Params() Params {
	f := make(form, 0, 40+8*len(v.Items)+len(v.Extra))
	f.text("CampaignId", v.CampaignID)
	f.text("EventTypeId", v.EventTypeID)
	f.text("EventTypeCode", v.EventTypeCode)
	f.text("EventCode", v.EventCode)
	f.date("EventDate", v.EventDate)
	f.text("OrderId", v.OrderID)
	f.visitor(v.Visitor)
	f.text("CustomClickId", v.CustomClickID)
	f.text("OrderPromoCode", v.PromoCode)
	f.partner(v.Partner)
	f.call(v.Call)
	f.device(v.Device)
	f.text("AppInstallRef", v.AppInstallRef)
	f.flag("TrackingConsent", v.TrackingConsent)
	f.customer(v.Customer)
	f.location(v.Location)
	f.order(v.Order)
	for i, item := range v.Items {
		f.item(strconv.Itoa(i+1), item)
	}
	f.text("DispositionCode", v.DispositionCode)
	f.text("Note", v.Note)
	f.custom("", v.Custom)
	return append(Params(f), v.Extra...)
}

func (f *form) partner(p Partner) {
	f.text("MediaId", p.MediaID)
	for i, id := range p.SubIDs {
		f.text("SubId"+strconv.Itoa(i+1), id)
	}
	f.text("SharedId", p.SharedID)
	f.text("UniqueUrl", p.UniqueURL)
}

func (f *form) call(c Call) {
	f.text("CallerId", c.CallerID)
	f.text("PhoneNumber", c.PhoneNumber)
	f.text("CountryCode", c.CountryCode)
}

func (f *form) location(l Location) {
	f.text("LocationId", l.ID)
	f.text("LocationName", l.Name)
	f.text("LocationType", l.Type)
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
	f.amount("OrderSubTotalPostDiscount", o.SubTotal)
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
	f.amount("ItemDiscountRate"+n, i.DiscountRate)
	f.amount("ItemTotalDiscount"+n, i.TotalDiscount)
	f.custom(n, i.Custom)
}

// custom adds the numbered parameters of the conversion, or of the item.
func (f *form) custom(item string, c Custom) {
	name := func(base string, n int) string {
		if item == "" {
			return base + strconv.Itoa(n)
		}
		return "Item" + base + item + "_" + strconv.Itoa(n)
	}
	for _, n := range slices.Sorted(maps.Keys(c.Text)) {
		f.text(name("Text", n), c.Text[n])
	}
	for _, n := range slices.Sorted(maps.Keys(c.Numeric)) {
		f.amount(name("Numeric", n), c.Numeric[n])
	}
	for _, n := range slices.Sorted(maps.Keys(c.Money)) {
		f.amount(name("Money", n), c.Money[n])
	}
	for _, n := range slices.Sorted(maps.Keys(c.Dates)) {
		f.date(name("Date", n), c.Dates[n])
	}
}
