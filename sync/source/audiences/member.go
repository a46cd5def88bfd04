package audiences

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/reading"
)

const reasonSHA256 = "only the SHA-256 of an e-mail address, which cannot be addressed: impact.com takes SHA-1 on page loads"

// errScientific: the digits are gone, and whoever has left cannot be told from
// whoever was cut. What else a spreadsheet did to such a list nobody knows.
var errScientific = errors.New("ids in scientific notation (such as 1.2E+15): Excel has cut them; export again, with the column as text")

// cut reports whether an id is in scientific notation.
func (p *ids) cut() bool {
	for _, id := range p.users {
		if segment.FormOf(strings.TrimSpace(id)) == segment.FormScientific {
			return true
		}
	}
	for _, id := range p.anons {
		if segment.FormOf(id) == segment.FormScientific {
			return true
		}
	}
	return false
}

// addMembers adds the records of a row: one for each way in which the person is
// addressed.
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
		b.Add(r.record(b, id, value))
	}
	if len(people) == 0 {
		record.Rejected = r.reason()
		b.Add(record)
	}
}

// record is the record of one person.
func (r *row) record(b *reading.Batch, id segment.Identity, value string) source.Record {
	cleared := r.value == "" && b.Input.Class == segment.ClassComputed
	if b.Input.Shape == source.ShapeList {
		return source.Record{Line: r.line, Member: b.Member(source.Member{Identity: id, Value: value, Cleared: cleared})}
	}
	c := r.change
	c.At, c.Timing = segment.RowTime(r.time, b.Input.ListedAt, b.Now) // without a time it happened when its file was written
	c.Identity, c.Class, c.Value, c.State = id, b.Input.Class, value, segment.ValueSet
	if cleared {
		c.State = segment.ValueCleared
	}
	if c.Key == "" {
		c.Key, c.Name = b.Input.Key, b.Input.Name
	}
	return source.Record{Line: r.line, Change: b.Change(c)}
}

// people returns the person of each user id, else of each anonymous id, else of
// each e-mail address.
func (r *row) people() []segment.Identity {
	anon, email := "", ""
	if i := slices.IndexFunc(r.anons, r.nobody.Usable); i >= 0 {
		anon = r.anons[i]
	}
	if i := slices.IndexFunc(r.emails, func(s string) bool { return r.nobody.Identity("", "", s).EmailSHA1 != "" }); i >= 0 {
		email = r.emails[i]
	}
	for _, id := range r.users {
		if r.nobody.Usable(id) {
			r.person(id, anon, email)
		}
	}
	if len(r.who) == 0 {
		for _, id := range r.anons {
			r.person("", id, email)
		}
	}
	if len(r.who) == 0 {
		for _, email := range r.emails {
			r.person("", "", email)
		}
	}
	return r.who
}

func (r *row) person(user, anon, email string) {
	if who := r.nobody.Identity(user, anon, email); !who.IsZero() {
		r.who = append(r.who, who)
	}
}

// reason says why the ids address nobody.
func (p *ids) reason() string {
	for _, email := range p.emails {
		if len(email) == 64 && !segment.LooksLikeEmail(email) {
			return reasonSHA256
		}
	}
	return source.NamesNobody
}

func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "..." // no half character
	}
	return s
}
