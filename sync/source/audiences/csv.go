package audiences

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/bucket"
	"github.com/impactsync/impactsync/sync/source/table"
)

// csvParser reads the rows of a CSV.
type csvParser struct {
	window *bucket.Window
	rows   *table.Reader
	layout layout
	read   []int     // columns
	row    table.Row // the last one
}

func newCSVParser(w *bucket.Window, l layout, maxLine int) *csvParser {
	return &csvParser{window: w, rows: table.NewReader(w, l.header, maxLine), layout: l, read: l.read()}
}

// Position implements parser.
func (p *csvParser) Position() source.Position { return p.window.Position() }

func (p *csvParser) resume(from source.Position) (bool, error) {
	return p.window.Resume(from, func() error { return p.next(nil) })
}

func (p *csvParser) next(b *batch) error {
	var err error
	p.row, err = p.rows.Next()
	line := p.row.Line
	var columns *table.ColumnsError
	switch {
	case errors.As(err, &columns) && (b == nil || b.input.Shape == source.ShapeChanges):
		if b != nil {
			b.reject(line, err.Error())
		}
	case errors.As(err, &columns), table.IsSyntax(err):
		return &rowError{line, err}
	case err != nil:
		return err
	case b == nil:
	case p.row.Skipped != "":
		b.skip(line, p.row.Skipped)
	default:
		return p.addRow(b)
	}
	return nil
}

func (p *csvParser) addRow(b *batch) error {
	l, line := &p.layout, p.row.Line
	for _, i := range p.read { // what nobody reads may be in any encoding
		field := p.row.Fields[i]
		b.bytes += len(field)
		if !utf8.ValidString(field) {
			b.unreadable(line, segment.ErrInvalidUTF8.Error())
			return nil
		}
	}
	r := row{line: line, hasText: l.value >= 0, value: p.text(l.value)}
	if b.input.Shape == source.ShapeChanges && !p.fillChange(b, &r) {
		return nil
	}
	b.ids.reset()
	b.ids.users = p.pick(b.ids.users, l.ids.Users)
	b.ids.anons = p.pick(b.ids.anons, l.ids.Anons)
	b.ids.emails = p.pick(b.ids.emails, l.ids.Emails)
	// The columns of a formatted download say the same as external_ids do.
	if l.external >= 0 && !b.hasUser() {
		if err := b.ids.addExternal([]byte(p.row.Fields[l.external])); err != nil {
			b.unreadable(line, err.Error())
			return nil
		}
	}
	return b.add(r)
}

// fillChange reads what rows of AWS S3 (Actions) say of a change. A row
// without a time happened, as far as anybody knows, when its file was written.
func (p *csvParser) fillChange(b *batch, r *row) bool {
	l, c := &p.layout, &r.change
	if l.named {
		c.Key = p.text(l.name)
		if r.value == "" {
			b.skip(r.line, SkipNotAudience)
			return false
		}
		if !segment.UsableID(c.Key) || len(c.Key) > segment.MaxTraitKey {
			b.reject(r.line, "no audience_name that could be a trait key")
			return false
		}
	}
	c.ComputationID, c.SpaceID, c.MessageID = p.text(l.id), p.text(l.space), p.text(l.message)
	c.At, c.Timing = segment.RowTime(p.text(l.time), b.input.ListedAt, b.now)
	return true
}

func (p *csvParser) text(column int) string {
	if column < 0 {
		return ""
	}
	return strings.Clone(p.row.Fields[column]) // the row may be long
}

func (p *csvParser) pick(to []string, columns []int) []string {
	for _, i := range columns {
		if id := p.text(i); id != "" {
			to = append(to, id)
		}
	}
	return to
}
