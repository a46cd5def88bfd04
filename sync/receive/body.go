package receive

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// mostEvent is how long one message may be, in bytes. Segment takes 32 KB
// (https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/#max-request-size),
// and adds to it.
const mostEvent = 256 << 10

// body is what Segment sent: one message, or an array of them.
type body struct {
	signed []byte // what the signature is of
	lines  []byte // a message a line
	events int
}

var (
	errNoMessage = errors.New("not a JSON object, nor an array of them")
	errTooLarge  = errors.New("too large")
)

// parse takes a body apart. Of an array, Segment signs the first element, as it stands
// there.
func parse(raw []byte) (b body, err error) {
	if first := bytes.TrimLeft(raw, " \t\r\n"); len(first) == 0 || first[0] != '[' {
		b.signed = raw
		err = b.add(raw)
		return b, err
	}
	var all []json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil || len(all) == 0 {
		return b, errNoMessage
	}
	b.signed, b.lines = all[0], make([]byte, 0, len(raw))
	for _, one := range all {
		if err := b.add(one); err != nil {
			return b, err
		}
	}
	return b, nil
}

// add adds a message as a line.
func (b *body) add(one []byte) error {
	one = bytes.TrimSpace(one)
	switch {
	case len(one) == 0 || one[0] != '{' || !json.Valid(one):
		return errNoMessage
	case len(one) > mostEvent:
		return errTooLarge
	}
	if bytes.ContainsAny(one, "\r\n") {
		var line bytes.Buffer
		if err := json.Compact(&line, one); err != nil {
			return errNoMessage
		}
		one = line.Bytes()
	}
	b.lines = append(append(b.lines, one...), '\n')
	b.events++
	return nil
}

// read reads all of a body that is not longer than most. What it holds in memory is
// taken from the budget as it comes, so nobody holds what they did not send.
func read(r io.Reader, most int64, take func(bytes int64) bool) ([]byte, error) {
	buf := make([]byte, 0, 4<<10)
	if !take(int64(cap(buf))) {
		return nil, errBusy
	}
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > most:
			return nil, errTooLarge
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return nil, err
		}
		if len(buf) < cap(buf) {
			continue
		}
		if !take(int64(cap(buf))) {
			return nil, errBusy
		}
		larger := make([]byte, len(buf), 2*cap(buf))
		copy(larger, buf)
		buf = larger
	}
}
