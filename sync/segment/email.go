package segment

import (
	"crypto/sha1"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// HashEmail gives the SHA-1 of an address, trimmed and lower-cased, as 40
// lower-case hex digits, and lower-cases 40 hex digits that are a hash
// already. It gives false for anything else. impact.com documents the hash
// (https://integrations.impact.com/brand-api-reference/reference/page-load/page-load)
// but not the trimming and lower-casing, which are ours.
func HashEmail(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if len(s) == 40 && isHex(s) {
		return s, true
	}
	if !LooksLikeEmail(s) {
		return "", false
	}
	sum := sha1.Sum([]byte(s))
	return hex.EncodeToString(sum[:]), true
}

// LooksLikeEmail reports whether the whole of s, but for space around it, has
// the shape of an e-mail address: something, an @, and a domain with a dot.
func LooksLikeEmail(s string) bool {
	s = strings.TrimSpace(s)
	start, end := findEmail(s)
	return start == 0 && end == len(s) && end > 0
}

// findEmail gives the place of the first address in s, or 0, 0. It rather
// takes too much for an address than too little: what it finds must not leave.
func findEmail(s string) (start, end int) {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], '@')
		if i < 0 {
			return 0, 0
		}
		at := from + i
		start, end = localStart(s, at), domainEnd(s, at)
		if start < at && strings.Contains(strings.Trim(s[at+1:end], ".-"), ".") {
			return start, end
		}
		from = at + 1
	}
}

func localStart(s string, at int) int {
	for at > 0 && isLocal(s[at-1]) {
		at--
	}
	return at
}

// isLocal is for the part before the @. The signs left out are the ones that
// part an address from what stands before it in texts and URLs.
func isLocal(c byte) bool {
	return c > ' ' && c != 0x7f && !strings.ContainsRune(`@<>()[],;:"/?&=#\`, rune(c))
}

func domainEnd(s string, at int) int {
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
