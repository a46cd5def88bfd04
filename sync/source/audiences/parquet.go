package audiences

import (
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

// parquetLayout finds out what a Parquet file is from the names of its columns, as
// for a CSV. A column value of true and false is a membership, as it is in JSON.
func parquetLayout(p *table.Parquet, a Audience) (layout, error) {
	l, err := columnLayout(table.Header{Names: p.Names}, a)
	if err != nil {
		return l, err
	}
	l.format = formatParquet
	if a.Value == "" && l.value >= 0 && p.IsBool(l.value) {
		l.class = segment.ClassAudience
	}
	return l, p.Use(l.read)
}

// parquetRows are the rows of a Parquet file. Their positions count the bytes of
// the fields that are read.
type parquetRows struct {
	file   *table.Parquet
	object *bucket.Reader
	layout layout
	row    table.Row // the last one
	at     source.Position
	sum    hash.Hash // nil: no hash is wanted
}

func newParquetRows(r *bucket.Reader, p *table.Parquet, l layout, withHash bool) *parquetRows {
	rows := &parquetRows{file: p, object: r, layout: l}
	if withHash {
		rows.sum = sha256.New()
	}
	return rows
}

// Position implements rows.
func (p *parquetRows) Position() source.Position {
	at := p.at
	if p.sum != nil {
		at.Hash = p.sum.Sum(nil)
	}
	return at
}

// Resume implements rows.
func (p *parquetRows) Resume(from source.Position) (bool, error) {
	for p.at.Offset < from.Offset {
		if err := p.next(); errors.Is(err, io.EOF) {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
	return p.at.Offset == from.Offset && slices.Equal(p.Position().Hash, from.Hash), nil
}

func (p *parquetRows) next() (err error) {
	if p.row, err = p.file.Next(); errors.Is(err, io.EOF) {
		return errors.Join(io.EOF, p.file.Close())
	} else if err != nil {
		return p.object.Damaged(err)
	}
	p.at.Line = p.row.Line
	for _, i := range p.layout.read {
		field := p.row.Fields[i]
		p.at.Offset += int64(len(field)) + 1
		if p.sum != nil {
			_, _ = io.WriteString(p.sum, field+"\n") // a hash has no errors
		}
	}
	return nil
}

func (p *parquetRows) read(r *row) {
	r.line = p.at.Line
	r.fields(&p.layout, p.row.Fields)
}
