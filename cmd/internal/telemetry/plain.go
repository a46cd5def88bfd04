package telemetry

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Escape makes foreign text harmless where people read it: what moves a
// terminal's cursor, changes the direction of writing or shows nothing is written
// as \uXXXX, line breaks and tabs included.
func Escape(s string) string { return escape(s, "") }

// Plain is a writer that escapes (see [Escape]) what it passes on, but for line
// breaks and tabs. JSON stays the JSON that it was: such characters stand inside
// strings only.
func Plain(w io.Writer) io.Writer { return plain{w} }

type plain struct{ w io.Writer }

func (p plain) Write(text []byte) (int, error) {
	if strings.IndexFunc(string(text), func(r rune) bool { return hidden(r, "\n\t") }) < 0 {
		return p.w.Write(text)
	}
	if _, err := io.WriteString(p.w, escape(string(text), "\n\t")); err != nil {
		return 0, err
	}
	return len(text), nil
}

func escape(s, except string) string {
	if strings.IndexFunc(s, func(r rune) bool { return hidden(r, except) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !hidden(r, except):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// hidden is for control and format characters, the separators of lines and
// paragraphs, and what fills a line with nothing to see.
func hidden(r rune, except string) bool {
	if r < 0x7f {
		return r < ' ' && !strings.ContainsRune(except, r)
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || r == 0x115f || r == 0x1160 || r == 0x3164 || r == 0xffa0
}
