package impactapi

import (
	"strconv"
	"time"
)

// Amount is a plain decimal with at most two places, such as "19.99"; blank
// means absent. It is text because a float cannot hold most prices.
type Amount string

// Cents is the Amount of a number of hundredths: Cents(1999) is "19.99".
func Cents(n int64) Amount {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	cents := strconv.FormatInt(100+n%100, 10)[1:]
	return Amount(sign + strconv.FormatInt(n/100, 10) + "." + cents)
}

// PageLoad is a visit to a page, or the opening of an app. Fields that are
// blank or nil are not sent. Catalogue tells the rules of each parameter.
//
// https://integrations.impact.com/brand-api-reference/reference/page-load/page-load
type PageLoad struct {
	CampaignID string    // program id; required
	EventDate  time.Time // when it happened; required, not in the future
	PageURL    string    // landing URL, whole; required but for an app opened directly

	// One of CustomProfileID, CustomerID, ClickID and the device ids is required.
	Visitor
	Device

	ReferringURL    string
	AppName         string
	TrackingConsent *bool

	Extra Params // any other parameter, sent last
}

// Visitor identifies a person. Send as much of it as is known.
type Visitor struct {
	CustomProfileID string // own anonymous id, at most 70 characters
	CustomerID      string // own customer id, not an e-mail address
	CustomerEmail   string // SHA-1 hex of the trimmed, lower-cased address; conversions take SHA-256 too
	ClickID         string // click id of the landing URL; case-sensitive
}

// Device describes the browser or the mobile device.
type Device struct {
	IPAddress   string // the customer's, public
	UserAgent   string
	PropertyID  string // System App ID
	GoogAID     string // Google Advertising ID
	AndroidID   string
	AppleIFA    string
	AppleIFV    string
	AppPackage  string
	AppVersion  string
	DeviceMfr   string
	DeviceModel string
}

// Params is the form that is sent. It does not validate.
func (p PageLoad) Params() Params {
	f := make(form, 0, 24+len(p.Extra))
	f.text("CampaignId", p.CampaignID)
	f.date("EventDate", p.EventDate)
	f.text("PageUrl", p.PageURL)
	f.visitor(p.Visitor)
	f.device(p.Device)
	f.text("ReferringUrl", p.ReferringURL)
	f.text("AppName", p.AppName)
	f.flag("TrackingConsent", p.TrackingConsent)
	return append(Params(f), p.Extra...)
}

// form collects parameters that have a value.
type form Params

func (f *form) text(name, value string) {
	if value != "" {
		*f = append(*f, Param{Name: name, Value: value})
	}
}

func (f *form) amount(name string, value Amount) { f.text(name, string(value)) }

func (f *form) date(name string, value time.Time) {
	if !value.IsZero() {
		f.text(name, value.Format(time.RFC3339))
	}
}

func (f *form) flag(name string, value *bool) {
	if value != nil {
		f.text(name, strconv.FormatBool(*value))
	}
}

func (f *form) visitor(v Visitor) {
	f.text("CustomProfileId", v.CustomProfileID)
	f.text("CustomerId", v.CustomerID)
	f.text("CustomerEmail", v.CustomerEmail)
	f.text("ClickId", v.ClickID)
}

func (f *form) device(d Device) {
	f.text("IpAddress", d.IPAddress)
	f.text("UserAgent", d.UserAgent)
	f.text("PropertyId", d.PropertyID)
	f.text("GoogAId", d.GoogAID)
	f.text("AndroidId", d.AndroidID)
	f.text("AppleIfa", d.AppleIFA)
	f.text("AppleIfv", d.AppleIFV)
	f.text("AppPackage", d.AppPackage)
	f.text("AppVer", d.AppVersion)
	f.text("DeviceMfr", d.DeviceMfr)
	f.text("DeviceModel", d.DeviceModel)
}
