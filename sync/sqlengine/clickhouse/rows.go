package clickhouse

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// format is one that all versions write as they read: a line a row, values between tabs.
const format = "TabSeparatedWithNamesAndTypes"

// mostLine is the longest row that is read.
const mostLine = 16 << 20

// rows implement [sqlengine.Rows].
type rows struct {
	ctx    context.Context
	cancel context.CancelFunc
	body   io.ReadCloser
	in     *bufio.Reader

	names  []string
	floats []bool   // the columns of floating-point numbers
	long   []byte   // a line that did not fit into in
	values [][]byte // of the row; nil is NULL
	err    error
}

func newRows(ctx context.Context, body io.ReadCloser) *rows {
	return &rows{ctx: ctx, body: body, in: bufio.NewReaderSize(body, 256<<10)}
}

// readHead reads the columns' names and types.
func (r *rows) readHead() error {
	names, err := r.line()
	if err != nil {
		return err
	}
	for field := range bytes.SplitSeq(names, []byte("\t")) {
		r.names = append(r.names, string(unescape(field)))
	}
	types, err := r.line()
	if err != nil {
		return err
	}
	if found := exception(types); found >= 0 {
		return r.said(types[found:])
	}
	for typ := range bytes.SplitSeq(types, []byte("\t")) {
		r.floats = append(r.floats, bytes.Contains(typ, []byte("Float")))
	}
	return nil
}

// Columns implements [sqlengine.Rows].
func (r *rows) Columns() ([]string, error) { return r.names, nil }

// Next implements [sqlengine.Rows].
func (r *rows) Next() bool {
	if r.err != nil {
		return false
	}
	line, err := r.line()
	if err == nil {
		err = r.split(line)
	}
	if errors.Is(err, io.EOF) {
		r.err = io.EOF
		return false
	}
	r.err = unreached(r.ctx, err)
	return err == nil
}

// line returns the next line without its end. The answer ends with a whole one.
func (r *rows) line() ([]byte, error) {
	line, err := r.in.ReadSlice('\n')
	if err == nil {
		return line[:len(line)-1], nil
	}
	r.long = append(r.long[:0], line...)
	for errors.Is(err, bufio.ErrBufferFull) && len(r.long) <= mostLine {
		line, err = r.in.ReadSlice('\n')
		r.long = append(r.long, line...)
	}
	switch {
	case err == nil:
		return r.long[:len(r.long)-1], nil
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("a row has more than %d MiB", mostLine>>20)
	case errors.Is(err, io.EOF) && len(r.long) > 0:
		if found := exception(r.long); found >= 0 {
			return nil, r.said(r.long[found:])
		}
		return nil, io.ErrUnexpectedEOF
	}
	return nil, err
}

// split takes a line apart. What the server writes behind the rows when a statement fails
// in the middle of a 200 answer is an error, not a row.
func (r *rows) split(line []byte) error {
	r.values = r.values[:0]
	for field := range bytes.SplitSeq(line, []byte("\t")) {
		r.values = append(r.values, field)
	}
	if found := exception(line); found >= 0 && (len(r.values) != len(r.names) || r.isLast(line[found:])) {
		return r.said(line[found:])
	}
	if len(r.values) != len(r.names) {
		return fmt.Errorf("the number of columns in a row of the server's answer is %d instead of %d", len(r.values), len(r.names))
	}
	for i, field := range r.values {
		if string(field) == `\N` {
			r.values[i] = nil
			continue
		}
		r.values[i] = unescape(field)
	}
	return nil
}

// isLast reports whether an error's text, which begins in a value of a row that is
// otherwise whole, can be one: it ends what there is.
func (r *rows) isLast(text []byte) bool {
	if len(r.names) == 1 {
		return true
	}
	_, err := r.in.Peek(1)
	return err != nil && !bytes.Contains(text, []byte("\t"))
}

// exception returns where an error's text begins in a line, or -1. Current versions write
// it behind a mark of two lines, of which the first ends in a carriage return; in rows
// that is escaped.
func exception(line []byte) int {
	if bytes.HasSuffix(line, []byte("\r")) {
		return len(line) - 1
	}
	if !bytes.Contains(line, []byte("DB::Exception")) && !bytes.Contains(line, []byte("DB::NetException")) {
		return -1
	}
	if at := spoken.FindIndex(line); at != nil {
		return at[0]
	}
	return -1
}

// said returns the error that begins at the end of a line.
func (r *rows) said(begin []byte) error {
	const most = 16 << 10
	var text strings.Builder
	text.Write(begin)
	text.WriteByte('\n')
	_, _ = io.Copy(&text, io.LimitReader(r.in, most)) // it is an error either way
	return failure(text.String())
}

// Scan implements [sqlengine.Rows].
func (r *rows) Scan(dest ...any) error {
	if len(dest) != len(r.values) {
		return fmt.Errorf("the number of a row's columns is %d, not %d", len(r.values), len(dest))
	}
	for i, d := range dest {
		err := sqlengine.Assign(d, r.values[i])
		if d, ok := d.(*any); ok && r.values[i] != nil && i < len(r.floats) && r.floats[i] {
			*d, err = strconv.ParseFloat(string(r.values[i]), 64) // who reads ids has to know
		}
		if err != nil {
			return fmt.Errorf("column %q: %w", r.names[i], err)
		}
	}
	return nil
}

// Err implements [sqlengine.Rows].
func (r *rows) Err() error {
	if errors.Is(r.err, io.EOF) {
		return nil
	}
	return r.err
}

// Close implements [sqlengine.Rows]. The server stops when it finds the connection closed.
func (r *rows) Close() error {
	r.cancel()
	return r.body.Close()
}

// unescaped are the characters behind a backslash that mean others.
var unescaped = [256]byte{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', '0': 0, 'a': '\a', 'v': '\v', 'e': 0x1b}

const isNUL = '0'

// unescape returns a field's value, in place.
func unescape(field []byte) []byte {
	at := bytes.IndexByte(field, '\\')
	if at < 0 {
		return field
	}
	out := field[:at]
	for i := at; i < len(field); i++ {
		c := field[i]
		if c == '\\' && i+1 < len(field) {
			i++
			if c = field[i]; unescaped[c] != 0 || c == isNUL {
				c = unescaped[c]
			}
		}
		out = append(out, c)
	}
	return out
}
