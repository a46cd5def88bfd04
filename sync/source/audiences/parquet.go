package audiences

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"slices"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/bucket"
	"github.com/impactsync/impactsync/sync/source/table"
)

// content is an object that was looked at: its text from the start, or its table.
type content struct {
	text    *bufio.Reader
	parquet *table.Parquet
}

// look gives an object's layout and its content.
func (s *Source) look(r *bucket.Reader, a Audience) (c content, l layout, err error) {
	at, size, ok := r.Parquet()
	if !ok {
		c.text, l, err = s.peekLayout(r, a)
		return c, l, err
	}
	if c.parquet, err = table.OpenParquet(at, size); err != nil {
		return c, l, r.Damaged(err)
	}
	if l, err = parquetLayout(c.parquet, a); err != nil {
		return c, l, &unusableError{err}
	}
	return c, l, nil
}

// parquetLayout tells what a Parquet file is by the names of its columns, as of
// a CSV. A column value of true and false is a membership, as it is in JSON.
func parquetLayout(p *table.Parquet, a Audience) (layout, error) {
	l, err := columnLayout(table.Header{Names: p.Names}, a)
	if err != nil {
		return l, err
	}
	l.format = formatParquet
	if a.Value == "" && l.value >= 0 && p.IsBool(l.value) {
		l.class = segment.ClassAudience
	}
	return l, p.Use(distinct(l.read()))
}

func distinct(columns []int) []int {
	slices.Sort(columns)
	return slices.Compact(columns)
}

// parquetParser reads the rows of a Parquet file as those of a CSV. Its
// positions count the bytes of the fields that are read.
type parquetParser struct {
	*csvParser
	file   *table.Parquet
	object *bucket.Reader
	at     source.Position
	sum    hash.Hash // nil: no hash is wanted
}

func newParquetParser(r *bucket.Reader, p *table.Parquet, l layout, withHash bool) (*parquetParser, error) {
	parser := &parquetParser{
		csvParser: &csvParser{layout: l, read: l.read()},
		file:      p, object: r,
	}
	if withHash {
		parser.sum = sha256.New()
	}
	return parser, nil
}

// Position implements parser.
func (p *parquetParser) Position() source.Position {
	at := p.at
	if p.sum != nil {
		at.Hash = p.sum.Sum(nil)
	}
	return at
}

func (p *parquetParser) resume(from source.Position) (bool, error) {
	for p.at.Offset < from.Offset {
		if err := p.next(nil); errors.Is(err, io.EOF) {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
	return p.at.Offset == from.Offset && slices.Equal(p.Position().Hash, from.Hash), nil
}

func (p *parquetParser) next(b *batch) error {
	var err error
	if p.row, err = p.file.Next(); errors.Is(err, io.EOF) {
		return errors.Join(io.EOF, p.file.Close())
	} else if err != nil {
		return p.object.Damaged(err)
	}
	p.at.Line = p.row.Line
	for _, i := range p.read {
		field := p.row.Fields[i]
		p.at.Offset += int64(len(field)) + 1
		if p.sum != nil {
			_, _ = io.WriteString(p.sum, field+"\n")
		}
	}
	if b == nil {
		return nil
	}
	return p.addRow(b)
}
