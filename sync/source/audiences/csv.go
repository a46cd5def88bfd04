package audiences

import (
	"errors"

	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/bucket"
	"github.com/impactsync/impactsync/sync/source/reading"
	"github.com/impactsync/impactsync/sync/source/table"
)

// csvRows are the rows of a CSV.
type csvRows struct {
	*bucket.Window
	table   *table.Reader
	layout  layout
	texts   []string
	skipped string // the last one; so is broken
	broken  error
}

func newCSVRows(w *bucket.Window, l layout, maxLine int) *csvRows {
	return &csvRows{Window: w, table: table.NewReader(w, l.header, maxLine), layout: l, texts: make([]string, len(l.header.Names))}
}

// Resume implements rows.
func (c *csvRows) Resume(from source.Position) (bool, error) { return c.Window.Resume(from, c.next) }

func (c *csvRows) next() (err error) {
	c.broken = nil
	c.skipped, err = c.table.Next()
	var columns *table.ColumnsError
	switch {
	case errors.As(err, &columns):
		c.broken = err
		return nil
	case table.IsSyntax(err):
		return &reading.RecordError{Line: c.table.Line(), Err: err}
	}
	return err
}

func (c *csvRows) read(r *row) {
	r.line, r.broken, r.skipped = c.table.Line(), c.broken, c.skipped
	if r.broken != nil || r.skipped != "" {
		return
	}
	for _, i := range c.layout.read {
		c.texts[i] = string(c.table.Fields[i])
	}
	r.fields(&c.layout, c.texts)
}
