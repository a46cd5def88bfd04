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
	return rows(func() (table.Row, error) {
		row, err := t.Next()
		if err != nil && !errors.Is(err, io.EOF) {
			err = r.Damaged(err)
		}
		return row, err
	}, ids, fn)
}

// rows reads the rows of a table. If none of them names anybody, the list was not
// understood: a list of nobody has the header alone.
func rows(next func() (table.Row, error), ids table.IDs, fn func(segment.Identity) error) error {
	named, filled := false, false
	for {
		r, err := next()
		if errors.Is(err, io.EOF) && filled && !named {
			return errNobody
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && r.Skipped == "" {
			filled = filled || slices.ContainsFunc(r.Fields, func(field string) bool { return strings.TrimSpace(field) != "" })
			err = row(r.Fields, ids, func(who segment.Identity) error {
				named = named || !who.IsZero()
				return fn(who)
			})
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", r.Line, err)
		}
	}
}

// row calls fn with whom a row names.
func row(fields []string, ids table.IDs, fn func(segment.Identity) error) error {
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
	return person(texts[0], texts[1], texts[2], len(ids.Users) > 0, fn)
}
