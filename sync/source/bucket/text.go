package bucket

import (
	"bufio"
	"bytes"
	"io"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// textStart is how much of an object is looked at to find its encoding.
const textStart = 4 << 10

// asUTF8 returns a text as UTF-8 without a byte order mark, with lines that end in LF,
// whether Excel, SQL Server or an old Mac wrote it. UTF-16 and UTF-32 are recognised
// by the byte order mark, UTF-16 also by its zero bytes; CR alone ends a line if the
// start has no LF. Everything else passes unchanged, at no cost; invalid UTF-16
// becomes U+FFFD. Positions count the bytes that come out. src's buffer has at least
// [textStart] bytes.
func asUTF8(src *bufio.Reader) io.Reader {
	start, _ := src.Peek(textStart) // reading returns an error again
	var decoded io.Reader = src
	if form := encodingOf(start); form != nil {
		decoded = form.NewDecoder().Reader(src)
		start, _ = form.NewDecoder().Bytes(start) // the last rune may be cut off
	} else if bytes.HasPrefix(start, []byte("\ufeff")) {
		_, _ = src.Discard(len("\ufeff")) // it is in the buffer
	}
	if hasMacLines(start) {
		decoded = macText{decoded}
	}
	return decoded
}

// encodingOf returns the encoding of a text according to its start. nil means UTF-8,
// or another extension of ASCII.
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

// hasMacLines reports whether lines end in CR alone. A CR at the very end may be
// half of a CR LF.
func hasMacLines(start []byte) bool {
	at := bytes.IndexByte(start, '\r')
	return at >= 0 && at < len(start)-1 && bytes.IndexByte(start, '\n') < 0
}

// macText replaces each CR by LF.
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
