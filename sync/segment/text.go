package segment

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// unread is the character for what could not be read of a text.
const unread = "\uFFFD"

// CleanText replaces by spaces the characters that no text should hold: control
// characters (U+0000 to U+001F, U+007F, and U+0080 to U+009F, which result from a
// wrong encoding) and U+FFFD, which stands for what could not be read. Then it trims
// space at both ends. A text without such characters is returned as it is.
func CleanText(s string) string {
	if !HoldsControl(s) && !strings.Contains(s, unread) {
		return s
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s))
}

// HoldsControl reports whether a text holds a control character.
func HoldsControl(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c == 0x7f || c == 0xc2 && i+1 < len(s) && s[i+1] < 0xa0 { // 0xc2 begins U+0080 to U+00BF
			return true
		}
	}
	return false
}
