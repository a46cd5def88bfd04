package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/impactsync/impactsync/cmd/internal/telemetry"
	"github.com/impactsync/impactsync/state"
)

// result prints a result: v as JSON with --json, else what text writes.
func (a *app) result(v any, text func(w io.Writer)) error {
	out := &firstError{w: a.stdout}
	if !a.json {
		text(out)
		return out.err
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// answer is result for what a call returned.
func (a *app) answer(v any, err error, text func(w io.Writer)) error {
	if err != nil {
		return err
	}
	return a.result(v, text)
}

// firstError writes on until an error, which it keeps: a result that did not
// arrive must not end in exit 0.
type firstError struct {
	w   io.Writer
	err error
}

func (f *firstError) Write(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.w.Write(p)
	if err != nil {
		f.err = fmt.Errorf("write the result: %w", err)
	}
	return n, f.err
}

// table aligns lines of tab-separated cells.
func table(w io.Writer, fill func(w io.Writer)) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fill(t)
	_ = t.Flush() // result tells of an error
}

// row writes cells as a line of a table.
func row(w io.Writer, cells ...any) {
	text := make([]string, len(cells))
	for i, c := range cells {
		switch c := c.(type) {
		case int64:
			text[i] = humanize.Comma(c)
		default:
			text[i] = fmt.Sprint(c)
		}
	}
	fmt.Fprintln(w, strings.TrimRight(strings.Join(text, "\t"), "\t"))
}

// list writes a line of each below a title, or nothing if there are none.
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

// page prints a table of the state; with --json its rows as objects.
func (a *app) page(t state.Table, err error, none string) error {
	return a.answer(objects(t), err, func(w io.Writer) {
		if len(t.Rows) == 0 {
			fmt.Fprintln(w, none)
			return
		}
		writePage(w, t)
	})
}

func writePage(w io.Writer, t state.Table) {
	table(w, func(w io.Writer) {
		fmt.Fprintln(w, strings.Join(t.Columns, "\t"))
		for _, cells := range t.Rows {
			for i := range cells {
				cells[i] = plain(cells[i])
			}
			fmt.Fprintln(w, strings.Join(cells, "\t"))
		}
	})
}

// plain keeps foreign text from moving the terminal's cursor, and a cell in its
// line.
func plain(s string) string { return telemetry.Escape(s) }

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

// took shows a duration as people say it: 3s, 2m10s, 5h.
func took(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	text := d.Round(time.Second).String()
	if d >= time.Hour {
		text = strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	return text
}

// count words a number: "1 page load", "1,200 page loads".
func count(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if strings.HasSuffix(one, "y") {
		return humanize.Comma(n) + " " + strings.TrimSuffix(one, "y") + "ies"
	}
	return humanize.Comma(n) + " " + one + "s"
}
