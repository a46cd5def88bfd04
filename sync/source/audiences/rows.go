package audiences

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/reading"
)

// The words of [source.Record.Skipped].
const (
	SkipNotMember   = "not_member"   // a row of a full list that says false
	SkipNotAudience = "not_audience" // a row or message that changes no trait
)

// rows are the rows of one object, however it is written.
type rows interface {
	// next moves to the next row. It returns io.EOF at the end.
	next() error
	// read reads that row.
	read(r *row)
	Position() source.Position
	Resume(from source.Position) (same bool, err error)
}

// row is what a row says. Of one that cannot be used broken, skipped or rejected
// is set, and of a raw message message; of all others the rest.
type row struct {
	line   int64
	size   int
	nobody *segment.Placeholders

	broken     error // it cannot be told from its neighbours
	skipped    string
	rejected   string
	unreadable bool // rejected, and not even the person is known
	message    *segment.Message

	ids
	who      []segment.Identity
	hasValue bool // there is a column for one
	value    string
	time     string
	change   segment.TraitChange
}

func (r *row) reset() {
	*r = row{nobody: r.nobody, ids: ids{r.users[:0], r.anons[:0], r.emails[:0]}, who: r.who[:0]}
}

func (r *row) unread(err error) { r.rejected, r.unreadable = err.Error(), true }

// fields reads the fields of a row, of which only those that l reads are there.
func (r *row) fields(l *layout, fields []string) {
	for _, i := range l.read { // what nobody reads may be in any encoding
		r.size += len(fields[i])
		if !utf8.ValidString(fields[i]) {
			r.unread(segment.ErrInvalidUTF8)
			return
		}
	}
	text := func(column int) string {
		if column < 0 {
			return ""
		}
		return strings.Clone(fields[column]) // the row may be long
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
	r.users = pick(r.users, fields, l.ids.Users)
	r.anons = pick(r.anons, fields, l.ids.Anons)
	r.emails = pick(r.emails, fields, l.ids.Emails)
	// The columns of a formatted download say the same as external_ids do.
	if l.external >= 0 && !slices.ContainsFunc(r.users, r.nobody.Usable) {
		if err := r.addExternal([]byte(fields[l.external])); err != nil {
			r.unread(err)
		}
	}
}

func pick(to, fields []string, columns []int) []string {
	for _, i := range columns {
		if fields[i] != "" {
			to = append(to, strings.Clone(fields[i]))
		}
	}
	return to
}

// parser makes records of rows. It is a [reading.Parser].
type parser struct {
	rows
	row row
}

// Next implements [reading.Parser].
func (p *parser) Next(b *reading.Batch) error {
	if err := p.next(); err != nil {
		return err
	}
	r := &p.row
	r.reset()
	p.read(r)
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
		b.Add(source.Record{Line: r.line, Change: b.Change(c)})
	}
}
