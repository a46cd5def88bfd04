package segment

import (
	"crypto/sha1"
	"encoding/hex"
	"regexp"
	"strings"
	"unicode/utf8"
)

// HashEmail returns the SHA-1 of an address, trimmed and lower-cased, as 40 lower-case
// hex digits. 40 hex digits are taken for such a hash and lower-cased. It is false
// for anything else. impact.com documents the hash
// (https://integrations.impact.com/brand-api-reference/reference/page-load/page-load)
// but not the trimming and lower-casing, which are ours.
func HashEmail(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSpace(unveil(s)))
	if len(s) == 40 && isHex(s) {
		return s, true
	}
	if !LooksLikeEmail(s) {
		return "", false
	}
	sum := sha1.Sum([]byte(s))
	return hex.EncodeToString(sum[:]), true
}

// LooksLikeEmail reports whether s, apart from space around it, has the form of an
// e-mail address: something, an @, and a domain with a dot, localhost, or an IP
// address in brackets.
func LooksLikeEmail(s string) bool {
	s = strings.TrimSpace(unveil(s))
	start, end := findEmail(s)
	return start == 0 && end == len(s) && end > 0
}

// findEmail returns the position of the first address in s, or 0, 0. It takes too
// much for an address rather than too little: what it finds must not be sent or
// stored.
func findEmail(s string) (start, end int) {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], '@')
		if i < 0 {
			return 0, 0
		}
		at := from + i
		start, end = localStart(s, at), domainEnd(s, at)
		if start < at && isHost(s[at+1:end]) {
			return start, end
		}
		from = at + 1
	}
}

// isHost reports whether mail can go to a domain: whether it has a dot or is the
// machine's own.
func isHost(domain string) bool {
	return strings.Contains(strings.Trim(domain, ".-"), ".") || strings.HasPrefix(domain, "[") || strings.EqualFold(domain, "localhost")
}

func localStart(s string, at int) int {
	if at > 0 && s[at-1] == '"' { // "a b"@x.example
		if open := strings.LastIndexByte(s[:at-1], '"'); open >= 0 {
			return open
		}
		return at - 1 // the rest of a quoted name that was split
	}
	for at > 0 && isLocal(s[at-1]) {
		at--
	}
	return at
}

// isLocal reports whether a byte may be in the part before the @. It is false for the
// signs that separate an address from what precedes it in texts and URLs.
func isLocal(c byte) bool {
	return c > ' ' && c != 0x7f && !strings.ContainsRune(`@<>()[],;:"/?&=#\`, rune(c))
}

func domainEnd(s string, at int) int {
	if strings.HasPrefix(s[at+1:], "[") {
		if n := literal.FindString(s[at+1:]); n != "" {
			return at + 1 + len(n)
		}
	}
	end := at + 1
	for end < len(s) && isDomain(s[end]) {
		end++
	}
	return end
}

func isDomain(c byte) bool {
	lower := c | 0x20
	return c == '.' || c == '-' || c >= utf8.RuneSelf || (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z')
}

// literal matches an IP address in place of a domain, or what is left of one that was
// split at a colon.
var literal = regexp.MustCompile(`^\[(?:[Ii][Pp][Vv]6:?)?(?:[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]*\]|[0-9A-Fa-f.:]*$)`)

// veils replaces other ways to write an @ or a dot: full-width and ideographic signs,
// and HTML's character references.
var veils = strings.NewReplacer(
	"\uff20", "@", "\ufe6b", "@", "&#64;", "@", "&#064;", "@", "&#x40;", "@", "&#X40;", "@", "&commat;", "@",
	"%EF%BC%A0", "@", "%ef%bc%a0", "@", "%EF%B9%AB", "@", "%ef%b9%ab", "@", "&amp;", "&",
	"\uff0e", ".", "\u3002", ".", "\uff61", ".", "\ufe52", ".", "&#46;", ".", "&#x2e;", ".", "&#x2E;", ".", "&period;", ".",
)

// unveil returns a text with the addresses in it written plainly, and any other text
// unchanged.
func unveil(s string) string {
	if !veiled(s) {
		return s
	}
	plain := unveilAll(s)
	if !mayHoldEmail(plain) || !partHoldsEmail(plain) {
		return s
	}
	return plain
}

// unveilAll writes every @ and every dot plainly.
func unveilAll(s string) string {
	for strings.Contains(s, "amp;amp;") {
		s = strings.ReplaceAll(s, "amp;amp;", "amp;")
	}
	for veiled(s) { // one reference may hide another
		plain := veils.Replace(s)
		if plain == s {
			break
		}
		s = plain
	}
	return s
}

// veiled is a cheap test of whether unveil has anything to do.
func veiled(s string) bool {
	return strings.Contains(s, "&") || strings.Contains(s, "%EF%B") || strings.Contains(s, "%ef%b") || strings.Contains(s, "\uff20") || strings.Contains(s, "\ufe6b") ||
		strings.IndexByte(s, '@') >= 0 && (strings.Contains(s, "\uff0e") || strings.Contains(s, "\u3002") || strings.Contains(s, "\uff61") || strings.Contains(s, "\ufe52"))
}
