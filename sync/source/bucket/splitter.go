package bucket

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/impactsync/impactsync/sync/source"
)

// Flaw says what keeps a record from being used.
type Flaw string

// The flaws of records, as texts for people.
const (
	FlawNone       Flaw = ""
	FlawTooLong    Flaw = "longer than the line limit"
	FlawBroken     Flaw = "broken JSON array"
	FlawIncomplete Flaw = "incomplete last line"
)

// Item is one record of a log: a line, or an element of a JSON array.
type Item struct {
	Data []byte // without space around it; valid until the next call; nil with a flaw
	Line int64  // from 1; inside a JSON array elements count instead of lines
	Flaw Flaw
}

// Splitter cuts a log into its JSON records without decoding them. A log is lines,
// or one JSON array over any number of lines, followed by lines. A line that begins
// with [ is an array too, as in a spool of batched webhooks, but ends with its line.
type Splitter struct {
	*Window
	array    bool // inside an array
	spanning bool // the array may go over line ends
	element  bool // an element was taken, and no comma since
	ended    bool // an incomplete record was returned
}

// NewSplitter returns a splitter for records of at most maxLine bytes
// ([DefaultMaxLine] for 0). Its positions can be resumed from.
func NewSplitter(src io.Reader, maxLine int) *Splitter {
	return &Splitter{Window: NewWindow(src, maxLine), spanning: true}
}

// Next takes the next record, and returns [io.EOF] at the end. A last record that
// is cut off has [FlawIncomplete] and is not taken: the position stays before it, so
// that it is read once the object has grown. Every other flawed record is taken, in
// memory of at most the line limit, and reading continues after it.
func (s *Splitter) Next() (Item, error) {
	if s.ended {
		return Item{}, io.EOF
	}
	for {
		next := s.nextLine
		if s.array {
			next = s.nextElement
		}
		item, err := next()
		if err != nil || item.Data != nil || item.Flaw != FlawNone {
			s.ended = item.Flaw == FlawIncomplete
			return item, err
		}
	}
}

// Resume goes to a position of an earlier reading and reports whether the bytes
// before it are still the same; if not, the splitter cannot be used any more. It
// reads these bytes again, but decodes none of them.
func (s *Splitter) Resume(from source.Position) (same bool, err error) {
	same, err = s.Window.Resume(from, func() error {
		_, err := s.Next()
		return err
	})
	s.ended = false
	return same, err
}

// nextLine returns an empty item for a blank line, and where an array begins.
func (s *Splitter) nextLine() (Item, error) {
	s.closeLine()
	first, err := s.skipSpace(s.spanning)
	if err != nil {
		return Item{}, err
	}
	if first == '[' {
		s.skip(1)
		s.array, s.element = true, false
		return Item{}, nil
	}
	s.spanning = false
	line, err := s.readLine()
	if errors.Is(err, ErrTooLong) {
		return Item{Line: s.line, Flaw: FlawTooLong}, nil
	}
	if err != nil {
		return Item{}, err
	}
	text := bytes.TrimSpace(line)
	if len(text) > 0 && !bytes.HasSuffix(line, newline) && !json.Valid(text) {
		return Item{Line: s.line + 1, Flaw: FlawIncomplete}, nil
	}
	s.take(line)
	s.endLine(line)
	if len(text) == 0 {
		text = nil
	}
	return Item{Data: text, Line: s.line}, nil
}

// skipSpace takes blanks, and line ends if overLines is set, and returns the byte
// that follows.
func (s *Splitter) skipSpace(overLines bool) (byte, error) {
	for {
		next, err := s.src.Peek(1)
		if err != nil {
			return 0, err
		}
		switch c := next[0]; {
		case c == '\n' && overLines:
			s.skip(1)
			if !s.array {
				s.endLine(newline)
			}
		case c == ' ' || c == '\t' || c == '\r':
			s.skip(1)
		default:
			return c, nil
		}
	}
}
