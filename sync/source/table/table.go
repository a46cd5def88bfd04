// Package table reads lists of ids as people and programs write them: CSV in
// its dialects, with the names of columns in any spelling. What is not a list
// at all it names.
package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/sync/source/bucket"
)

// Header is what the start of a CSV tells.
type Header struct {
	Names []string // of the columns, trimmed

	comma     byte
	backslash bool
	// spare is how many of the last columns have no name, so that rows may leave
	// them out.
	spare int
}

// delimiters are the ones that Segment's AWS S3 (Actions) offers
// (https://segment.com/docs/connections/destinations/catalog/actions-s3/), and Hive's own.
const delimiters = ",|\t;:\x01"

// ReadHeader reads the header of a CSV, behind blank lines and Excel's "sep=;",
// from a file's start; whole says that this is all of it. Of all delimiters the
// one is taken by which score finds the most columns.
func ReadHeader(start []byte, whole bool, score func(names []string) int) (h Header, err error) {
	lines := bytes.Split(Trim(start), []byte("\n"))
	if len(lines) == 1 && !whole {
		return h, errors.New("the first line is longer than 64 KiB: not a CSV")
	}
	commas := []byte(delimiters)
	if comma, ok := separatorLine(lines[0]); ok && len(lines) > 1 {
		commas, lines = []byte{comma}, skipBlank(lines[1:])
	}
	if isRule(lines[0]) || len(lines) > 1 && isRule(lines[1]) {
		return h, ErrSQLTable
	}
	most := -1
	for _, comma := range commas {
		line := rows{comma: comma}
		if line.split(bytes.TrimSuffix(lines[0], []byte("\r"))) != nil {
			continue
		}
		names := make([]string, len(line.fields))
		for i, field := range line.fields {
			names[i] = strings.TrimSpace(string(field))
		}
		if known := score(names); known > most {
			h, most = Header{Names: names, comma: comma}, known
		}
	}
	if most < 0 {
		return h, errors.New("the first line cannot be read as a CSV header")
	}
	for h.spare < len(h.Names) && h.Names[len(h.Names)-1-h.spare] == "" {
		h.spare++
	}
	h.backslash = h.escapes(start, whole)
	return h, nil
}

// separatorLine reads the line by which Excel is told the delimiter.
func separatorLine(line []byte) (comma byte, ok bool) {
	line = bytes.Trim(line, "\" \r")
	if len(line) == len("sep=;") && bytes.EqualFold(line[:4], []byte("sep=")) {
		return line[4], true
	}
	return 0, false
}

func skipBlank(lines [][]byte) [][]byte {
	for len(lines) > 1 && len(bytes.TrimSpace(lines[0])) == 0 {
		lines = lines[1:]
	}
	return lines
}

// escapes reports whether quotes are escaped by backslashes: as CSV is meant to
// be, the start cannot be read, and so it can.
func (h Header) escapes(start []byte, whole bool) bool {
	return bytes.Contains(start, []byte(`\"`)) && h.try(start, whole, false) != nil && h.try(start, whole, true) == nil
}

// try reads the start. Where there is more of the file, its last row may be cut off.
func (h Header) try(start []byte, whole, backslash bool) error {
	w := bucket.NewWindow(bytes.NewReader(start), len(start)+1, false)
	r := rows{window: w, comma: h.comma, max: len(start) + 1, backslash: backslash}
	for {
		err := r.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			continue
		}
		if _, end := w.Line(); !whole && errors.Is(end, io.EOF) {
			return nil
		}
		return err
	}
}

// Reader reads the rows of a CSV. It is for one goroutine.
type Reader struct {
	Fields [][]byte // of the last row, as many as there are names; valid until the next

	window *bucket.Window
	rows   rows
	header Header
	begun  bool
	folded []string // its names
	id     int      // the column by which a repeated header is known
}

