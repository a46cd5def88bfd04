package bucket

import (
	"bufio"
	"bytes"
	"io"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// textStart is how much of an object tells in which encoding it is written.
const textStart = 4 << 10

// asUTF8 returns a text as UTF-8 with lines that end in LF, whatever Excel, SQL
// Server or an old Mac made of it: UTF-16 and UTF-32 are decoded (by the byte
// order mark, UTF-16 also by its zero bytes), and CR alone is a line end where the
// start has no LF. All else passes unchanged, at no cost; invalid UTF-16 becomes
// U+FFFD. Positions count what comes out. src has room for [textStart] bytes.
func asUTF8(src *bufio.Reader) io.Reader {
	start, _ := src.Peek(textStart) // an error comes again when it is read
	form := encodingOf(start)
	var decoded io.Reader = src
	if form != nil {
		decoded = form.NewDecoder().Reader(src)
		start, _ = form.NewDecoder().Bytes(start) // the last rune may be cut off
	}
	if hasMacLines(start) {
		decoded = macText{decoded}
	}
	return decoded
}

// encodingOf returns the encoding of a text by its start; nil is UTF-8, or
// another one that has ASCII in it.
func encodingOf(start []byte) encoding.Encoding {
	has := func(prefix string) bool { return bytes.HasPrefix(start, []byte(prefix)) }
	switch {
	case has("\xff\xfe\x00\x00"), has("\x00\x00\xfe\xff"):
		return utf32.UTF32(utf32.LittleEndian, utf32.UseBOM)
	case has("\xff\xfe"), has("\xfe\xff"):
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	case len(start) < 4 || len(start)%2 == 1 && len(start) < textStart:
	case start[0] != 0 && start[1] == 0 && start[2] != 0 && start[3] == 0:
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case start[0] == 0 && start[1] != 0 && start[2] == 0 && start[3] != 0:
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	}
	return nil
}

// hasMacLines reports whether lines end in CR alone. A CR at the very end may
// be the half of CR LF.
func hasMacLines(start []byte) bool {
	at := bytes.IndexByte(start, '\r')
	return at >= 0 && at < len(start)-1 && bytes.IndexByte(start, '\n') < 0
}

// macText makes LF of each CR.
type macText struct{ src io.Reader }

// Read implements io.Reader.
func (m macText) Read(p []byte) (int, error) {
	n, err := m.src.Read(p)
	for i := range p[:n] {
		if p[i] == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}
