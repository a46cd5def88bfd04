package bucket

import (
	"bytes"
	"io"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// textStart is how much of an object tells in which encoding it is written.
const textStart = 4 << 10

// text gives UTF-8 with lines that end in LF, whatever Excel, SQL Server or an
// old Mac made of it: UTF-16 and UTF-32 are decoded (by the byte order mark,
// UTF-16 also by its zero bytes), and CR alone is a line end where the start
// has no LF. All else passes as it is, at no cost; invalid UTF-16 becomes U+FFFD.
// Positions count what comes out.
type text struct {
	src     io.Reader
	begun   bool
	decoded io.Reader // nil: as it is
}

// Read implements io.Reader.
func (t *text) Read(p []byte) (int, error) {
	if !t.begun {
		return t.start(p)
	}
	if t.decoded != nil {
		return t.decoded.Read(p)
	}
	return t.src.Read(p)
}

// start looks at the start in the caller's own buffer, if that is large enough.
func (t *text) start(p []byte) (n int, err error) {
	head := p
	if len(p) < textStart {
		head = make([]byte, textStart)
	}
	for n < textStart && err == nil {
		var more int
		more, err = t.src.Read(head[n:])
		n += more
	}
	t.begun = true
	head = head[:n]
	form, macLines := encodingOf(head)
	if form == nil && !macLines && len(p) >= textStart {
		return n, err
	}
	rest := t.src
	if err != nil {
		rest = failed{err}
	}
	t.decoded = io.MultiReader(bytes.NewReader(bytes.Clone(head)), rest)
	if form != nil {
		t.decoded = form.NewDecoder().Reader(t.decoded)
		macLines = hasMacLines(decodedStart(form, head))
	}
	if macLines {
		t.decoded = macText{t.decoded}
	}
	return t.decoded.Read(p)
}

// encodingOf gives the encoding of a text by its start; nil is UTF-8, or
// another one that has ASCII in it.
func encodingOf(start []byte) (form encoding.Encoding, macLines bool) {
	has := func(prefix string) bool { return bytes.HasPrefix(start, []byte(prefix)) }
	switch {
	case has("\xff\xfe\x00\x00"), has("\x00\x00\xfe\xff"):
		return utf32.UTF32(utf32.LittleEndian, utf32.UseBOM), false
	case has("\xff\xfe"), has("\xfe\xff"):
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), false
	case len(start) < 4 || len(start)%2 == 1 && len(start) < textStart:
	case start[0] != 0 && start[1] == 0 && start[2] != 0 && start[3] == 0:
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), false
	case start[0] == 0 && start[1] != 0 && start[2] == 0 && start[3] != 0:
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), false
	}
	return nil, hasMacLines(start)
}

func decodedStart(form encoding.Encoding, start []byte) []byte {
	decoded, _ := form.NewDecoder().Bytes(start) // the last rune may be cut off
	return decoded
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

// failed gives an error that came before its turn.
type failed struct{ err error }

// Read implements io.Reader.
func (f failed) Read([]byte) (int, error) { return 0, f.err }
