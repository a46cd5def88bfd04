package telemetry

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Escape makes text from outside harmless on a terminal. It returns it with \uXXXX for
// each character that moves the cursor (also line breaks and tabs), changes the
// direction of writing, or is invisible.
func Escape(s string) string { return escape(s, "") }

// Plain returns a writer that escapes what is written to it as [Escape] does, except
// line breaks and tabs. JSON keeps its meaning: the other characters occur only in
// strings.
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

// hidden reports whether r is a control or format character, a separator of lines or
// paragraphs, or an invisible filler.
func hidden(r rune, except string) bool {
	if r < 0x7f {
		return r < ' ' && !strings.ContainsRune(except, r)
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || r == 0x115f || r == 0x1160 || r == 0x3164 || r == 0xffa0
}
