package bucket

import (
	"errors"
	"io"
)

// nextElement takes the next element of an array, or its end.
func (s *Splitter) nextElement() (Item, error) {
	c, err := s.skipSpace(s.spanning)
	if err == nil && s.element && c == ',' {
		s.skip(1)
		s.element = false
		c, err = s.skipSpace(s.spanning)
	}
	switch {
	case errors.Is(err, io.EOF):
		return Item{Line: s.line + 1, Flaw: FlawIncomplete}, nil
	case err != nil:
		return Item{}, err
	case c == ']':
		s.skip(1)
		s.array, s.spanning = false, false
		// What follows on the same line, usually nothing, is a line of its own.
		return Item{}, nil
	case c == '\n' || c == ',' || c == '}' || s.element:
		return s.breakArray()
	}
	return s.takeElement()
}

// takeElement takes the value that begins here. A value that is longer than the
// limit is skipped to its end without being held.
func (s *Splitter) takeElement() (Item, error) {
	scan := valueScanner{oneLine: !s.spanning}
	s.held = s.held[:0]
	tooLong, done := false, false
	for !done {
		if _, err := s.src.Peek(1); err != nil {
			// At a position to resume from, a number ends, whatever follows.
			if done = s.resuming && scan.atTop(); !done && !errors.Is(err, io.EOF) {
				return Item{}, err
			}
			break
		}
		next, _ := s.src.Peek(s.src.Buffered())
		var n int
		n, done = scan.over(next)
		s.held = append(s.held, next[:n]...)
		_, _ = s.src.Discard(n)
		if tooLong = tooLong || len(s.held) > s.max; tooLong {
			s.take(s.held)
			s.held = s.held[:0]
		}
	}
	if !done && !tooLong {
		return Item{Line: s.line + 1, Flaw: FlawIncomplete}, nil
	}
	// A line end that broke a value must be before the position, so that a resumed
	// reading sees it too.
	s.take(s.held)
	switch {
	case scan.broken:
		return s.breakArray()
	case tooLong:
		return s.endElement(Item{Flaw: FlawTooLong})
	}
	return s.endElement(Item{Data: s.held})
}

func (s *Splitter) endElement(item Item) (Item, error) {
	s.element = true
	s.line++
	item.Line = s.line
	return item, nil
}

// breakArray gives up the array and continues with the next line.
func (s *Splitter) breakArray() (Item, error) {
	s.array, s.spanning = false, false
	if _, err := s.Line(); err != nil && !errors.Is(err, ErrTooLong) {
		return Item{}, err
	}
	return Item{Line: s.line, Flaw: FlawBroken}, nil
}

// valueScanner finds the end of a JSON value by its brackets and quotes alone.
type valueScanner struct {
	depth            int
	inString, escape bool
	scalar, broken   bool
	oneLine          bool // a line end breaks the value
}

// over continues the scan and returns how many bytes of p belong to the value; done
// is false if the value goes on.
func (v *valueScanner) over(p []byte) (n int, done bool) {
	for i, c := range p {
		if c == '\n' && (v.inString || v.oneLine) {
			v.broken = true
			return i, true
		}
		if v.inString {
			v.text(c)
			continue
		}
		switch c {
		case '"':
			v.inString = true
			v.scalar = v.scalar || v.depth == 0
		case '{', '[':
			v.depth++
		case '}', ']':
			if v.depth == 0 {
				return i, true
			}
			if v.depth--; v.depth == 0 && !v.scalar {
				return i + 1, true
			}
		case ',', '\n', '\r', ' ', '\t':
			if v.depth == 0 {
				return i, true
			}
		default:
			v.scalar = v.scalar || v.depth == 0
		}
	}
	return len(p), false
}

// atTop reports whether what was seen may be a complete value.
func (v *valueScanner) atTop() bool { return v.depth == 0 && !v.inString }

// text takes a byte of a string, until its closing quote.
func (v *valueScanner) text(c byte) {
	switch {
	case v.escape:
		v.escape = false
	case c == '\\':
		v.escape = true
	case c == '"':
		v.inString = false
	}
}
