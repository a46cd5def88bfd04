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
	table  *table.Reader
	layout layout
	row    table.Row // the last one
	broken error     // why it is none
}

func newCSVRows(w *bucket.Window, l layout, maxLine int) *csvRows {
	return &csvRows{Window: w, table: table.NewReader(w, l.header, maxLine), layout: l}
}

// Resume implements rows.
func (c *csvRows) Resume(from source.Position) (bool, error) { return c.Window.Resume(from, c.next) }

func (c *csvRows) next() (err error) {
	c.broken = nil
	c.row, err = c.table.Next()
	var columns *table.ColumnsError
	switch {
	case errors.As(err, &columns):
		c.broken = err
		return nil
	case table.IsSyntax(err):
		return &reading.RecordError{Line: c.row.Line, Err: err}
	}
	return err
}

func (c *csvRows) read(r *row) {
	r.line, r.broken, r.skipped = c.row.Line, c.broken, c.row.Skipped
	if r.broken == nil && r.skipped == "" {
		r.fields(&c.layout, c.row.Fields)
	}
}
