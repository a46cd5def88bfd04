package impactapi

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/impactsync/impactsync/sync/money"
)

// problem returns what is wrong with a value, or "". An amount has the places of
// the request's currency.
func (p *Parameter) problem(value string, endpoint Endpoint, currency string) string {
	switch {
	case p.MaxLen > 0 && len(value) > p.MaxLen && utf8.RuneCountInString(value) > p.MaxLen:
		return "has more than " + strconv.Itoa(p.MaxLen) + " characters"
	case p.Type == EmailHash && endpoint == PageLoads && len(value) != sha1Digits:
		return "must be the SHA-1 of the address, 40 hex digits"
	case !p.Type.Fits(value), p.Type == Money && places(value) > money.Digits(currency):
		return "must be " + types[p.Type].rule
	}
	return ""
}

// places returns how many digits a number has behind its point.
func places(value string) int {
	_, fraction, _ := strings.Cut(value, ".")
	return len(fraction)
}

// sha1Digits is the length of a SHA-1 in hex digits.
const sha1Digits = 40

// types describes each type. The documented size of a decimal (8 digits) is not
// enforced: orders in rupiah or dong are larger.
var types = [...]struct {
	name, rule string // the rule follows "must be"
	fits       func(string) bool
}{
	Text:      {"text", "valid UTF-8", utf8.ValidString},
	Integer:   {"integer", "a whole number of at most 16 digits", isInteger},
	Decimal:   {"decimal", "a plain decimal with at most two places and no exponent", matches(`^-?\d{1,16}(\.\d{1,2})?$`)},
	Money:     {"money", "a plain decimal that is not negative, with at most the places of its currency and no exponent", matches(`^\d{1,16}(\.\d{1,4})?$`)},
	Date:      {"date", "an RFC 3339 time with its offset, such as 2026-01-31T13:45:00+01:00", isTime},
	Currency:  {"currency", "an ISO 4217 code in capitals, such as EUR", isCapitals(3)},
	Boolean:   {"boolean", "true or false", matches(`^(true|false)$`)},
	URL:       {"url", "an absolute URL with its scheme", isAbsoluteURL},
	IP:        {"ip", "an IPv4 or IPv6 address", isIP},
	Country:   {"country", "an ISO 3166 alpha-2 code in capitals, such as DE", isCapitals(2)},
	EmailHash: {"email hash", "the SHA-1 (40 hex digits) or SHA-256 (64) of the address", isHash},
}

// String is the type's name in lower case.
func (t Type) String() string { return types[t].name }

// Fits reports whether a value has the shape of the type.
func (t Type) Fits(value string) bool { return types[t].fits(value) }

func matches(pattern string) func(string) bool { return regexp.MustCompile(pattern).MatchString }

func isCapitals(n int) func(string) bool {
	return func(value string) bool {
		return len(value) == n && strings.Trim(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
	}
}

func isHash(value string) bool {
	return (len(value) == 40 || len(value) == 64) && strings.Trim(value, "0123456789abcdefABCDEF") == ""
}

func isInteger(value string) bool {
	for i := range len(value) {
		if !isDigit(value[i]) {
			return false
		}
	}
	return value != "" && len(value) <= 16
}

func isTime(value string) bool {
	_, err := time.Parse(time.RFC3339, value)
	return err == nil
}

func isIP(value string) bool {
	_, err := netip.ParseAddr(value)
	return err == nil
}

var isScheme = matches(`^[a-zA-Z][a-zA-Z\d+.-]*$`)

// isAbsoluteURL looks at the shape only: scheme, colon, something, and no blanks
// or control characters. App deep links have schemes of their own.
func isAbsoluteURL(s string) bool {
	scheme, rest, _ := strings.Cut(s, ":")
	return (scheme == "https" || isScheme(scheme)) && rest != "" && rest != "//" && utf8.ValidString(rest) &&
		!strings.ContainsFunc(rest, func(r rune) bool { return r <= ' ' || r == 0x7f })
}
