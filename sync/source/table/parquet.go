package table

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/dustin/go-humanize/english"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/bucket"
)

// Parquet reads the rows of a Parquet file as texts: a page of each column at a
// time, and only of the columns that are asked for. It is for one goroutine.
type Parquet struct {
	Names []string // of the columns; of nested ones the outermost name

	damaged func(error) error
	file    *parquet.File
	columns []*parquet.Column
	used    []*cursor
	group   int   // the next one
	left    int64 // rows of this one
	row     Row

	offset int64     // bytes of the fields that were read
	sum    hash.Hash // of these
}

const (
	// mostFooter is how long a file's schema and directory may be, which are held in
	// memory.
	mostFooter = 16 << 20
	// mostChunk is how long a column may be in one row group: a page of it and its
	// dictionary are held in memory.
	mostChunk = 512 << 20
	// readAhead is how much of a column is read at a time.
	readAhead = 1 << 20
)

var errNoFooter = fmt.Errorf("no directory at its end: %w", io.ErrUnexpectedEOF)

// OpenParquet reads the directory of a Parquet file. ok is false if the object has
// another format. If the file is broken, the error is [bucket.ErrDamaged].
func OpenParquet(r *bucket.Reader) (p *Parquet, ok bool, err error) {
	at, size, ok := r.Parquet()
	if !ok {
		return nil, false, nil
	}
	if p, err = openParquet(at, size); err != nil {
		return nil, true, r.Damaged(err)
	}
	p.damaged = r.Damaged
	return p, true, nil
}

func openParquet(at io.ReaderAt, size int64) (p *Parquet, err error) {
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
	p = &Parquet{damaged: func(err error) error { return err }, file: f, columns: f.Root().Columns(), sum: sha256.New()}
	for _, c := range p.columns {
		p.Names = append(p.Names, c.Name())
	}
	p.row.Fields = make([]string, len(p.Names))
	return p, nil
}

// recovered turns a panic into an error: the library panics at some broken files.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%v", r)
	}
}

// IsBool reports whether a column is boolean.
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

// Next reads a row. It returns [io.EOF] at the end, and [bucket.ErrDamaged] if the
// file is broken.
func (p *Parquet) Next() (Row, error) {
	if err := p.next(); errors.Is(err, io.EOF) {
		return Row{}, io.EOF
	} else if err != nil {
		return p.row, p.damaged(err)
	}
	return p.row, nil
}

func (p *Parquet) next() (err error) {
	defer recovered(&err)
	for p.left == 0 {
		if err := p.nextGroup(); err != nil {
			return err
		}
	}
	for _, c := range p.used {
		text, err := c.next()
		if err != nil {
			return fmt.Errorf("column %q: %w", p.Names[c.to], noEnd(err))
		}
		p.row.Fields[c.to] = text
		p.offset += int64(len(text)) + 1
		_, _ = io.WriteString(p.sum, text+"\n") // a hash has no errors
	}
	p.left--
	p.row.Line++
	return nil
}

// Position returns the position after the last row. Its Offset counts the bytes of
// the fields that were read.
func (p *Parquet) Position() source.Position {
	return source.Position{Offset: p.offset, Line: p.row.Line, Hash: p.sum.Sum(nil)}
}

// Resume reads up to a position of an earlier reading, and reports whether the rows
// before it are still the same.
func (p *Parquet) Resume(from source.Position) (same bool, err error) {
	for err == nil && p.offset < from.Offset {
		_, err = p.Next()
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	at := p.Position()
	return err == nil && at.Offset == from.Offset && bytes.Equal(at.Hash, from.Hash), err
}

// noEnd turns the end of a column into an error: its row group has more rows.
func noEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (p *Parquet) nextGroup() error {
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
			return fmt.Errorf("column %q has %s in a row group of %s", p.Names[c.to], english.Plural(int(n), "value", ""), english.Plural(int(p.left), "row", ""))
		}
		if err := c.open(chunks[c.leaf]); err != nil {
			return err
		}
	}
	return nil
}

// cursor goes through the values of one column of a row group.
type cursor struct {
	to   int // the field that it fills
	leaf int
	text func(parquet.Value) string

	values parquet.ColumnChunkValueReader
	buf    [128]parquet.Value
	rest   []parquet.Value // of buf, not read yet
}

// open begins a row group and releases the one before.
func (c *cursor) open(chunk parquet.ColumnChunk) (err error) {
	if c.values != nil {
		err = c.values.Close()
	}
	c.values, c.rest = parquet.NewColumnChunkValueReader(chunk), nil
	return err
}

// next returns a value as text; null is empty.
func (c *cursor) next() (string, error) {
	if len(c.rest) == 0 {
		n, err := c.values.ReadValues(c.buf[:])
		if n == 0 {
			return "", err
		}
		c.rest = c.buf[:n]
	}
	v := c.rest[0]
	if c.rest = c.rest[1:]; v.IsNull() {
		return "", nil
	}
	return c.text(v), nil
}
