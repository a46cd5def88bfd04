package suppressions

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source/bucket"
	"github.com/impactsync/impactsync/sync/source/table"
)

// csv reads CSV.
func csv(r io.Reader, h table.Header, ids table.IDs, fn func(segment.Identity) error) error {
	t := table.NewReader(bucket.NewWindow(r, longestLine, false), h, longestLine)
	for {
		skipped, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && skipped == "" {
			err = row(t.Fields, ids, fn)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", t.Line(), err)
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
	for {
		err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return r.Damaged(err)
		}
		if err := row(t.Fields, ids, fn); err != nil {
			return fmt.Errorf("row %d: %w", t.Line(), err)
		}
	}
}

// row gives whom a row names.
func row(fields [][]byte, ids table.IDs, fn func(segment.Identity) error) error {
	var texts [3][]string
	for i, columns := range [...][]int{ids.Users, ids.Anons, ids.Emails} {
		for _, column := range columns {
			id := string(bytes.TrimSpace(fields[column]))
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
