package state

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"iter"
)

// member is one line of a list.
type member struct {
	id      int64 // made from the person's key
	person  Person
	value   string
	cleared bool
	visitor bool // the line named a visitor who is this user by now
}

// rank orders the lines of one person: a value counts for more than none, and then what
// is said of a user by name for more than what is said of a visitor who is that user.
func (m *member) rank() int64 { return 2*one(!m.cleared) + one(!m.visitor) }

// wanted returns the value that a list wants of its member.
func (m *member) wanted() sql.NullString {
	return sql.NullString{String: m.value, Valid: !m.cleared}
}

// peopleOn ranges over the people on some lines of a list.
func peopleOn(all []member) iter.Seq[Person] {
	return func(yield func(Person) bool) {
		for i := range all {
			if !yield(all[i].person) {
				return
			}
		}
	}
}

// encode appends the member, without its number, to b.
func (m *member) encode(b []byte) []byte {
	flags := byte(0)
	if m.cleared {
		flags |= memberCleared
	}
	if m.visitor {
		flags |= memberVisitor
	}
	b = append(b, flags)
	for _, s := range [...]string{m.person.UserID, m.person.AnonymousID, m.person.EmailSHA1, m.value} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

// Flags of an encoded member.
const (
	memberCleared = 1 << iota
	memberVisitor
)

var errMember = errors.New("a spilled member of the list cannot be read back")

func decodeMember(id int64, text string) (m member, err error) {
	if text == "" {
		return m, errMember
	}
	m.id, m.cleared, m.visitor, text = id, text[0]&memberCleared != 0, text[0]&memberVisitor != 0, text[1:]
	for _, s := range [...]*string{&m.person.UserID, &m.person.AnonymousID, &m.person.EmailSHA1, &m.value} {
		size, used := uint64(0), 1
		if text != "" && text[0] < 1<<7 { // a length of one byte, as nearly all are
			size = uint64(text[0])
		} else {
			size, used = binary.Uvarint([]byte(text[:min(len(text), binary.MaxVarintLen64)]))
		}
		if used <= 0 || size > uint64(len(text)-used) {
			return m, errMember
		}
		*s, text = text[used:used+int(size)], text[used+int(size):]
	}
	if text != "" {
		return m, errMember
	}
	return m, nil
}
