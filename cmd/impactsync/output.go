package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/impactsync/impactsync/cmd/internal/telemetry"
	"github.com/impactsync/impactsync/cmd/internal/terminal"
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
	var out []byte
	if a.json {
		if out, err = indented(v); err != nil {
			return err
		}
	} else {
		page := &terminal.Page{Screen: a.screen, Now: time.Now(), Rewrite: a.here}
		text(page)
		out = page.Bytes()
	}
	return a.write(out)
}

func (a *app) write(out []byte) error {
	_, err := a.stdout.Write(out)
	return unwritten(err)
}

// unwritten makes an error of writing to stdout say that it is about the output alone.
func unwritten(err error) error {
	if err == nil {
		return nil
	}
	return &failure{impactsync.ExitFailed, fmt.Errorf("write the result: %w", err), "only the output is missing: the command did its work"}
}

func indented(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return out.Bytes(), err
}

// grid collects the rows of a table for a page.
type grid struct {
	*terminal.Page
	terminal.Table
}

// table writes the rows that fill writes as a table.
func table(w io.Writer, fill func(w io.Writer)) {
	page, ok := w.(*terminal.Page)
	if !ok {
		page = &terminal.Page{}
	}
	g := &grid{Page: page}
	fill(g)
	page.Table(g.Table)
	if !ok {
		_, _ = w.Write(page.Bytes())
	}
}

// head writes the names of a table's columns, before its rows.
func head(w io.Writer, columns ...any) {
	g := w.(*grid)
	for _, c := range columns {
		name := plain(fmt.Sprint(c))
		if _, is := c.(minor); is {
			g.Minor = append(g.Minor, name)
		}
		g.Head = append(g.Head, name)
	}
}

// minor is the name of a column that a narrow terminal can do without.
type minor string

// row writes cells as a line of a table.
func row(w io.Writer, cells ...any) {
	g := w.(*grid)
	line := make([]terminal.Cell, len(cells))
	for i, c := range cells {
		column := ""
		if i < len(g.Head) {
			column = g.Head[i]
		}
		line[i] = g.cell(column, c)
	}
	for len(line) > 0 && line[len(line)-1].Text == "" {
		line = line[:len(line)-1]
	}
	g.Rows = append(g.Rows, line)
}

// tinted is a cell in a colour of its own.
type tinted struct {
	text any
	tint terminal.Tint
}

// moment is a time as the state writes it. On a terminal it is relative to now.
type moment string

// alarming are the columns of numbers that want a look unless they are 0.
var alarming = map[string]terminal.Tint{
	"HELD": terminal.Warn, "REJECTED": terminal.Warn, "UNKNOWN": terminal.Warn, "RETRY LATER": terminal.Warn, "REFUSED": terminal.Bad,
}

func (g *grid) cell(column string, v any) terminal.Cell {
	switch v := v.(type) {
	case tinted:
		c := g.cell(column, v.text)
		c.Tint = v.tint
		return c
	case int64:
		if v == 0 {
			return terminal.Cell{Text: "0"}
		}
		return terminal.Cell{Text: humanize.Comma(v), Tint: alarming[column]}
	case moment:
		if at, err := time.Parse(time.RFC3339Nano, string(v)); err == nil && g.Terminal {
			return terminal.Cell{Text: terminal.Ago(at, g.Now)}
		}
		return terminal.Cell{Text: plain(string(v))}
	}
	return terminal.Cell{Text: plain(fmt.Sprint(v))}
}

// list writes a title and a table with a row for each element, or nothing if there
// are none.
func list[T any](w io.Writer, title string, columns []any, all []T, cells func(T) []any) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintln(w, title)
	table(w, func(w io.Writer) {
		head(w, columns...)
		for _, one := range all {
			row(w, cells(one)...)
		}
	})
}

// writeTable writes a table of the state.
func writeTable(w io.Writer, t state.Table) {
	table(w, func(w io.Writer) {
		for _, name := range t.Columns {
			head(w, name)
		}
		for _, texts := range t.Rows {
			cells := make([]any, len(texts))
			for i, text := range texts {
				cells[i] = moment(text)
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
