package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// Parquet reads the rows of a Parquet file as texts: a page of each column at a
// time, and only of those columns that are asked for. It is for one goroutine.
type Parquet struct {
	Names []string // of the columns; of nested ones the outermost name

	file    *parquet.File
	columns []*parquet.Column
	used    []*cursor
	group   int   // the next one
	left    int64 // rows of this one
	row     Row
}

const (
	// mostFooter bounds the schema and the directory of a file, which are held.
	mostFooter = 16 << 20
	// mostChunk bounds what a column has in one row group: a page of it, and its
	// dictionary, are held.
	mostChunk = 512 << 20
	// readAhead is what is read of a column at a time.
	readAhead = 1 << 20
)

var errNoFooter = fmt.Errorf("no directory at its end: %w", io.ErrUnexpectedEOF)

// OpenParquet reads the directory of a file. Errors of the reader come through
// as they are; all others are damage.
func OpenParquet(at io.ReaderAt, size int64) (p *Parquet, err error) {
	defer recovered(&err)
	var end [8]byte
	if size < 12 {
		return nil, errNoFooter
	}
	if _, err := at.ReadAt(end[:], size-8); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	footer := int64(binary.LittleEndian.Uint32(end[:4]))
	switch {
	case string(end[4:]) == "PARE":
		return nil, errors.New("its directory is encrypted: write it without encryption")
	case string(end[4:]) == "PAR1" && footer > size-12:
		return nil, errors.New("its directory is broken")
	case string(end[4:]) != "PAR1":
		return nil, errNoFooter
	case footer > mostFooter:
		return nil, errors.New("its directory has more than 16 MiB: write fewer row groups")
	}
	f, err := parquet.OpenFile(at, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(readAhead))
	if err != nil {
		return nil, err
	}
	p = &Parquet{file: f, columns: f.Root().Columns()}
	for _, c := range p.columns {
		p.Names = append(p.Names, c.Name())
	}
	p.row.Fields = make([]string, len(p.Names))
	return p, nil
}

// recovered makes an error of a panic: the library has some for broken files.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%v", r)
	}
}

// IsBool reports whether a column holds true and false.
func (p *Parquet) IsBool(column int) bool {
	c := p.columns[column]
	return c.Leaf() && c.Type().Kind() == parquet.Boolean
}

// Use says which columns are read; the fields of the others stay empty.
func (p *Parquet) Use(columns []int) error {
	p.used = nil
	for _, i := range columns {
		c := p.columns[i]
		if !c.Leaf() || c.Repeated() {
			return fmt.Errorf("the column %q is nested: write it as a column of its own", p.Names[i])
		}
		p.used = append(p.used, &cursor{to: i, leaf: c.Index(), text: textOf(c.Type())})
	}
	return nil
}

// Next reads a row. It returns [io.EOF] at the end.
func (p *Parquet) Next() (row Row, err error) {
	defer recovered(&err)
	for p.left == 0 {
		if err := p.nextGroup(); err != nil {
			return p.row, err
		}
	}
	for _, c := range p.used {
		if p.row.Fields[c.to], err = c.next(); err != nil {
			return p.row, fmt.Errorf("column %q: %w", p.Names[c.to], noEnd(err))
		}
	}
	p.left--
	p.row.Line++
	return p.row, nil
}

// noEnd: a column that ends before its row group does is cut off.
func noEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (p *Parquet) nextGroup() error {
	if err := p.Close(); err != nil {
		return err
	}
	groups := p.file.RowGroups()
	if p.group == len(groups) {
		return io.EOF
	}
	group := groups[p.group]
	about := p.file.Metadata().RowGroups[p.group]
	p.group++
	p.left = group.NumRows()
	chunks := group.ColumnChunks()
	for _, c := range p.used {
		if size := about.Columns[c.leaf].MetaData.TotalUncompressedSize; size > mostChunk {
			return fmt.Errorf("column %q has %d MiB in one row group, more than 512: write smaller row groups", p.Names[c.to], size>>20)
		}
		if n := chunks[c.leaf].NumValues(); n != p.left {
			return fmt.Errorf("column %q has %d values in a row group of %d rows", p.Names[c.to], n, p.left)
		}
		c.pages = chunks[c.leaf].Pages()
	}
	return nil
}

// Close releases what is held of the file, which stays open.
func (p *Parquet) Close() error {
	var errs []error
	for _, c := range p.used {
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}

// cursor goes through the values of one column of a row group.
type cursor struct {
	to   int // the field
	leaf int
	text func(to []byte, v parquet.Value) []byte

	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
	buf    [128]parquet.Value
	at, n  int
	out    []byte
}

// next returns a value as text; null is empty.
func (c *cursor) next() (string, error) {
	for c.at == c.n {
		if err := c.fill(); err != nil {
			return "", err
		}
	}
	v := c.buf[c.at]
	c.at++
	if v.IsNull() {
		return "", nil
	}
	c.out = c.text(c.out[:0], v)
	return string(c.out), nil
}

func (c *cursor) fill() (err error) {
	if c.values == nil {
		if c.page, err = c.pages.ReadPage(); err != nil {
			return err
		}
		c.values = c.page.Values()
	}
	c.at = 0
	c.n, err = c.values.ReadValues(c.buf[:])
	if errors.Is(err, io.EOF) {
		err = nil
		if c.n == 0 {
			c.release()
		}
	}
	return err
}

func (c *cursor) release() {
	if c.page != nil {
		parquet.Release(c.page)
	}
	c.page, c.values, c.at, c.n = nil, nil, 0, 0
}

func (c *cursor) close() error {
	if c.pages == nil {
		return nil
	}
	c.release()
	err := c.pages.Close()
	c.pages = nil
	return err
}
