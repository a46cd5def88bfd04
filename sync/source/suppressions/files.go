package suppressions

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/bucket"
)

// Files are the suppression lists in one folder; all of them together count.
// Each is a CSV file with a column user_id, NDJSON with a userId, a user_id or
// Segment's subjectIds in each line, or plain text with one id a line; gzip or not.
type Files struct {
	bucket *bucket.Bucket
}

// Open opens the folder of a URL, see [bucket.Open].
func Open(ctx context.Context, url string) (*Files, error) {
	b, err := bucket.OpenWith(ctx, url, bucket.Options{FollowLinks: true}) // to leave one out would be worse
	if err != nil {
		return nil, fmt.Errorf("suppression list: %w", err)
	}
	return &Files{b}, nil
}

// Close gives up the bucket.
func (f *Files) Close() error { return f.bucket.Close() }

// errNoList: an emptied folder says nothing.
var errNoList = errors.New("no file is there: where nobody is suppressed any more, leave a file with the header user_id alone")

// Each calls fn with each user id, in any order and perhaps more than once. A
// folder without a file is an error: nobody is suppressed only where a
// file says so, with no more than a header. Any line that cannot be used is an
// error. Memory does not grow with the files.
func (f *Files) Each(ctx context.Context, fn func(userID string) error) error {
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

func (f *Files) object(ctx context.Context, o source.Object, fn func(string) error) (err error) {
	if o.Size == 0 {
		return fmt.Errorf("%q has no bytes: a list of nobody has a header user_id", o.Name)
	}
	r, err := f.bucket.Open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := read(r, fn); err != nil {
		return fmt.Errorf("read %q: %w", o.Name, err)
	}
	return r.Verify(ctx)
}

// longestLine bounds a line: Segment puts at most 5,000 ids into one regulation.
const longestLine = 4 << 20

// read tells the three forms apart by the first line.
func read(src io.Reader, fn func(string) error) error {
	r := bufio.NewReaderSize(src, 64<<10)
	start, err := r.Peek(r.Size())
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	start = bytes.TrimPrefix(start, []byte("\ufeff"))
	first, _, _ := bytes.Cut(bytes.TrimLeft(start, " \t\r\n"), []byte("\n"))
	switch {
	case bytes.HasPrefix(first, []byte("{")):
		return lines(r, func(line string) error { return jsonLine(line, fn) })
	case bytes.ContainsAny(first, ",;\t"), isUserID(string(bytes.TrimSpace(first))):
		return table(r, fn)
	}
	return lines(r, fn)
}

// lines gives each line that is not blank.
func lines(r io.Reader, fn func(string) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, longestLine)
	n := 0
	for s.Scan() {
		n++
		line := strings.TrimSpace(strings.TrimPrefix(s.Text(), "\ufeff"))
		if line == "" {
			continue
		}
		if err := fn(line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d is longer than 4 MiB", n+1)
	}
	return s.Err()
}

// subject is a line of NDJSON, or an element of Segment's answer.
type subject struct {
	UserID  string   `json:"userId"`
	UserID2 string   `json:"user_id"`
	Type    string   `json:"subjectType"`
	IDs     []string `json:"subjectIds"`
}

func jsonLine(line string, fn func(string) error) error {
	var s subject
	if json.Unmarshal([]byte(line), &s) != nil { // its text may quote the line
		return errors.New("not a JSON object with a userId of text")
	}
	return s.each(fn)
}

// each gives the subject's user ids. Objects are suppressed too; they are nobody.
func (s *subject) each(fn func(string) error) error {
	if s.Type != "" && s.Type != "USER_ID" {
		return nil
	}
	ids := slices.DeleteFunc(append(s.IDs, s.UserID, s.UserID2), func(id string) bool { return strings.TrimSpace(id) == "" })
	if len(ids) == 0 {
		return errors.New("no userId, user_id or subjectIds")
	}
	for _, id := range ids {
		if err := fn(id); err != nil {
			return err
		}
	}
	return nil
}

func isUserID(column string) bool {
	column = strings.ToLower(strings.Trim(column, "\" \t\r\ufeff"))
	return column == "user_id" || column == "userid" || column == "user id"
}

func table(r io.Reader, fn func(string) error) error {
	c := csv.NewReader(r)
	c.ReuseRecord = true
	header, err := c.Read()
	if err != nil {
		return errors.New("line 1: not a header of a CSV file")
	}
	column := slices.IndexFunc(header, isUserID)
	if column < 0 {
		return errors.New("line 1: no column user_id")
	}
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			var at *csv.ParseError
			if errors.As(err, &at) {
				return fmt.Errorf("line %d: %w", at.Line, at.Err)
			}
			return err
		}
		if id := strings.TrimSpace(row[column]); id != "" {
			if err := fn(id); err != nil {
				return err
			}
		}
	}
}
