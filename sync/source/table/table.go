// Package table reads tables of ids as people and programs write them: CSV in its
// dialects, Parquet, and JSON objects, with the names of columns in any spelling.
// It also recognises files that are not tables at all.
package table

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dustin/go-humanize/english"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/bucket"
)

// Header is what the start of a CSV says about its rows.
type Header struct {
	Names []string // of the columns, trimmed

	comma     byte
	backslash bool
	// spare is how many of the last columns have no name; rows may leave these out.
	spare int
}

// delimiters are the ones that Segment's AWS S3 (Actions) offers
// (https://segment.com/docs/connections/destinations/catalog/actions-s3/), and Hive's own.
const delimiters = ",|\t;:\x01"

// ReadHeader reads the header of a CSV from a file's start, after blank lines and
// Excel's "sep=;"; whole means that the start is the whole file. It takes the
// delimiter with which score finds the most columns.
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
		line := csv.NewReader(bytes.NewReader(lines[0]))
		line.Comma = rune(comma)
		names, err := line.Read()
		if err != nil {
			continue
		}
		for i := range names {
			names[i] = strings.TrimSpace(names[i])
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

// separatorLine reads the line that tells Excel the delimiter.
func separatorLine(line []byte) (comma byte, ok bool) {
	line = bytes.Trim(line, "\" \r")
	if len(line) == len("sep=;") && bytes.EqualFold(line[:4], []byte("sep=")) && line[4] < utf8.RuneSelf {
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

// escapes reports whether quotes are escaped by backslashes: whether the start can
// be read this way, but not as standard CSV.
func (h Header) escapes(start []byte, whole bool) bool {
	return bytes.Contains(start, []byte(`\"`)) && h.try(start, whole, false) != nil && h.try(start, whole, true) == nil
}

// try reads the start. If there is more of the file, the last row may be cut off.
func (h Header) try(start []byte, whole, backslash bool) error {
	h.backslash = backslash
	for r := NewReader(bytes.NewReader(start), h, len(start)+1); ; {
		_, err := r.record()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			continue
		}
		if _, end := r.lines.window.Line(); !whole && errors.Is(end, io.EOF) {
			return nil
		}
		return err
	}
}

// Row is a row of a table, as texts.
type Row struct {
	Line    int64    // where it begins
	Fields  []string // one for each name of the header; valid until the next row
	Skipped string   // why the line is not a row, such as [Footer]; else empty
}

// Reader reads the rows of a CSV. It is for one goroutine.
type Reader struct {
	csv    *csv.Reader
	lines  *lines // that csv reads from
	header Header
	fields []string // of the last record
	begun  bool
	folded []string // its names
	id     int      // the column by which a repeated header is recognised
}

// NewReader returns a reader of rows of at most most bytes each.
func NewReader(src io.Reader, h Header, most int) *Reader {
	l := &lines{window: bucket.NewWindow(src, most), most: most, backslash: h.backslash}
	r := &Reader{csv: csv.NewReader(l), lines: l, header: h}
	r.csv.Comma, r.csv.FieldsPerRecord, r.csv.ReuseRecord = rune(h.comma), -1, true
	for i, name := range h.Names {
		r.folded = append(r.folded, Fold(name))
		if r.id == 0 && KindOf(name) != None {
			r.id = i
		}
	}
	return r
}

// The values of [Row.Skipped].
const (
	RepeatedHeader = "repeated_header" // the file was put together from several
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
		hint = ": is a delimiter escaped by a backslash? Put the field in quotes instead"
	}
	return fmt.Sprintf("%s where the header has %d%s", english.Plural(e.Row, "column", ""), e.Header, hint)
}

// Next reads a row. It returns [io.EOF] at the end. Other errors come with the row's
// line: a [ColumnsError], or one that [IsSyntax] reports, after which nothing can be
// read.
func (r *Reader) Next() (row Row, err error) {
	if !r.begun {
		r.begun = true
		if err := r.skipHeader(); err != nil {
			return row, err
		}
	}
	row.Fields, err = r.record()
	row.Line = r.lines.first
	if err != nil {
		return row, err
	}
	if len(row.Fields) == 1 && isFooter(row.Fields[0]) {
		row.Skipped = Footer
		return row, nil
	}
	if row.Fields, err = r.fit(row.Fields); err != nil {
		return row, err
	}
	repeated, err := r.repeated(row.Fields)
	if repeated {
		row.Skipped = RepeatedHeader
	}
	return row, err
}

// Position returns the position after the last row.
func (r *Reader) Position() source.Position { return r.lines.window.Position() }

// Resume is [bucket.Window.Resume] with rows as records.
func (r *Reader) Resume(from source.Position) (same bool, err error) {
	return r.lines.window.Resume(from, func() error {
		_, err := r.Next()
		if columns := (*ColumnsError)(nil); errors.As(err, &columns) {
			return nil
		}
		return err
	})
}

// skipHeader skips what [ReadHeader] has read. Quotes in it do not span lines.
func (r *Reader) skipHeader() error {
	for first := true; ; {
		line, err := readLine(r.lines.window)
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

// fit drops empty fields beyond the header's columns, and adds missing ones of
// columns without a name: one delimiter more at the end of lines does not matter.
func (r *Reader) fit(fields []string) ([]string, error) {
	want, got := len(r.header.Names), len(fields)
	for got > want && fields[got-1] == "" {
		got--
	}
	fields = fields[:got]
	for got < want && got >= want-r.header.spare {
		fields = append(fields, "")
		got++
	}
	if got == want {
		return fields, nil
	}
	e := &ColumnsError{Row: got, Header: want}
	for _, f := range fields {
		e.backslash = e.backslash || strings.HasSuffix(f, `\`)
	}
	return nil, e
}

// repeated reports whether a row repeats the header. If its columns are in another
// order, the rows after it are another table, which is an error.
func (r *Reader) repeated(fields []string) (bool, error) {
	if !maybeName(fields[r.id], r.header.Names[r.id]) {
		return false, nil
	}
	same := 0
	for i, field := range fields {
		fold := Fold(field)
		switch {
		case fold == r.folded[i]:
			same++
		case KindOf(fold) == None && !slices.Contains(r.folded, fold):
			return false, nil // somebody has this name
		}
	}
	if same < len(fields) {
		return false, errOtherHeader
	}
	return true, nil
}

var errOtherHeader = errors.New("another header, with its columns in another order: files of different columns were put together; keep them apart (parts: true makes one list of several files)")

// maybeName is a quick test of whether a field may be the name of a column of ids;
// few ids pass it.
func maybeName(field, name string) bool {
	n := len(field)
	if n < 2 || name == "" || n > len(name)+16 {
		return false
	}
	last := field[n-1] | 0x20
	return last == 'd' || last == 'l' || last == 's' || last == '"' || last == name[len(name)-1]|0x20
}
