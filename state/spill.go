package state

import (
	"cmp"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// A list is spilled by ranges of profile ids, so that each can be sorted in
// memory and all together come out in the order of the tables. They share one
// file, in which each has the blocks that it filled.
const (
	spillBits  = 10
	spillParts = 1 << spillBits
	spillBlock = 4 << 10
)

// member is one line of a list.
type member struct {
	id      int64
	person  Person
	value   string
	cleared bool
}

// wanted is the value that a list wants of its member.
func (m *member) wanted() sql.NullString {
	return sql.NullString{String: m.value, Valid: !m.cleared}
}

// spill takes members in any order and gives them back sorted by id. Its file
// has no name on disk, so nothing stays when the process dies.
type spill struct {
	dir    string
	file   *os.File // nil while all fits into the parts' buffers
	blocks int64    // in the file
	parts  [spillParts]spillPart
	count  int64

	barred *barred // of those who were forgotten while the list was read; nil if nobody was
}

type spillPart struct {
	full []int64 // its blocks in the file, by number
	rest []byte  // what does not fill a block yet
	rows int
}

// tempFile makes a file that only this process can see.
func tempFile(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "impactsync-spill-*")
	if err != nil {
		return nil, fmt.Errorf("make a spill file (TMPDIR says where): %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (s *spill) add(m *member) error {
	p := &s.parts[m.id>>(63-spillBits)]
	s.count++
	p.rows++
	p.rest = m.append(p.rest)
	for len(p.rest) >= spillBlock {
		if err := s.write(p.rest[:spillBlock]); err != nil {
			return err
		}
		p.full = append(p.full, s.blocks-1)
		p.rest = append(p.rest[:0], p.rest[spillBlock:]...)
	}
	return nil
}

func (s *spill) write(block []byte) (err error) {
	if s.file == nil {
		if s.file, err = tempFile(s.dir); err != nil {
			return err
		}
	}
	if _, err := s.file.WriteAt(block, s.blocks*spillBlock); err != nil {
		return fmt.Errorf("spill the list (TMPDIR says where): %w", err)
	}
	s.blocks++
	return nil
}

func (m *member) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(m.id))
	for _, s := range [...]string{m.person.UserID, m.person.AnonymousID, m.person.EmailSHA1, m.value} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	if m.cleared {
		return append(b, 1)
	}
	return append(b, 0)
}

// part reads one range back, sorted, without the lines that a later one of the
// same person replaces. The strings share one buffer.
func (s *spill) part(i int) ([]member, error) {
	p := &s.parts[i]
	var text strings.Builder
	text.Grow(len(p.full)*spillBlock + len(p.rest))
	block := make([]byte, spillBlock)
	for _, n := range p.full {
		if _, err := s.file.ReadAt(block, n*spillBlock); err != nil {
			return nil, fmt.Errorf("read the spilled list: %w", err)
		}
		text.Write(block)
	}
	text.Write(p.rest)
	members, err := decodeMembers(text.String(), p.rows)
	if err != nil {
		return nil, err
	}
	if s.barred != nil {
		members = slices.DeleteFunc(members, func(m member) bool {
			out, _ := s.barred.filter(&m.person)
			return out
		})
	}
	return sortMembers(members), nil
}

// sortMembers sorts by id, and of several lines of one person keeps the last.
func sortMembers(members []member) []member {
	// Numbers are cheaper to move than members.
	order := make([]struct{ id, at int64 }, len(members))
	for i := range members {
		order[i].id, order[i].at = members[i].id, int64(i)
	}
	slices.SortFunc(order, func(a, b struct{ id, at int64 }) int {
		if a.id != b.id {
			return cmp.Compare(a.id, b.id)
		}
		return cmp.Compare(a.at, b.at)
	})
	out := make([]member, 0, len(members))
	for _, o := range order {
		m := members[o.at]
		if n := len(out); n > 0 && out[n-1].id == m.id && out[n-1].person.sameKey(m.person) {
			out[n-1] = m
			continue
		}
		out = append(out, m)
	}
	return out
}

var errSpill = errors.New("the spilled list cannot be read back")

func decodeMembers(raw string, rows int) ([]member, error) {
	members := make([]member, 0, rows)
	for len(raw) > 0 {
		m, rest, err := decodeMember(raw)
		if err != nil {
			return nil, err
		}
		members, raw = append(members, m), rest
	}
	return members, nil
}

func decodeMember(raw string) (m member, rest string, err error) {
	if len(raw) < 8 {
		return m, "", errSpill
	}
	m.id = int64(binary.BigEndian.Uint64([]byte(raw[:8])))
	raw = raw[8:]
	for _, s := range [...]*string{&m.person.UserID, &m.person.AnonymousID, &m.person.EmailSHA1, &m.value} {
		var n uint64
		if n, raw, err = uvarint(raw); err != nil || uint64(len(raw)) < n {
			return m, "", errSpill
		}
		*s, raw = raw[:n], raw[n:]
	}
	if len(raw) == 0 {
		return m, "", errSpill
	}
	m.cleared = raw[0] == 1
	return m, raw[1:], nil
}

func uvarint(s string) (uint64, string, error) {
	var v uint64
	for i, shift := 0, 0; i < len(s) && shift < 64; i, shift = i+1, shift+7 {
		v |= uint64(s[i]&0x7f) << shift
		if s[i] < 0x80 {
			return v, s[i+1:], nil
		}
	}
	return 0, "", errSpill
}

func (s *spill) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
