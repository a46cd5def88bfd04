package segment

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// unread stands for what could not be read of a text.
const unread = "\uFFFD"

// CleanText replaces what no text should hold by spaces: control characters
// (U+0000 to U+001F, U+007F, and U+0080 to U+009F, which a faulty encoding
// leaves) and U+FFFD, which stands for what could not be read; then no space is
// left at either end. It does not allocate where there is none.
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

// escapes are the escapes of a JSON text: of a whole character beyond U+FFFF, of
// half of one, and any other.
var escapes = regexp.MustCompile(`\\u[dD][89abAB][[:xdigit:]]{2}\\u[dD][c-fC-F][[:xdigit:]]{2}|\\u[dD][89a-fA-F][[:xdigit:]]{2}|\\.`)

// mendHalves replaces the escapes of half characters (\ud83d without the other
// half), which a text that was cut too short ends with. The parser would leave
// such an escape in the text as it stands. The line is copied if it may have any.
func mendHalves(line []byte) []byte {
	if !bytes.Contains(line, []byte(`\ud`)) && !bytes.Contains(line, []byte(`\uD`)) { // most have none, and it costs least to see
		return line
	}
	return escapes.ReplaceAllFunc(line, func(escape []byte) []byte {
		if len(escape) == len(`\ud83d`) {
			return []byte(`\ufffd`)
		}
		return escape
	})
}
