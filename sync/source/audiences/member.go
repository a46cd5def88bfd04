package audiences

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
)

// The words of [source.Record.Skipped].
const (
	SkipNotMember   = "not_member"   // a row of a full list that says false
	SkipNotAudience = "not_audience" // a row or message that changes no trait
)

const (
	reasonNoID   = "no usable user id, anonymous id or e-mail address"
	reasonSHA256 = "only the SHA-256 of an e-mail address, which cannot be addressed: impact.com takes SHA-1 on page loads"
)

// row is what a row says besides its ids.
type row struct {
	line    int64
	value   string
	null    bool // there is no value
	hasText bool // there is a column for one
	change  segment.TraitChange
}

// errScientific: the digits are gone, and whoever has left cannot be told from
// whoever was cut. What else a spreadsheet did to such a list nobody knows.
var errScientific = errors.New("ids in scientific notation (such as 1.2E+15): Excel has cut them; export again, with the column as text")

// add adds the records of a row whose ids are in b.ids: one for each way in
// which the person is addressed. A list with an id that was cut is of no use.
func (b *batch) add(r row) error {
	if b.ids.cut() {
		if b.input.Shape == source.ShapeList {
			return &rowError{r.line, errScientific}
		}
		b.unreadable(r.line, errScientific.Error())
		return nil
	}
	b.addMembers(r)
	return nil
}

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

func (b *batch) addMembers(r row) {
	var member source.Member
	switch {
	case b.input.Class == segment.ClassComputed:
		member.Value, member.Cleared = segment.Redact(segment.CleanText(r.value)), r.null || r.value == ""
	case !r.hasText:
		member.Value = "true"
	case strings.EqualFold(r.value, "true"), strings.EqualFold(r.value, "false"): // a spreadsheet writes TRUE
		member.Value = strings.ToLower(r.value)
	case r.value == "" && b.input.Shape == source.ShapeChanges:
		b.skip(r.line, SkipNotAudience)
		return
	case r.value == "":
		member.Value = "false"
	default:
		b.reject(r.line, fmt.Sprintf("%q is neither true nor false: set value: computed if it is not a membership", clip(segment.Redact(r.value))))
		return
	}
	if b.input.Shape == source.ShapeList && b.input.Class != segment.ClassComputed && member.Value == "false" {
		b.skip(r.line, SkipNotMember)
		return
	}
	if member.Cleared {
		member.Value = ""
	}
	if !b.address(r, member) {
		b.reject(r.line, b.ids.reason())
	}
}

// address adds a record for each user id, else for each anonymous id, else for
// each e-mail address.
func (b *batch) address(r row, m source.Member) (found bool) {
	nobody := b.nobody
	anon, email := "", ""
	if i := slices.IndexFunc(b.ids.anons, nobody.Usable); i >= 0 {
		anon = b.ids.anons[i]
	}
	if i := slices.IndexFunc(b.ids.emails, func(s string) bool { return nobody.Identity("", "", s).EmailSHA1 != "" }); i >= 0 {
		email = b.ids.emails[i]
	}
	for _, id := range b.ids.users {
		if nobody.Usable(id) {
			found = b.emit(r, m, nobody.Identity(id, anon, email)) || found
		}
	}
	if found {
		return true
	}
	for _, id := range b.ids.anons {
		found = b.emit(r, m, nobody.Identity("", id, email)) || found
	}
	if found {
		return true
	}
	for _, email := range b.ids.emails {
		found = b.emit(r, m, nobody.Identity("", "", email)) || found
	}
	return found
}

func (b *batch) emit(r row, m source.Member, id segment.Identity) bool {
	if id.IsZero() {
		return false
	}
	if b.input.Shape == source.ShapeList {
		m.Identity = id
		b.addMember(r.line, m)
		return true
	}
	c := r.change
	c.Identity, c.Class, c.Value = id, b.input.Class, m.Value
	if c.State = segment.ValueSet; m.Cleared {
		c.State = segment.ValueCleared
	}
	if c.Key == "" {
		c.Key, c.Name = b.input.Key, b.input.Name
	}
	b.addChange(r.line, c)
	return true
}

// hasUser reports whether a usable user id is among the ids.
func (b *batch) hasUser() bool { return slices.ContainsFunc(b.ids.users, b.nobody.Usable) }

// reason says why the ids address nobody.
func (p *ids) reason() string {
	for _, email := range p.emails {
		if len(email) == 64 && !segment.LooksLikeEmail(email) {
			return reasonSHA256
		}
	}
	return reasonNoID
}

func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "..." // no half character
	}
	return s
}
