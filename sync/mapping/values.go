package mapping

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/segment"
)

// appendDate writes RFC 3339 in UTC to the millisecond, without needless zeros.
// The layout is one that the standard library has fast code for.
func appendDate(dst []byte, at time.Time) []byte {
	return at.UTC().Truncate(time.Millisecond).AppendFormat(dst, time.RFC3339Nano)
}

// appendValue writes a text as a parameter's type wants it, and gives a note's
// word where it cannot. Texts are not cut here; numbers are no texts.
func appendValue(dst []byte, kind impactapi.Type, text string) ([]byte, string) {
	switch kind {
	case impactapi.Date:
		at, ok := segment.ParseTime(text)
		if !ok {
			return dst, NoteUnusable
		}
		return appendDate(dst, at), ""
	case impactapi.IP:
		return appendIP(dst, text)
	case impactapi.URL:
		return appendURL(dst, text)
	case impactapi.Text:
		return appendText(dst, text), ""
	}
	return appendWord(dst, kind, text)
}

// appendWord writes the types that are short and have few forms.
func appendWord(dst []byte, kind impactapi.Type, text string) ([]byte, string) {
	text = strings.TrimSpace(text)
	ok := false
	switch kind {
	case impactapi.Integer:
		text = strings.TrimSuffix(text, ".0")
		ok = isInteger(text, 16)
	case impactapi.Currency:
		text = strings.ToUpper(text)
		ok = isCurrency(text)
	case impactapi.Country:
		text = strings.ToUpper(text)
		ok = len(text) == 2 && isCurrency(text+"X")
	case impactapi.Boolean:
		text = strings.ToLower(text)
		ok = text == "true" || text == "false"
	case impactapi.EmailHash:
		text = strings.ToLower(text)
		ok = impactapi.IsHexDigest(text, 40) || impactapi.IsHexDigest(text, 64)
	}
	if !ok {
		return dst, NoteUnusable
	}
	return append(dst, text...), ""
}

// appendText writes a text with its control characters as spaces: a line break
// in a product's name is no reason to lose the order.
func appendText(dst []byte, text string) []byte {
	return append(dst, segment.CleanText(text)...)
}

// cutText gives at most max characters of a text, cut between characters.
func cutText(text string, limit int) (string, bool) {
	if limit == 0 || len(text) <= limit || utf8.RuneCountInString(text) <= limit {
		return text, false
	}
	count := 0
	for i := range text {
		if count == limit {
			return text[:i], true
		}
		count++
	}
	return text, false
}

// appendURL writes an absolute URL. Blanks, which browsers take, are escaped.
func appendURL(dst []byte, text string) ([]byte, string) {
	text = strings.TrimSpace(segment.CleanText(text))
	scheme, rest, _ := strings.Cut(text, ":")
	if !isScheme(scheme) || rest == "" || rest == "//" {
		return dst, NoteUnusable
	}
	start := 0
	for i := range len(text) {
		if text[i] == ' ' {
			dst = append(append(dst, text[start:i]...), "%20"...)
			start = i + 1
		}
	}
	return append(dst, text[start:]...), ""
}

func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || (s[i] < '0' || s[i] > '9') && s[i] != '+' && s[i] != '-' && s[i] != '.') {
			return false
		}
	}
	return s != ""
}

func isWebURL(s string) bool {
	rest, ok := strings.CutPrefix(s, "https://")
	if !ok {
		rest, ok = strings.CutPrefix(s, "http://")
	}
	out, problem := appendURL(nil, s)
	return ok && rest != "" && rest[0] != '/' && problem == "" && string(out) == s && !segment.HoldsEmail(s)
}

// appendIP writes a public address.
func appendIP(dst []byte, text string) ([]byte, string) {
	address, err := netip.ParseAddr(strings.TrimSpace(text))
	if err != nil {
		return dst, NoteUnusable
	}
	address = address.Unmap().WithZone("")
	if !address.IsGlobalUnicast() || address.IsPrivate() || isSpecial(address) {
		return dst, NotePrivateIP
	}
	return address.AppendTo(dst), ""
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

// maxWhole is the most digits of an amount before its point: all sums of such
// amounts fit.
const maxWhole = 15

// parseCents reads a plain decimal as hundredths, half up (away from zero). It
// takes nothing else; see [Mapper.numberOf] for what people write.
func parseCents(text string) (cents int64, ok bool) {
	text = strings.TrimSpace(text)
	digits := strings.TrimPrefix(text, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	if !isInteger(whole, len(whole)) || point && !isInteger(fraction, len(fraction)) {
		return 0, false
	}
	whole = strings.TrimLeft(whole, "0")
	if len(whole) > maxWhole {
		return 0, false
	}
	for i := range len(whole) {
		cents = cents*10 + int64(whole[i]-'0')
	}
	for i := range 2 {
		cents *= 10
		if i < len(fraction) {
			cents += int64(fraction[i] - '0')
		}
	}
	if len(fraction) > 2 && fraction[2] >= '5' {
		cents++
	}
	if len(digits) < len(text) {
		cents = -cents
	}
	return cents, true
}

func appendCents(dst []byte, cents int64) []byte {
	if cents < 0 {
		dst = append(dst, '-')
		cents = -cents
	}
	dst = strconv.AppendInt(dst, cents/100, 10)
	return append(dst, '.', byte('0'+cents/10%10), byte('0'+cents%10))
}
