package audiences

import (
	"fmt"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/reading"
	"github.com/impactsync/impactsync/sync/source/table"
)

const reasonSHA256 = "only the SHA-256 of an e-mail address, which cannot be addressed: impact.com takes SHA-1 on page loads"

// addMembers adds the records of a row: one for each person that it names.
func addMembers(b *reading.Batch, r *row) {
	record := source.Record{Line: r.line}
	changes, computed := b.Input.Shape == source.ShapeChanges, b.Input.Class == segment.ClassComputed
	value := strings.ToLower(r.value) // a spreadsheet writes TRUE
	switch {
	case computed:
		value = segment.Redact(segment.CleanText(r.value))
	case !r.hasValue:
		value = "true"
	case value == "" && !changes:
		value = "false"
	case value == "":
		record.Skipped = SkipNotAudience
	case value != "true" && value != "false":
		record.Rejected = fmt.Sprintf("%q is neither true nor false: set value: computed if it is not a membership", clip(segment.Redact(r.value)))
	}
	if !changes && !computed && value == "false" {
		record.Skipped = SkipNotMember
	}
	if record.Skipped != "" || record.Rejected != "" {
		b.Add(record)
		return
	}
	people := r.people()
	for _, id := range people {
		r.addPerson(b, id, value)
	}
	if len(people) == 0 {
		record.Rejected = r.reason()
		b.Add(record)
	}
}

// addPerson adds what the row says of one person.
func (r *row) addPerson(b *reading.Batch, id segment.Identity, value string) {
	cleared := r.value == "" && b.Input.Class == segment.ClassComputed
	if b.Input.Shape == source.ShapeList {
		b.AddMember(&source.Member{Identity: id, Line: r.line, Value: value, Cleared: cleared})
		return
	}
	c := r.change
	c.At, c.Timing = segment.RowTime(r.time, b.Input.ListedAt, b.Now) // a row without a time happened when its file was written
	c.Identity, c.Class, c.Value, c.State = id, b.Input.Class, value, segment.ValueSet
	if cleared {
		c.State = segment.ValueCleared
	}
	if c.Key == "" {
		c.Key, c.Name = b.Input.Key, b.Input.Name
	}
	b.Add(source.Record{Line: r.line, Change: &c})
}

// people returns the people whom the row's ids address.
func (r *row) people() []segment.Identity {
	r.buf = r.nobody.People(r.buf[:0], r.ids[table.UserID], r.ids[table.AnonymousID], r.ids[table.Email])
	return r.buf
}

// reason says why the ids name nobody who can be addressed.
func (p *ids) reason() string {
	for _, email := range p[table.Email] {
		if len(email) == 64 && !segment.LooksLikeEmail(email) {
			return reasonSHA256
		}
	}
	return source.NamesNobody
}

func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "..." // do not cut a character in half
	}
	return s
}
