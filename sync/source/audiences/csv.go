package audiences

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
)

// csvParser reads the rows of a CSV.
type csvParser struct {
	rows   rows
	layout layout
	begun  bool
}

// Position implements parser.
func (p *csvParser) Position() source.Position { return p.rows.window.Position() }

func (p *csvParser) resume(from source.Position) (bool, error) {
	return p.rows.window.Resume(from, func() error { return p.next(nil) })
}

func (p *csvParser) next(b *batch) error {
	if !p.begun {
		p.begun = true
		if err := p.header(); err != nil {
			return err
		}
	}
	if err := p.rows.next(); errors.Is(err, io.EOF) || b == nil {
		return err
	} else if err != nil {
		return p.explain(err)
	}
	line := p.rows.line
	if n := len(p.rows.fields); n != p.layout.width {
		reason := fmt.Errorf("%d columns where the header has %d", n, p.layout.width)
		if b.input.Shape == source.ShapeList {
			return &rowError{line, reason}
		}
		b.reject(line, reason.Error())
		return nil
	}
	p.addRow(b, line)
	return nil
}

// header passes over the blank lines and the header that the layout was made
// of; its quotes do not span lines.
func (p *csvParser) header() error {
	for {
		line, err := p.rows.readLine()
		if err != nil {
			return p.explain(err)
		}
		if len(trimHeader(line)) > 0 {
			return nil
		}
	}
}

// explain makes an error of the CSV one of the object.
func (p *csvParser) explain(err error) error {
	if isSyntax(err) {
		return &rowError{p.rows.line, err}
	}
	return err
}

func (p *csvParser) addRow(b *batch, line int64) {
	l := &p.layout
	for _, field := range p.rows.fields {
		b.bytes += len(field)
		if !utf8.Valid(field) {
			b.unreadable(line, segment.ErrInvalidUTF8.Error())
			return
		}
	}
	r := row{line: line, hasText: l.value >= 0, value: p.text(l.value)}
	if b.input.Shape == source.ShapeChanges && !p.fillChange(b, &r) {
		return
	}
	b.ids.reset()
	b.ids.users = p.pick(b.ids.users, l.users)
	b.ids.anons = p.pick(b.ids.anons, l.anons)
	b.ids.emails = p.pick(b.ids.emails, l.emails)
	// The columns of a formatted download say the same as external_ids do.
	if l.external >= 0 && !b.hasUser() {
		if err := b.ids.addExternal(p.rows.fields[l.external]); err != nil {
			b.unreadable(line, err.Error())
			return
		}
	}
	b.add(r)
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
	return string(p.rows.fields[column])
}

func (p *csvParser) pick(to []string, columns []int) []string {
	for _, i := range columns {
		if len(p.rows.fields[i]) > 0 {
			to = append(to, string(p.rows.fields[i]))
		}
	}
	return to
}
