package audiences

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/bucket"
	"github.com/impactsync/impactsync/sync/source/reading"
	"github.com/impactsync/impactsync/sync/source/table"
)

// The words of [source.Record.Skipped].
const (
	SkipNotMember   = "not_member"   // a row of a full list that says false
	SkipNotAudience = "not_audience" // a row or message that changes no trait
)

// rows are the rows of one object, whatever it is written in.
type rows interface {
	// next reads the next row. It returns [io.EOF] at the end, and a
	// [reading.RecordError] if nothing behind the row can be read.
	next(r *row) error
	Position() source.Position
	Resume(from source.Position) (same bool, err error)
}

// row is what a row says. In a row that cannot be used, one of broken, skipped and
// rejected is set; in a raw message, message; in all others, the rest.
type row struct {
	line   int64
	size   int
	nobody *segment.Placeholders
	json   *segment.Parser // of external_ids

	broken     error // it cannot be told from its neighbours
	skipped    string
	rejected   string
	unreadable bool // rejected, and not even the person is known
	message    *segment.Message

	ids
	buf      []segment.Identity // scratch of people
	hasValue bool               // there is a column for it
	value    string
	time     string
	change   segment.TraitChange
}

// reset empties the row, but for what each row of a file sets, and keeps its memory.
func (r *row) reset() {
	r.size, r.broken, r.skipped, r.rejected, r.unreadable, r.message = 0, nil, "", "", false, nil
	for kind := range r.ids {
		r.ids[kind] = r.ids[kind][:0]
	}
}

func (r *row) unread(err error) { r.rejected, r.unreadable = err.Error(), true }

// tableRows are the rows of a CSV or a Parquet file.
type tableRows struct {
	tableReader
	layout layout
}

type tableReader interface {
	Next() (table.Row, error)
	Position() source.Position
	Resume(from source.Position) (same bool, err error)
}

func (t *tableRows) next(r *row) error {
	at, err := t.Next()
	r.line, r.skipped = at.Line, at.Skipped
	if err == nil {
		if r.skipped == "" {
			r.fields(&t.layout, at.Fields)
		}
		return nil
	}
	var columns *table.ColumnsError
	switch {
	case errors.As(err, &columns):
		r.broken = err
		return nil
	case table.IsSyntax(err):
		return &reading.RecordError{Line: at.Line, Err: err}
	}
	return err
}

// fields takes the fields of a row that l reads.
func (r *row) fields(l *layout, fields []string) {
	for _, i := range l.read { // the others may be in any encoding
		r.size += len(fields[i])
		if !utf8.ValidString(fields[i]) {
			r.unread(segment.ErrInvalidUTF8)
			return
		}
	}
	keep := r.keeper(fields)
	text := func(column int) string {
		if column < 0 {
			return ""
		}
		return keep(fields[column])
	}
	r.value, r.hasValue, r.time = text(l.value), l.value >= 0, text(l.time)
	c := &r.change
	c.ComputationID, c.SpaceID, c.MessageID = text(l.id), text(l.space), text(l.message)
	if l.named {
		c.Key = text(l.name)
		if r.value == "" {
			r.skipped = SkipNotAudience
			return
		}
		if !segment.UsableID(c.Key) || len(c.Key) > segment.MaxTraitKey {
			r.rejected = "no audience_name that could be a trait key"
			return
		}
	}
	for kind, i := range l.ids.All() {
		r.add(kind, keep(fields[i]))
	}
	if l.external >= 0 && strings.TrimSpace(fields[l.external]) != "" && !r.hasUser() {
		external := []byte(fields[l.external])
		if v, err := r.json.Parse(external); err != nil || !r.addExternal(v) {
			r.unread(jsonError(external, errExternalIDs))
		}
	}
}

// keeper returns how to keep a field: by a copy if most of a long row is not needed.
func (r *row) keeper(fields []string) func(string) string {
	size := 0
	for _, f := range fields {
		size += len(f)
	}
	if size > 256+4*r.size {
		return strings.Clone
	}
	return func(field string) string { return field }
}

// hasUser reports whether the columns have a user id. Then external_ids, which in a
// formatted download says the same, need not be read.
func (r *row) hasUser() bool { return slices.ContainsFunc(r.ids[table.UserID], r.nobody.Usable) }

const batchRecords = 1000

var errJunk = errors.New("none of the first 10,000 rows can be used; the rest was not read")

// parser looks at the object again, as Inputs did: an input does not carry a
// layout.
func (s *Source) parser(r *bucket.Reader, _ source.Input, o source.Object) (reading.Parser, error) {
	_, a := s.lookup(o.Name)
	_, open, err := s.look(r, o, a)
	if err != nil {
		return nil, err
	}
	return &parser{rows: open(), row: row{nobody: s.cfg.Placeholders, json: new(segment.Parser)}}, nil
}

// parser turns rows into records. It is a [reading.Parser].
type parser struct {
	rows
	row row
}

// Next implements [reading.Parser].
func (p *parser) Next(b *reading.Batch) error {
	r := &p.row
	r.reset()
	if err := p.next(r); err != nil {
		return err
	}
	b.Size(r.size)
	if r.broken == nil && r.rejected == "" && r.skipped == "" && r.cut() {
		r.broken = errScientific
	}
	if r.broken != nil {
		if b.Input.Shape == source.ShapeList {
			return &reading.RecordError{Line: r.line, Err: r.broken}
		}
		r.unread(r.broken)
	}
	switch {
	case r.rejected != "" || r.skipped != "":
		b.Add(source.Record{Line: r.line, Rejected: r.rejected, Unreadable: r.unreadable, Skipped: r.skipped})
	case r.message != nil:
		addMessage(b, r)
	default:
		addMembers(b, r)
	}
	return nil
}

func addMessage(b *reading.Batch, r *row) {
	b.Keep(r.message)
	r.message.FoundIn(b.Input.ListedAt, b.Now)
	switch c, ok := r.message.Change(); {
	case !ok:
		b.Add(source.Record{Line: r.line, Skipped: SkipNotAudience})
	case c.Identity.IsZero():
		b.Add(source.Record{Line: r.line, Rejected: source.NamesNobody})
	default:
		b.Add(source.Record{Line: r.line, Change: &c})
	}
}
