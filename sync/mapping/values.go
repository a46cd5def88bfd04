package mapping

import (
	"net/netip"
	"strings"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/segment"
)

// formatDate returns a time as RFC 3339 in UTC, to the millisecond, without trailing
// zeros.
func formatDate(at time.Time) string {
	return at.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano)
}

// formValue returns a text in the form of a parameter's type, or a note's word if it
// has none. It neither cuts texts nor reads amounts. Control characters become
// spaces: a line break in a product's name is no reason to lose the order.
func formValue(kind impactapi.Type, text string) (value, problem string) {
	switch kind {
	case impactapi.Text:
		return segment.CleanText(text), ""
	case impactapi.Date:
		if at, ok := segment.ParseTime(text); ok {
			return formatDate(at), ""
		}
		return "", NoteUnusable
	case impactapi.IP:
		return publicIP(text)
	case impactapi.URL: // browsers accept blanks
		value = strings.ReplaceAll(strings.TrimSpace(segment.CleanText(text)), " ", "%20")
	case impactapi.Integer:
		value = strings.TrimSuffix(strings.TrimSpace(text), ".0")
	case impactapi.Currency, impactapi.Country:
		value = strings.ToUpper(strings.TrimSpace(text))
	default:
		value = strings.ToLower(strings.TrimSpace(text))
	}
	if !kind.Fits(value) {
		return "", NoteUnusable
	}
	return value, ""
}

// cutText returns at most limit characters of a text and reports whether it cut it.
func cutText(text string, limit int) (short string, cut bool) {
	if limit == 0 || len(text) <= limit {
		return text, false
	}
	for i := range text {
		if limit == 0 {
			return text[:i], true
		}
		limit--
	}
	return text, false
}

func isWebURL(s string) bool {
	rest, ok := strings.CutPrefix(s, "https://")
	if !ok {
		rest, ok = strings.CutPrefix(s, "http://")
	}
	value, _ := formValue(impactapi.URL, s)
	return ok && rest != "" && rest[0] != '/' && value == s && !segment.HoldsEmail(s)
}

func publicIP(text string) (value, problem string) {
	address, err := netip.ParseAddr(strings.TrimSpace(text))
	if err != nil {
		return "", NoteUnusable
	}
	address = address.Unmap().WithZone("")
	if !address.IsGlobalUnicast() || address.IsPrivate() || isSpecial(address) {
		return "", NotePrivateIP
	}
	return address.String(), ""
}

func isSpecial(address netip.Addr) bool {
	for _, prefix := range specialIPs {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

// specialIPs are the blocks that IANA lists as not globally reachable, beside
// those that netip knows
// (https://www.iana.org/assignments/iana-ipv4-special-registry,
// https://www.iana.org/assignments/iana-ipv6-special-registry).
var specialIPs = func() (prefixes []netip.Prefix) {
	for _, text := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16",
	} {
		prefixes = append(prefixes, netip.MustParsePrefix(text))
	}
	return prefixes
}()
