package mapping

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/segment"
)

// Settings are those of Segment's Impact Partnership Cloud destination
// (https://segment.com/docs/connections/destinations/catalog/impact-partnership-cloud/)
// that decide what is sent, and a few of our own.
type Settings struct {
	CampaignID   string            // program id; required, digits
	EventTypeID  string            // of conversions other than installs; blank: the event's name is sent as EventTypeCode
	EventTypeIDs map[string]string // per event name, in any case; wins over EventTypeID and the apps' ids
	IOSAppID     string            // System App ID of the iOS app, and the event type of its installs
	AndroidAppID string            // the same of the Android app

	// Names of track events, in any case, in addition to the defaults. A default
	// belongs to its own list unless another list names it.
	ActionEventNames   []string // conversions, beside Order Completed and Order Complete
	InstallEventNames  []string // installs, beside Application Installed
	PageLoadEventNames []string // page loads, beside Application Opened and Page Load

	// Whether the names above, even if there are none, replace the defaults.
	OnlyActionEventNames, OnlyInstallEventNames, OnlyPageLoadEventNames bool

	EnablePageEvents     bool
	EnableScreenEvents   bool
	EnableIdentifyEvents bool // plain identify calls; trait updates do not depend on it

	CustomParameterMapping   map[string]string // parameter -> path in the message
	CustomMappingForProducts map[string]string // item parameter without number -> path in the product

	ClickIDNames           []string // further URL parameters with the click id, beside im_ref, irclickid and clickid
	UndocumentedParameters []string // those of [Undocumented] to send

	PageURL         string // PageUrl of trait updates, and of identify calls that have no page
	DefaultCurrency string // for money without a currency; empty: USD
	AccountCurrency bool   // send none with such money, so that impact.com uses the account's
	Version         string `json:"-"` // of the program, for IntegrationVersion

	UnusableItems  string // for an order with products that cannot be sent: ItemsRefuse (default) or ItemsAmount
	OrderDiscount  string // DiscountAuto (default), DiscountSend or DiscountOmit
	MissingOrderID string // for an order with money: MissingMessageID (default) or MissingRefuse
	DecimalSign    string // in texts such as 1,199: SignAuto (default, refused), SignPoint or SignComma

	Refunds *RefundSettings `json:"-"` // nil: messages about refunds are not read

	Placeholders *segment.Placeholders `json:"-"` // ids of nobody; nil: the known words
}

// The words of settings.
const (
	ItemsRefuse = "refuse" // the order is refused
	ItemsAmount = "amount" // the order's own sum is sent as Amount instead of all items

	DiscountAuto = "auto" // only if impact.com has to subtract it
	DiscountSend = "send" // always
	DiscountOmit = "omit" // never

	MissingMessageID = "messageId" // is sent as OrderId
	MissingRefuse    = "refuse"

	SignAuto  = "auto"
	SignPoint = "point" // 1,199 is 1199, and 1.199 is 1.20
	SignComma = "comma" // the other way round
)

// withDefaults returns the settings with defaults for what is empty.
func (s Settings) withDefaults() Settings {
	s.DefaultCurrency = cmp.Or(s.DefaultCurrency, "USD")
	s.UnusableItems = cmp.Or(s.UnusableItems, ItemsRefuse)
	s.OrderDiscount = cmp.Or(s.OrderDiscount, DiscountAuto)
	s.MissingOrderID = cmp.Or(s.MissingOrderID, MissingMessageID)
	s.DecimalSign = cmp.Or(s.DecimalSign, SignAuto)
	return s
}

// withLists returns the settings with the event lists as they count, so that
// settings that mean the same are the same.
func (s Settings) withLists(n names) Settings {
	lists := s.eventLists()
	s.ActionEventNames, s.InstallEventNames, s.PageLoadEventNames = n.of(lists[0]), n.of(lists[1]), n.of(lists[2])
	s.OnlyActionEventNames, s.OnlyInstallEventNames, s.OnlyPageLoadEventNames = true, true, true
	return s
}

