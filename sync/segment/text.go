package segment

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// unread stands for what could not be read of a text.
const unread = "\uFFFD"

// CleanText replaces what no text should hold by spaces: control characters
// (U+0000 to U+001F, U+007F, and U+0080 to U+009F, which a faulty encoding
// leaves) and U+FFFD, which stands for what could not be read. It does not
// allocate where there is none.
func CleanText(s string) string {
	if !HoldsControl(s) && !strings.Contains(s, unread) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
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

// replaced is what stands for a half of a character: as long as the escape of
// the half.
const replaced = `\ufffd`

// mendHalves replaces the escapes of half characters (\ud83d without the other
// half), which a text that was cut too short ends with. The parser would leave
// such an escape in the text as it stands. The line is copied if it has any.
func mendHalves(line []byte) []byte {
	if !bytes.Contains(line, []byte(`\ud`)) && !bytes.Contains(line, []byte(`\uD`)) { // most have none, and it costs least to see
		return line
	}
	own := false
	for i := bytes.IndexByte(line, '\\'); i >= 0 && i+1 < len(line); {
		step := 2
		switch half := surrogate(line[i:]); {
		case half == highHalf && surrogate(line[i+len(replaced):]) == lowHalf:
			step = 2 * len(replaced)
		case half != noHalf:
			if !own {
				line, own = slices.Clone(line), true
			}
			copy(line[i:], replaced)
			step = len(replaced)
		}
		next := bytes.IndexByte(line[i+step:], '\\')
		if next < 0 {
			break
		}
		i += step + next
	}
	return line
}

const (
	noHalf = iota
	highHalf
	lowHalf
)

// surrogate says which half of a character an escape at the start of the text is.
func surrogate(s []byte) int {
	if len(s) < len(replaced) || s[0] != '\\' || s[1] != 'u' || s[2]|0x20 != 'd' || !isHex(string(s[3:6])) {
		return noHalf
	}
	switch c := s[3] | 0x20; {
	case c >= 'c' && c <= 'f':
		return lowHalf
	case c == '8', c == '9', c >= 'a' && c <= 'b':
		return highHalf
	}
	return noHalf
}
