package audiences

import (
	"context"
	"errors"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/bucket"
	"github.com/impactsync/impactsync/sync/source/reading"
)

const batchRecords = 1000

var errJunk = errors.New("none of the first 10,000 rows can be used; the rest was not read")

// Read implements [source.Source]. See [reading.Reader.Read].
//
// A row whose ids cannot be used is rejected, and reading goes on. A list ends in a
// [source.DamagedError] at a row that cannot be told from its neighbours: with
// broken quotes, too long, or with more or fewer columns than the header.
func (s *Source) Read(ctx context.Context, in source.Input, from source.Position, fn func(source.Batch) error) error {
	r := &reading.Reader{Name: s.cfg.Name, Bucket: s.bucket, Parser: s.parser, Records: batchRecords, Junk: errJunk}
	return r.Read(ctx, in, from, fn)
}

// parser looks at the object again, as Inputs did: an input does not carry a
// layout.
func (s *Source) parser(r *bucket.Reader, _ source.Input, o source.Object) (reading.Parser, error) {
	_, a := s.lookup(o.Name)
	_, open, err := s.look(r, o, a)
	if err != nil {
		return nil, err
	}
	return &parser{open(), row{nobody: s.cfg.Placeholders, json: new(segment.Parser)}}, nil
}