// check returns every problem of the settings.
func (s Settings) check() error {
	var problems []error
	fail := func(key, format string, args ...any) {
		problems = append(problems, fmt.Errorf("destination.%s: "+format, append([]any{key}, args...)...))
	}
	if !isInteger(s.CampaignID, 10) {
		fail("campaignId", "%q is not a program id, a number of at most 10 digits", s.CampaignID)
	}
	if s.EventTypeID != "" && !isInteger(s.EventTypeID, 10) {
		fail("eventTypeId", "%q is not a number of at most 10 digits", s.EventTypeID)
	}
	ids := map[string]string{}
	for _, event := range slices.Sorted(maps.Keys(s.EventTypeIDs)) {
		id, folded := s.EventTypeIDs[event], FoldEvent(event)
		if !isInteger(id, 10) {
			fail("eventTypeIds", "%q of %q is not a number of at most 10 digits", id, event)
		}
		if other, twice := ids[folded]; twice && other != id {
			fail("eventTypeIds", "%q has two ids, %s and %s, in two spellings: names are compared without regard to case; keep one", event, other, id)
		}
		ids[folded] = id
	}
	for _, app := range []struct{ key, id string }{{"iOsAppId", s.IOSAppID}, {"androidAppId", s.AndroidAppID}} {
		if app.id != "" && !isInteger(app.id, 16) {
			fail(app.key, "%q is not a System App ID, a number of at most 16 digits", app.id)
		}
	}
	if s.PageURL != "" && !isWebURL(s.PageURL) {
		fail("pageUrl", "not an absolute http(s) URL without an address in it, such as https://www.example.com/")
	}
	if !impactapi.Currency.Fits(s.DefaultCurrency) {
		problems = append(problems, fmt.Errorf("defaultCurrency: %q is not an ISO 4217 code in capitals, such as USD", s.DefaultCurrency))
	}
	for _, word := range []struct {
		key, word string
		of        []string
	}{
		{"unusableItems", s.UnusableItems, []string{ItemsRefuse, ItemsAmount}},
		{"orderDiscount", s.OrderDiscount, []string{DiscountAuto, DiscountSend, DiscountOmit}},
		{"missingOrderId", s.MissingOrderID, []string{MissingMessageID, MissingRefuse}},
		{"decimalSign", s.DecimalSign, []string{SignAuto, SignPoint, SignComma}},
	} {
		if !slices.Contains(word.of, word.word) {
			fail(word.key, "%q is not one of %s", word.word, strings.Join(word.of, ", "))
		}
	}
	problems = append(problems, s.checkNames()...)
	problems = append(problems, s.checkClickNames()...)
	problems = append(problems, s.checkUndocumented()...)
	return errors.Join(problems...)
}

// checkNames checks the event lists. A name must be no address: it would be hashed
// in what is kept, and no longer match.
func (s Settings) checkNames() (problems []error) {
	for _, list := range s.eventLists() {
		for i, name := range list.named {
			if strings.TrimSpace(name) == "" || segment.HoldsEmail(name) || len(name) > maxValue {
				problems = append(problems, fmt.Errorf("destination.%s: name %d is empty, too long or an e-mail address", list.key, i+1))
			}
		}
	}
	return problems
}

// fingerprint returns a hash of the settings and the table.
func (s Settings) fingerprint() string {
	hash := sha256.New()
	encoder := json.NewEncoder(hash)
	_ = encoder.Encode(s) // a struct of strings, bools and maps of strings always encodes
	fmt.Fprintln(hash, s.Placeholders.Fingerprint())
	for _, l := range table {
		fmt.Fprintf(hash, "%d %s %d %d %v %s\n", tableVersion, l.name, l.on, l.os, l.paths, l.rule)
	}
	for _, l := range productTable {
		fmt.Fprintf(hash, "%s %v %s\n", l.name, l.paths, l.rule)
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}

// isInteger reports whether a text is a whole number of at most that many digits.
func isInteger(s string, digits int) bool { return len(s) <= digits && segment.IsDigits(s) }
