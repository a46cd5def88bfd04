package impactapi

import (
	"crypto/sha1"
	"encoding/hex"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ContainsEmail reports whether the text contains something in the form of an e-mail
// address: plain, with its @ percent-encoded once or twice, or with another sign for
// the @ or a dot. In doubt it reports true: an account like user@example.social
// counts, too.
func ContainsEmail(s string) bool {
	for i := range len(s) { // nearly every value ends here
		if c := s[i]; c == '@' || c == '%' || c == '&' || c >= utf8.RuneSelf {
			return hasEmail(unveil(s))
		}
	}
	return false
}

// veils are other ways to write an @ or a dot: full-width and ideographic signs,
// HTML's references, and these encoded for a URL.
var veils = strings.NewReplacer(
	"\uff20", "@", "\ufe6b", "@", "&#64;", "@", "&#064;", "@", "&#x40;", "@", "&#X40;", "@", "&commat;", "@",
	"%EF%BC%A0", "@", "%ef%bc%a0", "@", "%EF%B9%AB", "@", "%ef%b9%ab", "@",
	"\uff0e", ".", "\u3002", ".", "\uff61", ".", "\ufe52", ".", "&#46;", ".", "&#x2e;", ".", "&#x2E;", ".", "&period;", ".",
	"%2E", ".", "%2e", ".", "%252E", ".", "%252e", ".", "&amp;", "&",
)

// unveil writes addresses plainly; it does not change a text without any.
func unveil(s string) string {
	for plain := s; strings.ContainsAny(plain, "&%") || !isASCII(plain); {
		next := veils.Replace(plain)
		if next == plain {
			break
		}
		plain = next
		if hasEmail(next) {
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

// address matches an e-mail address: a quoted or plain local part; an @, perhaps
// percent-encoded; and a domain, which is an IP address in brackets, labels with
// dots of which the last has two letters, or localhost.
var address = regexp.MustCompile(`(?:"[^"]+"|[\w.%+\-'"!#$*^{}|~` + "`" + `[:^ascii:]]+)` +
	`(?:@|%40|%2540)` +
	`(?:\[(?i:ipv6:[\da-f.:]*|[\da-f.:]*[.:][\da-f.:]*)\]|(?:` + letter + `+\.)+(?:[[:^ascii:]]|[a-zA-Z\-]` + letter + `)` + letter + `*|(?i:localhost)(?:\b|_))`)

const letter = `[a-zA-Z\d\-[:^ascii:]]` // of a domain

// hasEmail reports whether a text holds an address as it is written.
func hasEmail(s string) bool {
	return (strings.Contains(s, "@") || strings.Contains(s, "%40") || strings.Contains(s, "%2540")) && address.MatchString(s)
}

// redactEmails removes e-mail addresses from a text for an error or a log.
func redactEmails(s string) string {
	if s = unveil(s); !hasEmail(s) {
		return s
	}
	return address.ReplaceAllLiteralString(s, "[address]")
}

// idOf returns an id that somebody else gave, such as an order's. One that holds an
// e-mail address becomes a hash, so that different ones stay different.
func idOf(t text) string {
	s := string(t)
	if !hasEmail(unveil(s)) {
		return s
	}
	sum := sha1.Sum([]byte(strings.ToLower(strings.TrimSpace(unveil(s)))))
	return hex.EncodeToString(sum[:])
}

// token matches what is long enough to be a credential: impact.com's have 32
// characters or more. It excludes _, because snake_cased trait keys are long, have
// digits, and must stay readable.
var token = regexp.MustCompile(`[a-zA-Z\d\-~+=]{24,}`)

// redactTokens removes what looks like a credential: mixed letters and digits.
func redactTokens(s string) string {
	return token.ReplaceAllStringFunc(s, func(run string) string {
		if strings.ContainsFunc(run, unicode.IsDigit) && strings.ContainsFunc(run, unicode.IsLetter) {
			return "[token]"
		}
		return run
	})
}
