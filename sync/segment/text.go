package segment

import (
	"bytes"
	"regexp"
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

// escapes matches the escapes of a JSON text: those of a character above U+FFFF, those
// of half of one, and all others.
var escapes = regexp.MustCompile(`\\u[dD][89abAB][[:xdigit:]]{2}\\u[dD][c-fC-F][[:xdigit:]]{2}|\\u[dD][89a-fA-F][[:xdigit:]]{2}|\\.`)

// mendHalves replaces the escapes of half characters (\ud83d without the other half),
// which remain where a text was cut. The parser would leave such an escape in the
// text. The line itself is not changed.
func mendHalves(line []byte) []byte {
	if !bytes.Contains(line, []byte(`\ud`)) && !bytes.Contains(line, []byte(`\uD`)) { // most have none, and this test is cheap
		return line
	}
	return escapes.ReplaceAllFunc(line, func(escape []byte) []byte {
		if len(escape) == len(`\ud83d`) {
			return []byte(`\ufffd`)
		}
		return escape
	})
}
