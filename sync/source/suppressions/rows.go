package suppressions

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source/bucket"
	"github.com/impactsync/impactsync/sync/source/table"
)

// csv reads CSV.
func csv(r io.Reader, h table.Header, ids table.IDs, fn func(segment.Identity) error) error {
	t := table.NewReader(bucket.NewWindow(r, longestLine, false), h, longestLine)
	var all rows
	for {
		row, err := t.Next()
		if errors.Is(err, io.EOF) {
			return all.end()
		}
		if err == nil && row.Skipped == "" {
			err = all.row(row.Fields, ids, fn)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", row.Line, err)
		}
	}
}

// parquet reads Parquet.
func parquet(r *bucket.Reader, at io.ReaderAt, size int64, fn func(segment.Identity) error) (err error) {
	t, err := table.OpenParquet(at, size)
	if err != nil {
		return r.Damaged(err)
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	ids := table.Columns{}.Find(t.Names)
	if ids.Len() == 0 {
		return errNoColumn
	}
	if err := t.Use(slices.Concat(ids.Users, ids.Anons, ids.Emails)); err != nil {
		return err
	}
	var all rows
	for {
		row, err := t.Next()
		if errors.Is(err, io.EOF) {
			return all.end()
		}
		if err != nil {
			return r.Damaged(err)
		}
		if err := all.row(row.Fields, ids, fn); err != nil {
			return fmt.Errorf("row %d: %w", row.Line, err)
		}
	}
}

// rows remembers whether any row named somebody. A list of which none does is
// one that is not understood: a list of nobody has the header alone.
type rows struct{ named, filled bool }

func (r *rows) end() error {
	if r.filled && !r.named {
		return errNobody
	}
	return nil
}

// row gives whom a row names.
func (r *rows) row(fields []string, ids table.IDs, fn func(segment.Identity) error) error {
	r.filled = r.filled || slices.ContainsFunc(fields, func(field string) bool { return strings.TrimSpace(field) != "" })
	var texts [3][]string
	for i, columns := range [...][]int{ids.Users, ids.Anons, ids.Emails} {
		for _, column := range columns {
			id := strings.TrimSpace(fields[column])
			if !utf8.ValidString(id) {
				return segment.ErrInvalidUTF8
			}
			if id != "" {
				texts[i] = append(texts[i], id)
			}
		}
	}
	return person(texts[0], texts[1], texts[2], len(ids.Users) > 0, func(who segment.Identity) error {
		r.named = r.named || !who.IsZero()
		return fn(who)
	})
}
