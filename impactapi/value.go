package impactapi

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// problem says what is wrong with a value, or nothing.
func (p *Parameter) problem(value string, endpoint Endpoint) string {
	switch {
	case p.MaxLen > 0 && len(value) > p.MaxLen && utf8.RuneCountInString(value) > p.MaxLen:
		return "has more than " + strconv.Itoa(p.MaxLen) + " characters"
	case p.Type == EmailHash && endpoint == PageLoads && len(value) != sha1Digits:
		return "must be the SHA-1 of the address, 40 hex digits"
	case !p.Type.Fits(value):
		return "must be " + typeRules[p.Type]
	}
	return ""
}

// Lengths of hex digests.
const sha1Digits, sha256Digits = 40, 64

var typeRules = [...]string{
	Text:     "valid UTF-8",
	Integer:  "a whole number of at most 16 digits",
	Decimal:  "a plain decimal with at most two places and no exponent",
	Money:    "a plain decimal that is not negative, with at most two places and no exponent",
	Date:     "an RFC 3339 time with its offset, such as 2026-01-31T13:45:00+01:00",
	Currency: "an ISO 4217 code in capitals, such as EUR",
	Boolean:  "true or false",
	URL:      "an absolute URL with its scheme",
	IP:       "an IPv4 or IPv6 address",
	Country:  "an ISO 3166 alpha-2 code in capitals, such as DE",

	EmailHash: "the SHA-1 (40 hex digits) or SHA-256 (64) of the address",
}

// maxDigits is the documented size of an integer. The documented decimal
// (8 digits) is not enforced: orders in rupiah or dong are larger.
const maxDigits = 16

// Fits reports whether a value has the shape of the type.
func (t Type) Fits(value string) bool {
	switch t {
	case Integer:
		return len(value) <= maxDigits && allDigits(value)
	case Decimal:
		return isDecimal(strings.TrimPrefix(value, "-"))
	case Money:
		return isDecimal(value)
	case Date:
		_, err := time.Parse(time.RFC3339, value)
		return err == nil
	case Currency:
		return allCapitals(value, 3)
	case Country:
		return allCapitals(value, 2)
	case Boolean:
		return value == "true" || value == "false"
	case URL:
		return isAbsoluteURL(value)
	case IP:
		_, err := netip.ParseAddr(value)
		return err == nil
	case EmailHash:
		return isHexDigest(value, sha1Digits) || isHexDigest(value, sha256Digits)
	default:
		return utf8.ValidString(value)
	}
}

// isHexDigest reports whether s is exactly that many hex digits, of either case.
func isHexDigest(s string, digits int) bool {
	if len(s) != digits {
		return false
	}
	for i := range len(s) {
		if c := s[i] | 0x20; !isDigit(s[i]) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

func isDecimal(s string) bool {
	whole, places, found := strings.Cut(s, ".")
	if found && (len(places) > 2 || !allDigits(places)) {
		return false
	}
	return len(whole) <= maxDigits && allDigits(whole)
}

func allCapitals(s string, n int) bool {
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return len(s) == n
}

// isAbsoluteURL is a look at the shape only: scheme, colon, something, and no
// blanks or control characters. App deep links have schemes of their own.
func isAbsoluteURL(s string) bool {
	scheme, rest, found := strings.Cut(s, ":")
	if !found || rest == "" || rest == "//" || scheme == "" || !isLetter(scheme[0]) {
		return false
	}
	for i := range len(scheme) {
		if c := scheme[i]; !isLetter(c) && !isDigit(c) && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	for i := range len(rest) {
		if rest[i] <= ' ' || rest[i] == 0x7f {
			return false
		}
	}
	return utf8.ValidString(rest)
}
