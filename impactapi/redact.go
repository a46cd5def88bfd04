package impactapi

import (
	"strings"
	"unicode/utf8"
)

// ContainsEmail reports whether the text holds something of the form of an
// e-mail address: plain, with its @ percent-encoded once or twice, or with
// another sign for the @ or a dot. It errs on the side of yes: an account like
// user@example.social counts too.
func ContainsEmail(s string) bool {
	start, _ := findEmail(unveil(s))
	return start >= 0
}

// veils are other ways to write an @ or a dot: full-width and ideographic signs,
// HTML's references, and what those are in a URL.
var veils = strings.NewReplacer(
	"\uff20", "@", "\ufe6b", "@", "&#64;", "@", "&#064;", "@", "&#x40;", "@", "&#X40;", "@", "&commat;", "@",
	"%EF%BC%A0", "@", "%ef%bc%a0", "@", "%EF%B9%AB", "@", "%ef%b9%ab", "@",
	"\uff0e", ".", "\u3002", ".", "\uff61", ".", "\ufe52", ".", "&#46;", ".", "&#x2e;", ".", "&#x2E;", ".", "&period;", ".",
	"%2E", ".", "%2e", ".", "%252E", ".", "%252e", ".", "&amp;", "&",
)

// unveil writes an address plainly, and leaves alone what holds none.
func unveil(s string) string {
	for plain := s; strings.ContainsAny(plain, "&%") || !isASCII(plain); {
		next := veils.Replace(plain)
		if next == plain {
			break
		}
		plain = next
		if start, _ := findEmail(next); start >= 0 {
			s = next
		}
	}
	return s
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// findEmail returns where the first address starts and ends, or -1.
func findEmail(s string) (start, end int) {
	if strings.IndexByte(s, '@') < 0 && strings.IndexByte(s, '%') < 0 {
		return -1, -1
	}
	for from := 0; ; {
		at, width := findAt(s[from:])
		if at < 0 {
			return -1, -1
		}
		at += from
		start, end = localStart(s, from, at), domainEnd(s, at+width)
		if start < at && end > 0 {
			return start, end
		}
		from = at + width
	}
}

// findAt finds the next @, %40 or %2540 and its width.
func findAt(s string) (at, width int) {
	for i := range len(s) {
		switch {
		case s[i] == '@':
			return i, 1
		case s[i] != '%':
		case strings.HasPrefix(s[i:], "%40"):
			return i, 3
		case strings.HasPrefix(s[i:], "%2540"):
			return i, 5
		}
	}
	return -1, 0
}

func localStart(s string, from, at int) int {
	if at > 1 && s[at-1] == '"' { // "a b"@x.example
		if open := strings.LastIndexByte(s[:at-1], '"'); open >= from && at-1-open > 1 {
			return open
		}
	}
	start := at
	for start > from && isLocalPart(s[start-1]) {
		start--
	}
	return start
}

func isLocalPart(c byte) bool {
	return isLetter(c) || isDigit(c) || c >= 0x80 || strings.IndexByte("._%+-'\"!#$*^{}|~`", c) >= 0
}

// domainEnd is where the domain that starts at i ends, or 0 when what stands
// there is no domain: labels with dots and a last label of two letters,
// localhost, or an IP address in brackets.
func domainEnd(s string, i int) int {
	if n := literalLength(s[i:]); n > 0 {
		return i + n
	}
	end, label := 0, i
	for j := i; j <= len(s); j++ {
		if j < len(s) && (isLetter(s[j]) || isDigit(s[j]) || s[j] == '-' || s[j] >= 0x80) {
			continue
		}
		if j == label {
			break
		}
		if label > i && isTopLevel(s[label:j]) || strings.EqualFold(s[label:j], "localhost") {
			end = j
		}
		if j == len(s) || s[j] != '.' {
			break
		}
		label = j + 1
	}
	return end
}

// literalLength is the length of the IP address in brackets with which s begins.
func literalLength(s string) int {
	inside, _, closed := strings.Cut(strings.TrimPrefix(s, "["), "]")
	if !closed || !strings.HasPrefix(s, "[") || !strings.ContainsAny(inside, ".:") {
		return 0
	}
	if address := strings.ToLower(inside); strings.Trim(strings.TrimPrefix(address, "ipv6:"), "0123456789abcdef.:") != "" {
		return 0
	}
	return len(inside) + len("[]")
}

func isTopLevel(label string) bool {
	return len(label) >= 2 && !isDigit(label[0])
}

// redactEmails cuts e-mail addresses out of text that is about to stand in an
// error or a log.
func redactEmails(s string) string {
	var b strings.Builder
	s = unveil(s)
	for {
		start, end := findEmail(s)
		if start < 0 {
			break
		}
		b.WriteString(s[:start])
		b.WriteString("[address]")
		s = s[end:]
	}
	if b.Len() == 0 {
		return s
	}
	b.WriteString(s)
	return b.String()
}

// tokenLength is the least length at which a run of letters and digits mixed
// looks like a credential; impact.com's have 32 and more.
const tokenLength = 24

// redactTokens cuts out what looks like a credential.
func redactTokens(s string) string {
	var b strings.Builder
	start, kept := 0, 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && isTokenByte(s[i]) {
			continue
		}
		if i-start >= tokenLength && looksSecret(s[start:i]) {
			b.WriteString(s[kept:start])
			b.WriteString("[token]")
			kept = i
		}
		start = i + 1
	}
	if kept == 0 {
		return s
	}
	b.WriteString(s[kept:])
	return b.String()
}

// isTokenByte leaves _ out: snake_cased trait keys are long, have digits, and
// must stay readable.
func isTokenByte(c byte) bool {
	return isLetter(c) || isDigit(c) || strings.IndexByte("-~+=", c) >= 0
}

func looksSecret(s string) bool {
	return strings.ContainsAny(s, "0123456789") && strings.IndexFunc(s, func(r rune) bool {
		return r < 0x80 && isLetter(byte(r))
	}) >= 0
}
