package segment

import (
	"math/bits"
	"strconv"
	"strings"
)

// Redact removes e-mail addresses from a text. A text that is an address becomes its
// SHA-1 (see [HashEmail]), a URL is treated as by [RedactURL], and from any other
// text the addresses are cut out.
func Redact(s string) string { return settle(s, redactText) }

// mostSteps bounds the time that a hostile text takes.
const mostSteps = 10

// settle redacts until nothing changes: what is cut out may leave an address behind.
// Nothing is left of a text that always leaves another one.
func settle(s string, redact func(string) string) string {
	if isOpen(s) {
		return s
	}
	for range mostSteps {
		plain := unveil(s)
		if !mayHoldEmail(plain) {
			return plain
		}
		redacted := redact(plain)
		if redacted == s {
			if partHoldsEmail(s) { // in disguise, over several parts
				return ""
			}
			return s
		}
		s = redacted
	}
	return ""
}

func redactText(s string) string {
	if LooksLikeEmail(s) {
		hash, _ := HashEmail(s)
		return hash
	}
	if strings.ContainsAny(s, ":?%") {
		s = redactURL(s)
	}
	var b strings.Builder
	for {
		start, end := findEmail(s)
		if end == 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:start])
		s = s[end:]
	}
}

// HoldsEmail reports whether there is an e-mail address anywhere in s, even with its
// @ percent-encoded.
func HoldsEmail(s string) bool {
	if isOpen(s) {
		return false
	}
	s = unveil(s)
	return mayHoldEmail(s) && partHoldsEmail(s)
}

// RedactURL empties every part of a URL that holds an e-mail address, in clear or
// percent-encoded: parts of the path, query names and values, and the fragment. It
// also removes a user name before the host. The rest stays byte for byte.
func RedactURL(s string) string { return settle(s, redactURL) }

func redactURL(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	rest := s
	if scheme, after, ok := strings.Cut(s, "://"); ok && !strings.ContainsAny(scheme, "/?#@%") {
		b.WriteString(scheme)
		b.WriteString("://")
		host, _ := cutAny(after, "/?#")
		rest = after[strings.LastIndexByte(host, '@')+1:]
	}
	redactParts(&b, rest)
	return b.String()
}

// redactParts copies s part by part, without parts that hold an address.
func redactParts(b *strings.Builder, s string) {
	for s != "" {
		part, sign := cutAny(s, "/?#&=;:,")
		if !partHoldsEmail(part) {
			b.WriteString(part)
		}
		b.WriteString(sign)
		s = s[len(part)+len(sign):]
	}
}

// cutAny returns s up to the first of the signs, and that sign.
func cutAny(s, signs string) (part, sign string) {
	i := strings.IndexAny(s, signs)
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i : i+1]
}

// isOpen reports whether a text certainly holds no address, neither plain nor in
// disguise: nothing in it is an @ or becomes one. Nearly every text is open, and all
// texts of a message are asked.
func isOpen(s string) bool {
	for i := 0; i < len(s); i++ {
		if i = nextSign(s, i); i == len(s) {
			break
		}
		switch rest := s[i+1:]; s[i] {
		case '%': // an escape of ASCII other than the signs
			if len(rest) < 2 || !isHex(rest[:2]) || rest[0] > '7' || rest[:2] == "40" || rest[:2] == "25" || rest[:2] == "26" {
				return false
			}
		case '&': // not the start of a character reference
			if rest != "" && strings.IndexByte("#%acp", rest[0]) >= 0 {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// nextSign returns the position of the next byte that an @ may be made of.
func nextSign(s string, i int) int {
	const wide = 0xef // leads full-width signs
	for ; i+wordSize <= len(s); i += wordSize {
		t := s[i : i+wordSize]
		w := uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 | uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
		if found := zeros(w^ones*'@') | zeros(w^ones*'%') | zeros(w^ones*'&') | zeros(w^ones*wide); found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(s) && s[i] != '@' && s[i] != '%' && s[i] != '&' && s[i] != wide {
		i++
	}
	return i
}

// mayHoldEmail is a cheap test: without an @ or a percent sign there is no address.
func mayHoldEmail(s string) bool {
	return strings.IndexByte(s, '@') >= 0 || strings.IndexByte(s, '%') >= 0
}

func partHoldsEmail(part string) bool { return addressIn(part) != "" }

// addressIn returns the first address in a text, or "". It looks through up to three
// layers of percent-encoding, because URLs within URLs are encoded more than once. An @
// or a dot may be written in another way below any of them.
func addressIn(s string) string {
	for range 4 {
		if start, end := findEmail(s); end > 0 {
			return s[start:end]
		}
		decoded := unescape(s)
		if decoded == s {
			return ""
		}
		if s = decoded; veiled(s) {
			s = unveilAll(s)
		}
	}
	return ""
}

// unescape decodes what is percent-encoded and leaves invalid escapes as they are:
// they must not hide an address.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' && i+2 < len(s) {
			if code, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				c = byte(code)
				i += 2
			}
		}
		b = append(b, c)
	}
	return string(b)
}
