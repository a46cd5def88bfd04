package table

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/impactsync/impactsync/sync/source/bucket"
)

var (
	errRowTooLong = errors.New("a row is longer than the line limit: is a closing quote missing?")
	errBackslash  = errors.New(`a quote escaped by a backslash, unlike at the start of the file: write "" for a quote within quotes (Spark: escape='"')`)
)

// IsSyntax reports whether an error is a syntax error of the CSV.
func IsSyntax(err error) bool {
	return errors.Is(err, csv.ErrBareQuote) || errors.Is(err, csv.ErrQuote) || errors.Is(err, errRowTooLong) || errors.Is(err, errOtherHeader)
}

// record reads a record in bounded memory. Its fields are valid until the next call.
func (r *Reader) record() ([]string, error) {
	r.lines.begin()
	line, err := r.lines.ahead()
	if err != nil {
		return nil, err
	}
	if bytes.IndexByte(line, '"') < 0 {
		return r.split(string(line)), nil
	}
	fields, err := r.csv.Read()
	var syntax *csv.ParseError
	if errors.As(err, &syntax) {
		err = syntax.Err // without its own line number: the row has it
		if r.lines.escaped && !r.lines.backslash {
			err = fmt.Errorf("%w: %w", errBackslash, err)
		}
	}
	return fields, err
}

// split returns the fields of a record without quotes, as most are. It is what a
// [csv.Reader] does, in a quarter of the time.
func (r *Reader) split(record string) []string {
	r.fields = r.fields[:0]
	for {
		i := strings.IndexByte(record, r.header.comma)
		if i < 0 {
			r.fields = append(r.fields, record)
			return r.fields
		}
		r.fields, record = append(r.fields, record[:i]), record[i+1:]
	}
}

// lines is what a [csv.Reader] reads from. It returns one line at a time, so that the
// window's position is that after the record, and fails if a record exceeds the
// limit.
type lines struct {
	window    *bucket.Window
	most      int
	backslash bool // within quotes a backslash escapes the next character, as in files of Spark, MySQL and Redshift

	first   int64  // line of the record; 0 before it
	peeked  []byte // that line, until it is read
	size    int    // of the record so far
	escaped bool   // the record holds \"
	quoted  bool   // the next line begins within quotes
	text    []byte
	rest    []byte // the part of text that was not read yet
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

// ahead returns the first line of a record, after blank ones. It is still to be read.
func (l *lines) ahead() (line []byte, err error) {
	for len(line) == 0 && err == nil {
		line, err = readLine(l.window)
	}
	if !errors.Is(err, io.EOF) {
		l.first, l.peeked = l.window.Lines(), line
	}
	return line, err
}

func (l *lines) next() (err error) {
	if l.size > l.most {
		return errRowTooLong
	}
	line := l.peeked
	if l.peeked = nil; line == nil {
		if line, err = readLine(l.window); err != nil {
			return err
		}
	}
	l.size += len(line)
	l.escaped = l.escaped || bytes.Contains(line, []byte(`\"`))
	l.text = l.text[:0]
	if l.backslash {
		l.unescape(line)
	} else {
		l.text = append(l.text, line...)
	}
	l.text = append(l.text, "\r\n"...) // csv would take a lone CR before LF for part of the line end
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

// unescape copies a line without escaping backslashes, and doubles the quotes that
// they escaped.
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
