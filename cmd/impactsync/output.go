package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/impactsync/impactsync/cmd/internal/telemetry"
	"github.com/impactsync/impactsync/cmd/internal/words"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
)

// result prints a result unless err is set: v as JSON with --json, otherwise what
// text writes. A result that cannot be written is an error.
func (a *app) result(v any, err error, text func(w io.Writer)) error {
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if a.json {
		e := json.NewEncoder(&out)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			return err
		}
	} else {
		text(&out)
	}
	if _, err := a.stdout.Write(out.Bytes()); err != nil {
		return &failure{impactsync.ExitFailed, fmt.Errorf("write the result: %w", err), "only the output is missing: the command did its work"}
	}
	return nil
}

// table aligns the rows that fill writes.
func table(w io.Writer, fill func(w io.Writer)) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fill(t)
	_ = t.Flush() // into a buffer
}

// row writes cells as a line of a table.
func row(w io.Writer, cells ...any) {
	text := make([]string, len(cells))
	for i, c := range cells {
		switch c := c.(type) {
		case int64:
			text[i] = humanize.Comma(c)
		default:
			text[i] = plain(fmt.Sprint(c))
		}
	}
	fmt.Fprintln(w, strings.TrimRight(strings.Join(text, "\t"), "\t"))
}

// list writes a title and a table with a row for each element, or nothing if there
// are none.
func list[T any](w io.Writer, title string, columns []any, all []T, cells func(T) []any) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintln(w, title)
	table(w, func(w io.Writer) {
		if columns != nil {
			row(w, columns...)
		}
		for _, one := range all {
			row(w, cells(one)...)
		}
	})
}

// writeTable writes a table of the state.
func writeTable(w io.Writer, t state.Table) {
	table(w, func(w io.Writer) {
		for _, texts := range append([][]string{t.Columns}, t.Rows...) {
			cells := make([]any, len(texts))
			for i, text := range texts {
				cells[i] = text
			}
			row(w, cells...)
		}
	})
}

// objects returns the rows of a table of the state, for JSON.
func objects(t state.Table) []map[string]string {
	all := make([]map[string]string, len(t.Rows))
	for i, cells := range t.Rows {
		all[i] = make(map[string]string, len(cells))
		for j, c := range cells {
			all[i][t.Columns[j]] = c
		}
	}
	return all
}

// plain escapes text from outside that could move the terminal's cursor or break a
// line.
func plain(s string) string { return telemetry.Escape(s) }

// took returns a duration as people write it: 3s, 2m10s, 5h0m.
func took(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}

// count returns a number with its noun: "1 page load", "1,200 page loads".
func count(n int64, one string) string { return words.Count(n, one) }
