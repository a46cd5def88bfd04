package suppressions

import (
	"context"
	"errors"
	"fmt"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/bucket"
	"github.com/impactsync/impactsync/sync/source/table"
)

// Files are the suppression lists in one folder, which count together. Each is
// packed or not, see [bucket.Bucket.Open], and is one of these:
//
//   - a CSV or Parquet file with a column of user ids, anonymous ids or e-mail
//     addresses;
//   - NDJSON or a JSON array of ids, or of objects with such fields or Segment's
//     subjectIds;
//   - plain text with one id or address a line.
type Files struct {
	bucket *bucket.Bucket
}

// Open opens the folder of a URL, see [bucket.Open].
func Open(ctx context.Context, url string) (*Files, error) {
	b, err := bucket.Open(ctx, url, bucket.Options{FollowLinks: true}) // leaving one out would be worse
	if err != nil {
		return nil, fmt.Errorf("suppression list: %w", err)
	}
	return &Files{b}, nil
}

// Close closes the bucket.
func (f *Files) Close() error { return f.bucket.Close() }

// errNoList is the error of an empty folder, which does not say that nobody is
// suppressed.
var errNoList = errors.New("no file is there: if nobody is suppressed any more, leave a file with the header user_id alone")

// Each calls fn with each person, in any order and perhaps more than once: by the
// user id, or else the anonymous id, or else the address. A folder without a file
// is an error; a file with only a header says that nobody is suppressed. A line that
// cannot be used is an error. Memory does not grow with the files.
func (f *Files) Each(ctx context.Context, fn func(segment.Identity) error) error {
	var all []source.Object
	for o, err := range f.bucket.Objects(ctx) {
		if err != nil {
			return fmt.Errorf("suppression list: %w", err)
		}
		all = append(all, o)
	}
	if len(all) == 0 {
		return fmt.Errorf("suppression list: %s: %w", f.bucket.URL(), errNoList)
	}
	for _, o := range all {
		if err := f.object(ctx, o, fn); err != nil {
			return fmt.Errorf("suppression list: %w", err)
		}
	}
	return nil
}

func (f *Files) object(ctx context.Context, o source.Object, fn func(segment.Identity) error) (err error) {
	if o.Size == 0 {
		return fmt.Errorf("%q is empty: a list of nobody has a header user_id", o.Name)
	}
	r, err := f.bucket.Open(ctx, o)
	if errors.Is(err, bucket.ErrDamaged) || errors.Is(err, bucket.ErrUnsupported) {
		return fmt.Errorf("read %q: %w", o.Name, err) // the text does not name the object
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	p, isParquet, err := table.OpenParquet(r)
	if isParquet && err == nil {
		err = parquet(p, fn)
	} else if !isParquet {
		err = read(r, fn)
	}
	if err != nil {
		return fmt.Errorf("read %q: %w", o.Name, err)
	}
	return r.Verify(ctx)
}
