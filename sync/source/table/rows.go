package table

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"

	"github.com/impactsync/impactsync/sync/source/bucket"
)

var (
	errRowTooLong = errors.New("a row is longer than the line limit: is a quote missing?")
	errBackslash  = errors.New(`a quote escaped by a backslash, which the start of the file does not do: write "" for a quote within quotes (Spark: escape='"')`)
)

// IsSyntax reports whether an error is one of the CSV itself.
func IsSyntax(err error) bool {
	return errors.Is(err, csv.ErrBareQuote) || errors.Is(err, csv.ErrQuote) || errors.Is(err, errRowTooLong) || errors.Is(err, errOtherHeader)
}

// record reads a record in bounded memory; its fields are valid until the next.
func (r *Reader) record() ([]string, error) {
	r.lines.begin()
	fields, err := r.csv.Read()
	var syntax *csv.ParseError
	if errors.As(err, &syntax) {
		err = syntax.Err // the row has the line
		if r.lines.escaped && !r.lines.backslash {
			err = fmt.Errorf("%w: %w", errBackslash, err)
		}
	}
	return fields, err
}

// lines is what a [csv.Reader] reads from: a line at a time, so that the window
// stands behind the record that was read, and not more of a record than its limit.
type lines struct {
	window    *bucket.Window
	most      int
	backslash bool // within quotes a backslash escapes what follows, as Spark, MySQL and Redshift write it

	first   int64 // line of the record; 0 before it
	size    int   // of the record so far
	escaped bool  // the record holds \"
	quoted  bool  // the next line begins within quotes
	text    []byte
	rest    []byte // of text, not read yet
}

func (l *lines) begin() { l.first, l.size, l.escaped, l.quoted = 0, 0, false, false }

// Read implements [io.Reader].
func (l *lines) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		if err := l.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

func (l *lines) next() error {
	if l.size > l.most {
		return errRowTooLong
	}
	line, err := readLine(l.window)
	if l.first == 0 && !errors.Is(err, io.EOF) && (err != nil || len(line) > 0) {
		l.first = l.window.Lines()
	}
	if err != nil {
		return err
	}
	l.size += len(line)
	l.escaped = l.escaped || bytes.Contains(line, []byte(`\"`))
	l.text = l.text[:0]
	if l.backslash {
		l.unescape(line)
	} else {
		l.text = append(l.text, line...)
	}
	l.text = append(l.text, "\r\n"...) // a CR before it would be taken for half of a line end
	l.rest = l.text
	return nil
}

func readLine(w *bucket.Window) ([]byte, error) {
	line, err := w.Line()
	if errors.Is(err, bucket.ErrTooLong) {
		err = errRowTooLong
	}
	return line, err
}

// unescape writes a line with the quotes doubled that a backslash escapes, and
// without the backslashes.
func (l *lines) unescape(line []byte) {
	for i := 0; i < len(line); i++ {
		c := line[i]
		if c == '"' {
			l.quoted = !l.quoted
		}
		if c == '\\' && l.quoted {
			if i++; i == len(line) {
				return
			}
			if c = line[i]; c == '"' {
				l.text = append(l.text, '"')
			}
		}
		l.text = append(l.text, c)
	}
}
