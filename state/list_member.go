package state

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"iter"

	"github.com/impactsync/impactsync/state/internal/spill"
)

// member is one line of a list.
type member struct {
	id      int64 // made from the person's key
	person  Person
	value   string
	cleared bool
	visitor bool  // the line named a visitor who is this user by now
	line    int64 // of a visitor, in the order of the list; else 0
}

// rank orders the lines of one person: a value counts for more than none, and then what
// is said of a user by name for more than what is said of a visitor who is that user.
func (m *member) rank() int64 { return 2*one(!m.cleared) + one(!m.visitor) }

// outweighs reports whether a line counts rather than another of the same person that
// was spilled later: as that of the higher rank, or as the later of two visitors.
func (m *member) outweighs(other *member) bool {
	return m.rank() > other.rank() || m.rank() == other.rank() && m.line > other.line
}

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

// membersOf returns the members on the lines of a range.
func membersOf(c *spill.Chunk) ([]member, error) {
	all := make([]member, len(c.Records))
	for i, line := range c.Records {
		var err error
		if all[i], err = decodeMember(line.Number, c.Text(line)); err != nil {
			return nil, err
		}
	}
	return all, nil
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
	if m.line != 0 {
		flags |= memberLine
	}
	b = append(b, flags)
	if m.line != 0 {
		b = binary.BigEndian.AppendUint64(b, uint64(m.line))
	}
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
	memberLine // its number follows
)

var errMember = errors.New("a spilled member of the list cannot be read back")

func decodeMember(id int64, text string) (m member, err error) {
	if text == "" {
		return m, errMember
	}
	flags := text[0]
	m.id, m.cleared, m.visitor, text = id, flags&memberCleared != 0, flags&memberVisitor != 0, text[1:]
	if flags&memberLine != 0 {
		if len(text) < 8 {
			return m, errMember
		}
		m.line, text = int64(binary.BigEndian.Uint64([]byte(text[:8]))), text[8:]
	}
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
