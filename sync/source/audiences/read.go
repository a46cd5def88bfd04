package audiences

import (
	"context"
	"errors"

	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/bucket"
	"github.com/impactsync/impactsync/sync/source/reading"
)

const batchRecords = 1000

var errJunk = errors.New("none of the first 10,000 rows can be used: the rest was not read")

// Read implements [source.Source]. See [reading.Reader.Read].
//
// A row whose ids cannot be used is rejected, and reading goes on. A list with
// a row that cannot be told apart from its neighbours (broken quotes, too long,
// more or fewer columns than the header) ends in a [source.DamagedError].
func (s *Source) Read(ctx context.Context, in source.Input, from source.Position, fn func(source.Batch) error) error {
	r := &reading.Reader{Name: s.cfg.Name, Bucket: s.bucket, Parser: s.parser, Records: batchRecords, Junk: errJunk}
	return r.Read(ctx, in, from, fn)
}

// parser finds out again what Inputs found out: a layout is more than an input
// can carry.
func (s *Source) parser(r *bucket.Reader, in source.Input, o source.Object) (reading.Parser, error) {
	_, a := s.lookup(o.Name)
	content, l, err := s.look(r, a)
	if err != nil {
		if unusable := (*unusableError)(nil); errors.As(err, &unusable) {
			err = &source.DamagedError{Object: o.Name, Err: err}
		}
		return nil, err
	}
	withHash := in.Shape == source.ShapeChanges
	p := &parser{row: row{nobody: s.cfg.Placeholders}}
	switch l.format {
	case formatParquet:
		p.rows = newParquetRows(r, content.parquet, l, withHash)
	case formatCSV:
		p.rows = newCSVRows(bucket.NewWindow(content.text, s.cfg.MaxLine, withHash), l, s.cfg.MaxLine)
	case formatMessages:
		p.rows = &messageRows{jsonItems{Splitter: bucket.NewSplitter(content.text, s.cfg.MaxLine)}, &s.decoder}
	default:
		p.rows = &jsonRows{jsonItems: jsonItems{Splitter: bucket.NewSplitter(content.text, s.cfg.MaxLine)}, own: a.Columns}
	}
	return p, nil
}
