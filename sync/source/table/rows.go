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

// rows reads CSV as encoding/csv does with its defaults (a law that a fuzz test
// holds), but in bounded memory, with a position, and without a copy of rows
// that have no quotes.
type rows struct {
	window *bucket.Window
	comma  byte
	max    int
	// backslash: in quotes a backslash stands before a character that means itself,
	// as Spark, MySQL and Redshift write it.
	backslash bool

	line   int64    // where the last row began
	fields [][]byte // of the last row; valid until the next
	text   []byte   // the fields of a row with quotes
	ends   []int
}

// IsSyntax reports whether an error is one of the CSV itself.
func IsSyntax(err error) bool {
	return errors.Is(err, csv.ErrBareQuote) || errors.Is(err, csv.ErrQuote) || errors.Is(err, errRowTooLong) || errors.Is(err, errBackslash) || errors.Is(err, errOtherHeader)
}

// next reads a row; empty lines are none. It gives io.EOF at the end.
func (r *rows) next() error {
	for {
		line, err := r.readLine()
		if !errors.Is(err, io.EOF) {
			r.line = r.window.Lines()
		}
		if err != nil {
			return err
		}
		if len(line) > 0 {
			return r.split(line)
		}
	}
}

func (r *rows) readLine() ([]byte, error) {
	line, err := r.window.Line()
	if errors.Is(err, bucket.ErrTooLong) {
		err = errRowTooLong
	}
	return line, err
}

// split cuts a row into fields; a quoted field may take more lines.
func (r *rows) split(line []byte) error {
	if bytes.IndexByte(line, '"') >= 0 {
		escaped := !r.backslash && bytes.Contains(line, []byte(`\"`)) // the line is gone when a row of several is read
		err := r.splitQuoted(line)
		if escaped && (errors.Is(err, csv.ErrQuote) || errors.Is(err, csv.ErrBareQuote)) {
			err = fmt.Errorf("%w: %w", errBackslash, err)
		}
		return err
	}
	r.fields = r.fields[:0]
	for {
		i := bytes.IndexByte(line, r.comma)
		if i < 0 {
			r.fields = append(r.fields, line)
			return nil
		}
		r.fields = append(r.fields, line[:i])
		line = line[i+1:]
	}
}

func (r *rows) splitQuoted(line []byte) (err error) {
	r.text, r.ends = r.text[:0], r.ends[:0]
	for more := true; more; {
		if len(line) > 0 && line[0] == '"' {
			line, more, err = r.quoted(line[1:])
		} else {
			line, more, err = r.bare(line)
		}
		if err != nil {
			return err
		}
		r.ends = append(r.ends, len(r.text))
	}
	r.fields = r.fields[:0]
	start := 0
	for _, end := range r.ends {
		r.fields = append(r.fields, r.text[start:end])
		start = end
	}
	return nil
}

func (r *rows) bare(line []byte) (rest []byte, more bool, err error) {
	field, rest, more := bytes.Cut(line, []byte{r.comma})
	if bytes.IndexByte(field, '"') >= 0 {
		return nil, false, csv.ErrBareQuote
	}
	r.text = append(r.text, field...)
	return rest, more, nil
}

// quoted reads a field behind its opening quote.
func (r *rows) quoted(line []byte) (rest []byte, more bool, err error) {
	for {
		i := r.mark(line)
		if i < 0 {
			r.text = append(append(r.text, line...), '\n')
			if line, err = r.continued(); err != nil {
				return nil, false, err
			}
			continue
		}
		r.text = append(r.text, line[:i]...)
		mark := line[i]
		line = line[i+1:]
		switch {
		case mark == '\\':
			if len(line) > 0 {
				r.text = append(r.text, line[0])
				line = line[1:]
			}
		case len(line) == 0:
			return nil, false, nil
		case line[0] == '"':
			r.text = append(r.text, '"')
			line = line[1:]
		case line[0] == r.comma:
			return line[1:], true, nil
		default:
			return nil, false, csv.ErrQuote
		}
	}
}

// mark finds what ends or escapes within quotes.
func (r *rows) mark(line []byte) int {
	if r.backslash {
		return bytes.IndexAny(line, `"\`)
	}
	return bytes.IndexByte(line, '"')
}

func (r *rows) continued() ([]byte, error) {
	if len(r.text) > r.max {
		return nil, errRowTooLong
	}
	if r.window == nil {
		return nil, csv.ErrQuote
	}
	line, err := r.readLine()
	if errors.Is(err, io.EOF) {
		err = csv.ErrQuote
	}
	return line, err
}
