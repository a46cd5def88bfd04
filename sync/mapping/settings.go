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
	"strconv"
	"strings"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/segment"
)

// Settings are those of Segment's Impact Partnership Cloud destination
// (https://segment.com/docs/connections/destinations/catalog/impact-partnership-cloud/)
// that say what is sent, and a few of our own.
type Settings struct {
	CampaignID   string            // program id; required, digits
	EventTypeID  string            // blank: the event's name goes as EventTypeCode
	EventTypeIDs map[string]string // per event name; wins over EventTypeID
	IOSAppID     string            // System App ID of the iOS app
	AndroidAppID string            // System App ID of the Android app

	ActionEventNames   []string // conversions; empty: Order Completed
	InstallEventNames  []string // installs; empty: Application Installed
	PageLoadEventNames []string // page loads; empty: Application Opened

	EnablePageEvents     bool
	EnableScreenEvents   bool
	EnableIdentifyEvents bool // plain identify calls; trait updates do not ask

	CustomParameterMapping   map[string]string // parameter -> path in the message
	CustomMappingForProducts map[string]string // item parameter without number -> path in the product

	ClickIDNames           []string // more names of the landing parameter with the click id, beside im_ref, irclickid and clickid
	UndocumentedParameters []string // of [Undocumented], those to send

	PageURL         string // PageUrl of trait updates, and of identify calls that have no page
	DefaultCurrency string // for money without a currency; empty: USD
	AccountCurrency bool   // send none with such money, so that impact.com takes the account's
	Version         string `json:"-"` // of the program, for IntegrationVersion
}

// withDefaults fills what is empty with the defaults in the settings' texts.
func (s Settings) withDefaults() Settings {
	orDefault := func(names []string, name string) []string {
		if len(names) == 0 {
			return []string{name}
		}
		return names
	}
	s.ActionEventNames = orDefault(s.ActionEventNames, "Order Completed")
	s.InstallEventNames = orDefault(s.InstallEventNames, "Application Installed")
	s.PageLoadEventNames = orDefault(s.PageLoadEventNames, "Application Opened")
	s.DefaultCurrency = cmp.Or(s.DefaultCurrency, "USD")
	return s
}

// check finds every problem of the settings.
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
	for _, event := range slices.Sorted(maps.Keys(s.EventTypeIDs)) {
		if id := s.EventTypeIDs[event]; !isInteger(id, 10) {
			fail("eventTypeIds", "%q of %q is not a number of at most 10 digits", id, event)
		}
	}
	for _, app := range []struct{ key, id string }{{"iOsAppId", s.IOSAppID}, {"androidAppId", s.AndroidAppID}} {
		if app.id != "" && !isInteger(app.id, 16) {
			fail(app.key, "%q is not a System App ID, a number of at most 16 digits", app.id)
		}
	}
	if s.PageURL != "" && !isWebURL(s.PageURL) {
		fail("pageUrl", "not an absolute http(s) URL without an address in it, such as https://www.example.com/")
	}
	if !isCurrency(s.DefaultCurrency) {
		problems = append(problems, fmt.Errorf("defaultCurrency: %q is not an ISO 4217 code in capitals, such as USD", s.DefaultCurrency))
	}
	problems = append(problems, s.checkNames()...)
	problems = append(problems, s.checkClickNames()...)
	problems = append(problems, s.checkUndocumented()...)
	return errors.Join(problems...)
}

// checkNames looks at the event lists. Only an address-like name is wrong: it
// would have to be hashed in what is kept, and then match no more.
func (s Settings) checkNames() []error {
	var problems []error
	for _, list := range []struct {
		key   string
		names []string
	}{
		{"actionEventNames", s.ActionEventNames},
		{"installEventNames", s.InstallEventNames},
		{"pageLoadEventNames", s.PageLoadEventNames},
	} {
		for i, name := range list.names {
			if name == "" || segment.HoldsEmail(name) || len(name) > maxValue {
				problems = append(problems, fmt.Errorf("destination.%s: name %d is empty, too long or an e-mail address", list.key, i+1))
			}
		}
	}
	return problems
}

// customSource is one line of customParameterMapping.
func customSource(name, path string) (canonical string, src source, err error) {
	p, known := lookupAny(name)
	canonical = cmp.Or(p.AliasOf, name)
	switch {
	case canonical == "CampaignId":
		err = errors.New("CampaignId cannot be mapped; set destination.campaignId")
	case p.Item:
		err = fmt.Errorf("%s belongs to a product; map it under customMappingForProducts without its number", name)
	case !known && (name == "" || len(name) > 255 || segment.HoldsEmail(name)):
		err = errors.New("a parameter's name is empty, too long or an e-mail address")
	case !known && misspelt(name) != "":
		err = fmt.Errorf("%q is no parameter; impact.com's is spelt %s", name, misspelt(name))
	}
	if err != nil {
		return canonical, src, err
	}
	src, err = newSource(path)
	return canonical, src, err
}

// misspelt gives the documented spelling of a name that differs from it only
// in case, underscores or a missing number. Names that no document knows are
// let through, for accounts that have parameters of their own.
func misspelt(name string) string {
	folded := strings.ReplaceAll(name, "_", "")
	for _, p := range impactapi.Catalogue() {
		if strings.EqualFold(folded, p.Name) {
			return p.Pattern()
		}
	}
	return ""
}

// lookupAny finds a parameter on either endpoint.
func lookupAny(name string) (impactapi.Parameter, bool) {
	if p, ok := impactapi.Lookup(impactapi.Conversions, name); ok {
		return p, true
	}
	if p, ok := impactapi.Lookup(impactapi.PageLoads, name); ok {
		return p, true
	}
	if p, ok := impactapi.Family(name); ok {
		return p, false
	}
	return impactapi.Parameter{Type: impactapi.Text, MaxLen: 255}, false
}

// newSource reads a path of the settings.
func newSource(path string) (source, error) {
	parsed, err := segment.ParsePath(path)
	if err != nil {
		return source{}, err
	}
	keys := parsed.Keys()
	switch keys[0] {
	case "context", "properties", "traits", "integrations":
		if len(keys) == 1 {
			return source{}, fmt.Errorf("path %q names a whole object; name a key in it", path)
		}
	}
	for _, key := range keys {
		if n, err := strconv.Atoi(key); err == nil && n >= MaxProducts {
			return source{}, fmt.Errorf("path %q: position %d is past the %d that are kept", path, n, MaxProducts)
		}
	}
	return compileSource(parsed), nil
}

// fingerprint covers the settings and the table.
func (s Settings) fingerprint() string {
	hash := sha256.New()
	encoder := json.NewEncoder(hash)
	_ = encoder.Encode(s) // a struct of strings, bools and maps of strings always encodes
	for _, l := range table {
		fmt.Fprintf(hash, "%d %s %d %d %v %s\n", tableVersion, l.name, l.on, l.os, l.paths, l.rule)
	}
	for _, l := range productTable {
		fmt.Fprintf(hash, "%s %v %s\n", l.name, l.paths, l.rule)
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}

func isInteger(s string, digits int) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != "" && len(s) <= digits
}

func isCurrency(s string) bool {
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return len(s) == 3
}