// NewReader makes a reader of rows of at most most bytes.
func NewReader(w *bucket.Window, h Header, most int) *Reader {
	r := &Reader{window: w, header: h, rows: rows{window: w, comma: h.comma, max: most, backslash: h.backslash}}
	for i, name := range h.Names {
		r.folded = append(r.folded, Fold(name))
		if r.id == 0 && KindOf(name) != None {
			r.id = i
		}
	}
	return r
}

// Line is where the last row began.
func (r *Reader) Line() int64 { return r.rows.line }

// The words of [Reader.Next] for lines that are no rows.
const (
	RepeatedHeader = "repeated_header" // of a file that was put together from several
	Footer         = "footer"          // the count of rows that a SQL client adds
)

// ColumnsError says that a row has more or fewer columns than the header.
type ColumnsError struct {
	Row, Header int
	backslash   bool
}

// Error implements error.
func (e *ColumnsError) Error() string {
	hint := ""
	if e.backslash {
		hint = ": a delimiter escaped by a backslash? Put the field in quotes instead"
	}
	return fmt.Sprintf("%d columns where the header has %d%s", e.Row, e.Header, hint)
}

// Next reads a row, or says in a word why the line is none. It gives io.EOF at
// the end; its error is a [ColumnsError], or one by [IsSyntax] behind which
// nothing can be read.
func (r *Reader) Next() (skipped string, err error) {
	if !r.begun {
		r.begun = true
		if err := r.skipHeader(); err != nil {
			return "", err
		}
	}
	if err := r.rows.next(); err != nil {
		return "", err
	}
	r.Fields = r.rows.fields
	if len(r.Fields) == 1 && isFooter(bytes.TrimSpace(r.Fields[0])) {
		return Footer, nil
	}
	if err := r.fit(); err != nil {
		return "", err
	}
	return r.repeated()
}

// skipHeader passes over what [ReadHeader] has read. Its quotes do not span lines.
func (r *Reader) skipHeader() error {
	for first := true; ; {
		line, err := r.rows.readLine()
		if err != nil {
			return err
		}
		if line = Trim(line); len(line) == 0 {
			continue
		}
		if _, ok := separatorLine(line); !ok || !first {
			return nil
		}
		first = false
	}
}

// fit takes off columns that the header has not and that are empty, and adds
// those that have no name: a delimiter more at the end of lines says nothing.
func (r *Reader) fit() error {
	want, got := len(r.header.Names), len(r.Fields)
	for got > want && len(r.Fields[got-1]) == 0 {
		got--
	}
	r.Fields = r.Fields[:got]
	for got < want && got >= want-r.header.spare {
		r.Fields = append(r.Fields, nil)
		got++
	}
	if got == want {
		return nil
	}
	e := &ColumnsError{Row: got, Header: want}
	for _, f := range r.Fields {
		e.backslash = e.backslash || bytes.HasSuffix(f, []byte(`\`))
	}
	return e
}

// repeated knows a header within the file. One with its columns in another
// order makes all behind it another table.
func (r *Reader) repeated() (skipped string, err error) {
	if !maybeName(r.Fields[r.id], r.header.Names[r.id]) {
		return "", nil
	}
	same := 0
	for i, field := range r.Fields {
		fold := Fold(string(field))
		switch {
		case fold == r.folded[i]:
			same++
		case KindOf(fold) == None && !slices.Contains(r.folded, fold):
			return "", nil // somebody is called so
		}
	}
	if same < len(r.Fields) {
		return "", errOtherHeader
	}
	return RepeatedHeader, nil
}

var errOtherHeader = errors.New("another header, with its columns in another order: files of different columns were put together; keep them apart (parts: true makes one list of several files)")

// maybeName is a quick look at what may be the name of a column of ids: few ids pass.
func maybeName(field []byte, name string) bool {
	n := len(field)
	if n < 2 || name == "" || n > len(name)+16 {
		return false
	}
	last := field[n-1] | 0x20
	return last == 'd' || last == 'l' || last == 's' || last == '"' || last == name[len(name)-1]|0x20
}
